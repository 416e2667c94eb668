from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import reactivex as rx
from reactivex import abc, operators as ops
from reactivex.scheduler import CurrentThreadScheduler

from tests.contracts.pushing import PushedBatches, Seen
from tokenrill.streams.batched import BatchObserver, subscribe_batches

Batch = Sequence[Any] | None


def observer_of(signals: list[Any]) -> BatchObserver[Any]:
    return BatchObserver(signals.append, signals.append, lambda: signals.append("completed"))


def test_a_batched_observable_is_an_ordinary_one() -> None:
    source = PushedBatches()
    seen = Seen(source)
    source.push([1, 2])
    source.push([3])
    source.complete()
    assert seen.signals == [("next", 1), ("next", 2), ("next", 3), ("completed",)]


def test_stock_operators_can_follow() -> None:
    source = PushedBatches()
    seen = Seen(source.pipe(ops.skip(1), ops.take(2)))
    source.push([1, 2, 3, 4])
    assert seen.signals == [("next", 2), ("next", 3), ("completed",)]
    assert source.live == 0


def test_leaving_in_the_middle_of_a_batch_shows_nothing_more() -> None:
    source = PushedBatches()
    seen = Seen(source, leave_after=2)
    source.push([1, 2, 3])
    source.push([4])
    source.complete()
    assert seen.signals == [("next", 1), ("next", 2)]


def test_a_stock_observable_gives_batches_of_one() -> None:
    signals: list[Any] = []
    subscribe_batches(rx.of(1, 2), observer_of(signals))
    assert signals == [(1,), (2,), "completed"]


def test_a_batched_observable_gives_its_own_batches() -> None:
    source, signals = PushedBatches(), list[Any]()
    subscribe_batches(source, observer_of(signals))
    batch = [1, 2]
    source.push(batch)
    assert signals[0] is batch


class Noticing(PushedBatches):
    """A source that notes whether what is scheduled while it is subscribed to would run at once."""

    def __init__(self, on_loop: bool) -> None:
        super().__init__()
        self.at_once: list[bool] = []
        self._on_loop = on_loop

    @property
    def on_loop(self) -> bool:
        return self._on_loop

    def subscribe_batches(self, observer: BatchObserver[Any], scheduler: Any = None) -> abc.DisposableBase:
        self.at_once.append(CurrentThreadScheduler.singleton().schedule_required())
        return super().subscribe_batches(observer, scheduler)


async def test_what_signals_on_the_running_loop_needs_no_trampoline() -> None:
    source = Noticing(on_loop=True)
    for subscription in (subscribe_batches(source, observer_of([])), source.subscribe(print)):
        subscription.dispose()
    assert source.at_once == [True, True]


@pytest.mark.parametrize("on_loop", [True, False])
def test_without_a_loop_everything_is_subscribed_to_in_the_trampoline(on_loop: bool) -> None:
    source = Noticing(on_loop)
    for subscription in (subscribe_batches(source, observer_of([])), source.subscribe(print)):
        subscription.dispose()
    assert source.at_once == [False, False]


async def test_what_only_composes_leaves_it_to_what_it_subscribes_to() -> None:
    class Composing(PushedBatches):
        composes = True

        def __init__(self, source: Noticing) -> None:
            super().__init__()
            self._source = source

        def subscribe_batches(self, observer: BatchObserver[Any], scheduler: Any = None) -> abc.DisposableBase:
            return subscribe_batches(self._source, observer, scheduler)

    sources = Noticing(on_loop=True), Noticing(on_loop=False)
    for source in sources:
        for subscription in (subscribe_batches(Composing(source), observer_of([])), Composing(source).subscribe(print)):
            subscription.dispose()
    assert [source.at_once for source in sources] == [[True, True], [False, False]]
