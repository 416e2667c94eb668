from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable, operators as ops

from tests.contracts.pushing import PushedBatches, PushedItems, Seen
from tests.marbles import BOOM, check
from tokenrill import transduce
from tokenrill.streams.batched import BatchObserver, subscribe_batches
from tokenrill.streams.types import Operator

LETTERS = {letter: letter for letter in "abcdABC"} | {pair: pair for pair in ("ab", "cd")}


class Pairs:
    def __init__(self) -> None:
        self.held: list[str] = []

    def feed(self, item: str, /) -> Iterator[str]:
        self.held.append(item)
        if len(self.held) == 2:
            yield "".join(self.held)
            self.held.clear()

    def close(self) -> Iterator[str]:
        yield from self.held


class Fails:
    """Pass items on until ``at``, then fail; ``by_batch`` says in which way."""

    def __init__(self, at: Any, words: str) -> None:
        self.at, self.words = at, words

    def feed(self, item: Any, /) -> Iterator[Any]:
        if item == self.at:
            raise ValueError(self.words)
        yield item

    def close(self) -> Iterator[Any]:
        yield "last"
        if self.at == "close":
            raise ValueError(self.words)


class Doubled:
    """Each item twice, batch-wise too; it counts how it was called."""

    batches: list[int]

    def __init__(self) -> None:
        self.batches = []

    def feed(self, item: Any, /) -> Iterable[Any]:
        return (item, item)

    def feed_batch(self, items: Sequence[Any], /) -> Sequence[Any] | None:
        self.batches.append(len(items))
        return [item for item in items for _ in range(2)]

    def close(self) -> Iterable[Any]:
        return ()


PAIRED = {"a": "a", "b": "b", "c": "c", "x": "ab"}


def test_emits_what_each_item_completes() -> None:
    check(transduce(Pairs), "-a-b--c-|", "---x----(c|)", PAIRED)


def test_forwards_an_error_without_closing() -> None:
    check(transduce(Pairs), "-a-b-c-#", "---x---#", PAIRED, error=BOOM)


def test_errors_with_what_feed_raises() -> None:
    check(transduce(lambda: Fails("b", "no b")), "-a-b-c-|", "-a-#", PAIRED, error=ValueError("no b"))


def test_errors_with_what_close_raises_after_what_it_gave() -> None:
    check(
        transduce(lambda: Fails("close", "no end")),
        "-a-|",
        "-a-(l#)",
        PAIRED | {"l": "last"},
        error=ValueError("no end"),
    )


def test_what_was_completed_before_an_error_in_a_batch_is_delivered() -> None:
    source = PushedBatches()
    seen = Seen(source.pipe(transduce(lambda: Fails(3, "three")), transduce(Doubled)))
    source.push([1, 2, 3, 4])
    assert seen.signals == [("next", 1), ("next", 1), ("next", 2), ("next", 2), ("error", ValueError, ("three",))]
    assert source.live == 0


def test_an_error_further_down_comes_first() -> None:
    source = PushedBatches()
    seen = Seen(source.pipe(transduce(lambda: Fails(3, "up")), transduce(lambda: Fails(2, "down"))))
    source.push([1, 2, 3])
    assert seen.signals == [("next", 1), ("error", ValueError, ("down",))]


def test_an_error_further_down_comes_first_at_the_end_too() -> None:
    stages = transduce(lambda: Fails("close", "up")), transduce(lambda: Fails("last", "down"))
    assert Seen(rx.of(1).pipe(*stages)).signals == [("next", 1), ("error", ValueError, ("down",))]


def test_stages_close_one_after_another() -> None:
    stages = transduce(Pairs), transduce(Doubled), transduce(Pairs)
    assert Seen(rx.of("a", "b", "c").pipe(*stages)).items == ["abab", "cc"]


def test_an_error_that_is_falsy_is_an_error() -> None:
    class Empty(Exception):
        def __len__(self) -> int:
            return 0

    class FailsFalsely(Doubled):
        def feed_batch(self, items: Sequence[Any], /) -> Sequence[Any] | None:
            return None

        def feed(self, item: Any, /) -> Iterable[Any]:
            raise Empty

    seen = Seen(rx.of(1).pipe(transduce(FailsFalsely), transduce(Pairs)))
    assert seen.signals == [("error", Empty, ())]


def test_a_run_of_operators_is_one_subscription() -> None:
    source = PushedBatches()
    stages: list[Doubled] = []

    def new() -> Doubled:
        stages.append(Doubled())
        return stages[-1]

    seen = Seen(source.pipe(transduce(new), transduce(new)))
    source.push([1, 2, 3])
    assert [stage.batches for stage in stages] == [[3], [6]]
    assert seen.items == [item for item in (1, 2, 3) for _ in range(4)]
    assert len(source.observers) == 1


