"""Every operator, one contract (ARCHITECTURE's first rule; Reactive Streams' §1.3, §1.7, §3.13 and their like)."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

import tokenrill.operators
from tests.contracts.cases import OPERATORS, OperatorCase
from tests.contracts.pushing import PushedBatches, PushedItems, Seen
from tokenrill.streams.batched import BatchObserver, subscribe_batches

MANY = 100_000
THREADS = 8


@pytest.fixture(params=OPERATORS)
def case(request: pytest.FixtureRequest) -> OperatorCase:
    return OPERATORS[request.param]


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads interrupt each other at nearly every step."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_every_operator_has_a_row() -> None:
    rows = {name.partition(".")[0] for name in OPERATORS}
    assert set(tokenrill.operators.__all__) <= rows


def test_an_empty_stream_ends(case: OperatorCase) -> None:
    seen = Seen(rx.empty().pipe(case.new()))
    if case.empty is None:
        assert seen.signals[-1] == ("completed",)
    else:
        assert type(seen.error) is case.empty


def test_a_healthy_stream_completes(case: OperatorCase) -> None:
    seen = Seen(rx.from_iterable(case.items).pipe(case.new()))
    assert seen.signals[-1] == ("completed",)
    assert seen.items


def test_a_silent_stream_stays_silent(case: OperatorCase) -> None:
    seen = Seen(rx.never().pipe(case.new()))
    seen.subscription.dispose()
    assert seen.signals == []


def test_an_error_passes_unchanged(case: OperatorCase) -> None:
    boom = RuntimeError("boom")
    source = PushedItems()
    seen = Seen(source.pipe(case.new()))
    source.push(case.repeat)
    source.fail(boom)
    assert seen.error is boom
    assert seen.signals[-1][0] == "error"


def test_what_a_stage_raises_comes_out_as_the_error(case: OperatorCase) -> None:
    if case.poison is None:
        return
    source = PushedItems()
    seen = Seen(source.pipe(case.new()))
    source.push(case.repeat, case.poison, case.repeat)
    assert seen.error is not None
    assert source.live == 0


def test_taking_one_disposes_upstream(case: OperatorCase) -> None:
    source = PushedItems()
    seen = Seen(source.pipe(case.new(), ops.take(1)))
    for item in case.items:
        if seen.ended:
            break
        source.push(item)
    source.complete()
    assert len(seen.items) == 1
    assert source.live == 0


def test_disposing_stops_all_signals_and_may_be_done_twice(case: OperatorCase) -> None:
    source = PushedItems()
    seen = Seen(source.pipe(case.new()))
    source.push(case.repeat, case.repeat)
    before = list(seen.signals)
    seen.subscription.dispose()
    seen.subscription.dispose()
    assert source.live == 0
    source.push(case.repeat)
    source.complete()
    assert seen.signals == before


@pytest.mark.parametrize("ending", ["complete", "fail"])
def test_whoever_leaves_inside_a_batch_gets_nothing_more(case: OperatorCase, ending: str) -> None:
    source, signals = PushedBatches(), list[str]()

    def on_batch(_: object) -> None:
        signals.append("batch")
        subscription.dispose()

    observer: BatchObserver[Any] = BatchObserver(
        on_batch, lambda _: signals.append("error"), lambda: signals.append("completed")
    )
    subscription = subscribe_batches(source.pipe(case.new()), observer)
    source.push([*case.items, case.repeat if case.poison is None else case.poison])
    source.complete() if ending == "complete" else source.fail(RuntimeError("boom"))
    assert signals == ["error" if case.gives == "reply" else "batch"]
    assert source.live == 0


@pytest.mark.parametrize("ending", ["dispose", "complete", "fail"])
@pytest.mark.parametrize("pushed", [PushedItems, PushedBatches])
def test_what_is_over_holds_nothing(case: OperatorCase, ending: str, pushed: type[PushedItems | PushedBatches]) -> None:
    class Listener:
        def hear(self, _: object = None) -> None: ...

    source, listener = pushed(), Listener()
    subscription = subscribe_batches(
        source.pipe(case.new()), BatchObserver(listener.hear, listener.hear, listener.hear)
    )
    source.push((case.repeat,)) if isinstance(source, PushedBatches) else source.push(case.repeat)
    match ending:
        case "dispose":
            subscription.dispose()
        case "complete":
            source.complete()
        case _:
            source.fail(RuntimeError("boom"))
    gone = weakref.ref(listener)
    del listener
    gc.collect()
    assert gone() is None  # though the source still clings to its observer, and we to the subscription
    subscription.dispose()


def test_nothing_happens_before_subscribing(case: OperatorCase) -> None:
    source = PushedItems()
    stream = source.pipe(case.new())
    assert source.subscribed == 0
    Seen(stream).subscription.dispose()
    assert source.subscribed == 1


def test_subscribers_share_no_state(case: OperatorCase) -> None:
    operator = case.new()
    alone = Seen(rx.from_iterable(case.items).pipe(operator))
    source = PushedItems()
    stream = source.pipe(operator)
    first, second = Seen(stream), Seen(stream)
    for item in case.items:
        source.push(item)  # to one, then to the other
    source.complete()
    assert first.signals == second.signals == alone.signals


@pytest.mark.parametrize("ending", ["complete", "fail"])
def test_nothing_follows_a_terminal(case: OperatorCase, ending: str) -> None:
    source, signals = PushedBatches(), list[str]()
    observer: BatchObserver[Any] = BatchObserver(
        lambda _: signals.append("batch"), lambda _: signals.append("error"), lambda: signals.append("completed")
    )
    subscription = subscribe_batches(source.pipe(case.new()), observer)
    source.push(case.items)
    source.complete() if ending == "complete" else source.fail(RuntimeError("boom"))
    before = list(signals)
    source.push(case.items)
    source.complete()
    source.fail(RuntimeError("late"))
    assert signals == before
    expected = "completed" if ending == "complete" or case.ends else "error"
    assert signals.index(expected) == len(signals) - 1
    subscription.dispose()


def test_signals_do_not_overlap_when_the_consumer_pushes(case: OperatorCase) -> None:
    source, items, inside = PushedItems(), list[Any](), 0
    expected = Seen(rx.repeat_value(case.repeat, 9).pipe(case.new()))

    def on_next(item: Any) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        items.append(item)
        if len(items) == 1:
            source.push(case.repeat, case.repeat)
            assert inside == 1
        inside -= 1

    ends: list[object] = []
    source.pipe(case.new()).subscribe(on_next, ends.append, lambda: ends.append("completed"))
    pushed = 0
    while pushed + (2 if items else 0) < 9:
        source.push(case.repeat)
        pushed += 1
    source.complete()
    assert items == expected.items
    assert len(ends) == 1


@pytest.mark.usefixtures("hasty_threads")
@pytest.mark.parametrize("pushed", [PushedItems, PushedBatches])
def test_eight_threads_at_once(case: OperatorCase, pushed: type[PushedItems | PushedBatches]) -> None:
    each = 200
    expected = Seen(rx.repeat_value(case.repeat, THREADS * each).pipe(case.new()))
    source, inside, overlaps, items = pushed(), 0, 0, list[Any]()
    start = threading.Barrier(THREADS)

    def on_next(item: Any) -> None:
        nonlocal inside, overlaps
        inside += 1
        items.append(item)
        overlaps += inside != 1
        inside -= 1

    ends: list[object] = []
    source.pipe(case.new()).subscribe(on_next, ends.append, lambda: ends.append("completed"))

    def push() -> None:
        start.wait()
        for _ in range(each):
            source.push((case.repeat,)) if isinstance(source, PushedBatches) else source.push(case.repeat)

    threads = [threading.Thread(target=push) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.complete()
    assert overlaps == 0
    assert items == expected.items
    assert len(ends) == 1


def test_many_items_at_once_do_not_recurse(case: OperatorCase) -> None:
    depths: set[int] = set()
    ends: list[object] = []
    seen = 0

    def on_next(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen % 999 == 1:
            depth, frame = 0, sys._getframe()  # pyright: ignore[reportPrivateUsage]
            while frame.f_back is not None:
                depth, frame = depth + 1, frame.f_back
            depths.add(depth)

    rx.from_iterable(repeat(case.repeat, MANY)).pipe(case.new()).subscribe(
        on_next, ends.append, lambda: ends.append("completed")
    )
    assert len(ends) == 1
    assert depths
    assert max(depths) - min(depths) < 20
