"""A run of stages with witnesses among them says what the same stages say one by one, to everybody."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from reactivex import Observable, abc

from tests.contracts.pushing import InTurn, PushedBatches
from tokenrill import deadline, transduce, watch
from tokenrill.streams.batched import Batched, BatchObserver, subscribe_batches
from tokenrill.streams.types import Operator

Log = list[tuple[str, str]]


class Apart(Batched[Any]):
    """A source as it is: what is behind it does not fuse with what is before."""

    in_turn = True

    def __init__(self, source: Observable[Any]) -> None:
        super().__init__()
        self._source = source

    def subscribe_batches(
        self, observer: BatchObserver[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return subscribe_batches(self._source, observer, scheduler)


class Stage:
    """Passes items on, an odd one also negated; ends after 7, fails at 8, and whole batches at 9; has a last word."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, item: int, /) -> Iterable[int]:
        if item == 8:
            raise ValueError("eight")
        self.ended = self.ended or item == 7
        return (item, -item) if item % 2 else (item,)

    def feed_batch(self, items: Sequence[int], /) -> Sequence[int] | None:
        if 9 in items:
            raise ValueError("nine")
        return None if any(item % 2 or item == 8 for item in items) else [item for item in items if item]

    def close(self) -> Iterable[int]:
        return (100,)


class Holding:
    """Holds two items back, and fails at the end after an item that is odd then."""

    def __init__(self) -> None:
        self._held: list[int] = []

    def feed(self, item: int, /) -> Iterable[int]:
        self._held.append(item)
        return (self._held.pop(0),) if len(self._held) > 2 else ()

    def close(self) -> Iterable[int]:
        for item in self._held:
            yield item
            if item % 2:
                raise ValueError("odd")


class Watcher(abc.ObserverBase[int]):
    """Writes down what it is told; hangs up, or fails, where it is told to."""

    def __init__(self, name: str, log: Log, leaves: str, fails: str, leave: list[abc.DisposableBase]) -> None:
        self._name, self._log, self._leaves, self._fails, self._leave = name, log, leaves, fails, leave

    def _note(self, signal: str) -> None:
        self._log.append((self._name, signal))
        if signal == self._leaves and self._leave:
            self._leave[0].dispose()
        if signal == self._fails:
            raise ValueError(signal)

    def on_next(self, value: int) -> None:
        self._note(str(value))

    def on_error(self, error: Exception) -> None:
        self._note(f"error {error}")

    def on_completed(self) -> None:
        self._note("completed")

    def on_dispose(self) -> None:
        self._note("left")


SIGNALS = ["", "", "", "2", "100", "completed", "left", "error eight"]
STEPS = st.lists(st.sampled_from(["stage", "holding", "watch", "watch", "deadline"]), min_size=1, max_size=5)
BATCH = st.lists(st.sampled_from([0, 2, 2, 4, 4, 6, 10, 10, 12, 5, 8, 9]), min_size=1, max_size=3)


@settings(deadline=None, max_examples=400)
@given(
    steps=STEPS,
    batches=st.lists(BATCH, max_size=4),
    end=st.sampled_from(["completed", "error", "disposed"]),
    leave_after=st.none() | st.integers(1, 5),
    watchers=st.lists(st.tuples(st.sampled_from(SIGNALS), st.sampled_from(SIGNALS)), min_size=5, max_size=5),
    kind=st.sampled_from([InTurn, PushedBatches]),
)
def test_everybody_hears_the_same_fused_and_apart(
    steps: list[str],
    batches: list[list[int]],
    end: str,
    leave_after: int | None,
    watchers: list[tuple[str, str]],
    kind: type[PushedBatches],
) -> None:
    def play(*, apart: bool) -> dict[str, list[str]]:
        log, leave, source, left = Log(), list[abc.DisposableBase](), kind(), list[int]()

        def operator(number: int, step: str) -> Operator[Any, Any]:
            match step:
                case "stage":
                    return transduce(Stage)
                case "holding":
                    return transduce(Holding)
                case "deadline":
                    return deadline(total=600, idle=600)
                case _:
                    return watch(Watcher(f"watcher {number}", log, *watchers[number], leave))

        def consume(item: int) -> None:
            log.append(("consumer", str(item)))
            left.append(item)
            if len(left) == leave_after and leave:
                leave[0].dispose()

        operators = [operator(number, step) for number, step in enumerate(steps)]
        if apart:
            operators = [part for operator in operators for part in (operator, Apart)]
        stream: Observable[Any] = reduce(lambda stream, operator: operator(stream), operators, source)
        leave.append(
            stream.subscribe(
                consume,
                lambda error: log.append(("consumer", f"error {error}")),
                lambda: log.append(("consumer", "completed")),
            )
        )
        for batch in batches:
            source.push(batch)
        if end == "completed":
            source.complete()
        elif end == "error":
            source.fail(RuntimeError("boom"))
        leave[0].dispose()
        assert source.live == 0
        return {who: [signal for name, signal in log if name == who] for who, _ in log}

    assert play(apart=False) == play(apart=True)


def test_a_watcher_hears_of_the_end_after_all_that_came_before_it() -> None:
    """Its last items are with the consumer, who may leave at them, before it is told that the stream completed."""
    log, source, leave = Log(), InTurn(), list[abc.DisposableBase]()
    stream = source.pipe(transduce(Stage), watch(Watcher("watcher", log, "", "", leave)))
    leave.append(stream.subscribe(lambda item: leave[0].dispose() if item == 100 else None))
    source.complete()
    assert log == [("watcher", "100"), ("watcher", "left")]


def test_a_consumer_that_raises_has_left() -> None:
    def refuse(_: int) -> None:
        raise KeyError("mine")

    log, source = Log(), InTurn()
    watched = partial(Watcher, log=log, leaves="", fails="", leave=[])
    stream = source.pipe(watch(watched("first")), transduce(Stage), watch(watched("second")))
    stream.subscribe(refuse)
    with pytest.raises(KeyError, match="mine"):
        source.push([2])
    assert log == [("first", "2"), ("second", "2"), ("first", "left"), ("second", "left")]
    assert source.live == 0


def test_what_is_over_holds_no_watcher() -> None:
    source = InTurn()
    watcher = Watcher("watcher", [], "", "", [])
    subscription = source.pipe(watch(watcher), deadline(total=600)).subscribe()
    gone = weakref.ref(watcher)
    del watcher
    source.complete()
    gc.collect()
    assert gone() is None
    subscription.dispose()