def test_leaving_in_the_middle_of_a_batch_shows_nothing_more() -> None:
    source = PushedBatches()
    seen = Seen(source.pipe(transduce(Doubled)), leave_after=3)
    source.push([1, 2, 3])
    source.complete()
    assert seen.items == [1, 1, 2]
    assert source.live == 0


def test_leaving_hides_an_error_in_the_rest_of_the_batch() -> None:
    source = PushedBatches()
    seen = Seen(source.pipe(transduce(lambda: Fails(3, "three"))), leave_after=1)
    source.push([1, 2, 3])
    assert seen.signals == [("next", 1)]


def test_a_stage_is_let_go_when_its_subscription_is_disposed() -> None:
    stages: list[weakref.ref[Pairs]] = []

    def new() -> Pairs:
        stage = Pairs()
        stages.append(weakref.ref(stage))
        return stage

    source = PushedItems()
    subscription = source.pipe(transduce(new)).subscribe()
    source.push("a")
    subscription.dispose()
    gc.collect()
    assert stages[0]() is None


def test_a_stage_that_cannot_be_made_is_an_error() -> None:
    def new() -> Pairs:
        raise ValueError("not today")

    assert Seen(rx.of("a").pipe(transduce(new))).signals == [("error", ValueError, ("not today",))]


def test_a_consumer_that_raises_gets_it_back_and_hangs_up() -> None:
    def refuse(_: object) -> None:
        raise KeyError("mine")

    source = PushedItems()
    source.pipe(transduce(Pairs)).subscribe(refuse)
    source.push("a")
    with pytest.raises(KeyError, match="mine"):
        source.push("b")
    assert source.live == 0


def test_a_failing_stage_ends_an_endless_source() -> None:
    errors: list[Exception] = []
    observer: BatchObserver[int] = BatchObserver(lambda _: None, errors.append, lambda: None)
    endless = rx.from_iterable(iter(partial(int, "1"), 0))
    subscribe_batches(endless.pipe(transduce(lambda: Fails(1, "one"))), observer)
    assert [str(error) for error in errors] == ["one"]


def test_a_stock_operator_ends_a_run_and_starts_the_next() -> None:
    parted = rx.of(*"abcd").pipe(transduce(Pairs), ops.map(str.upper), transduce(Pairs))
    assert Seen(parted).items == ["ABCD"]


class UntilStop:
    """Ends the stream at "stop", which it passes on."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, item: str, /) -> Iterator[str]:
        if not self.ended:
            self.ended = item == "stop"
            yield item

    def close(self) -> Iterator[str]:
        yield "closed"


class Pass:
    """Passes everything but poison."""

    def feed(self, item: str, /) -> Iterator[str]:
        if item == "poison":
            raise ValueError("poisoned")
        yield item

    def close(self) -> Iterator[str]:
        return iter(())


class Holding:
    """Gives everything at the end."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def feed(self, item: str, /) -> Iterator[str]:
        if item == "poison":
            raise ValueError("poisoned")
        self._held.append(item)
        return iter(())

    def close(self) -> Iterator[str]:
        yield from self._held


APART: Operator[Any, Any] = ops.map(lambda item: item)
BETWEEN: list[list[Operator[Any, Any]]] = [[], [APART]]


def through(source: Observable[Any], *operators: Operator[Any, Any]) -> Observable[Any]:
    return reduce(lambda stream, operator: operator(stream), operators, source)


def together(batch: list[str], *operators: Operator[Any, Any]) -> Seen:
    """What comes of one read that holds all these items."""
    source = PushedBatches()
    seen = Seen(through(source, *operators))
    source.push(batch)
    source.complete()
    assert source.live == 0
    return seen


@pytest.mark.parametrize("between", BETWEEN, ids=["fused", "apart"])
def test_a_stage_that_has_ended_completes_the_stream_and_leaves_its_source(between: list[Operator[Any, Any]]) -> None:
    source = PushedItems()
    seen = Seen(through(source, transduce(UntilStop), *between, transduce(Holding)))
    for item in ("a", "stop"):
        source.push(item)
    assert (seen.items, seen.ended, source.live) == (["a", "stop"], True, 0)


@pytest.mark.parametrize("between", BETWEEN, ids=["fused", "apart"])
def test_an_end_closes_the_stages_behind_it_and_not_itself(between: list[Operator[Any, Any]]) -> None:
    read = ["a", "stop", "b"]
    assert together(read, transduce(UntilStop), *between, transduce(Holding)).items == ["a", "stop"]
    assert together(read, transduce(Holding), *between, transduce(UntilStop)).items == ["a", "stop"]


@pytest.mark.parametrize("between", BETWEEN, ids=["fused", "apart"])
def test_what_is_further_down_decides_between_an_error_and_an_end(between: list[Operator[Any, Any]]) -> None:
    ended = together(["stop", "poison"], transduce(Pass), *between, transduce(UntilStop))
    assert (ended.items, ended.error) == (["stop"], None)
    failed = together(["poison", "stop"], transduce(UntilStop), *between, transduce(Holding))
    assert isinstance(failed.error, ValueError)
