"""The deadline's guard: which limit is next, and how its timer takes turns with the tokens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from reactivex import abc, operators as ops
from reactivex.testing import TestScheduler

from tests.contracts.pushing import PushedBatches, Seen
from tokenrill import Raw, StreamStalled, TextDelta, deadline, filter_content
from tokenrill.operators._clock import LoopTimers, time_of
from tokenrill.operators._deadline import Guard, Limits
from tokenrill.streams.batched import NOBODY, BatchObserver


class OnLoop(PushedBatches):
    """Batches that come on the loop on which they were asked for, in turn: as a provider's do."""

    in_turn = True

    @property
    def on_loop(self) -> bool:
        return True


def guard_with(limits: Limits, now: Callable[[], float]) -> Guard:
    return Guard(limits, None, now, TestScheduler(), NOBODY)


def test_the_time_a_consumer_takes_for_a_batch_does_not_count() -> None:
    now = 0.0
    guard = guard_with(Limits(None, None, 5.0, None), lambda: now)
    guard.see([TextDelta("a")])
    now = 90.0  # spent in on_next; the tokens are noted when it returns
    guard.see([TextDelta("b")])
    assert guard.passed() is None
    assert guard.remaining() == 5
    now = 95.0
    assert guard.passed() == ("idle", 5)


def test_a_limit_longer_than_any_timer_is_slept_in_parts() -> None:
    guard = guard_with(Limits(None, None, None, 1e12), lambda: 0.0)
    assert guard.remaining() == 3600


def test_nothing_is_left_to_wait_for_once_connected() -> None:
    guard = guard_with(Limits(5.0, None, None, None), lambda: 0.0)
    guard.see([Raw("ping", None)])
    assert guard.remaining() is None


def needs_a_lock(source: PushedBatches, scheduler: abc.SchedulerBase | None = None) -> bool:
    """Whether the guard of a subscription to this source has one."""
    subscription = source.pipe(filter_content(["x"]), deadline(total=60)).subscribe(scheduler=scheduler)
    try:
        return guard_behind(source)._gate is not None  # pyright: ignore[reportPrivateUsage]
    finally:
        subscription.dispose()


def guard_behind(source: PushedBatches) -> Guard:
    run: BatchObserver[object] = source.observers[-1]
    guard = run._observer  # pyright: ignore
    assert isinstance(guard, Guard)
    return guard


async def test_where_tokens_and_timers_are_on_one_loop_there_is_no_lock() -> None:
    assert not needs_a_lock(OnLoop())
    assert needs_a_lock(PushedBatches())
    assert needs_a_lock(OnLoop(), TestScheduler())


def test_without_a_loop_there_is_a_lock() -> None:
    assert needs_a_lock(OnLoop())


@pytest.mark.parametrize("kind", [OnLoop, PushedBatches])
async def test_a_silence_ends_the_stream_with_and_without_a_lock(kind: type[PushedBatches]) -> None:
    source, ended = kind(), asyncio.Event()
    stream = source.pipe(filter_content(["x"]), deadline(idle=0.01), ops.do_action(on_error=lambda _: ended.set()))
    seen = Seen(stream)
    source.push([TextDelta("a")])
    await asyncio.wait_for(ended.wait(), 10)
    source.push([TextDelta("b")])
    assert seen.signals == [("next", TextDelta("a")), ("error", StreamStalled, StreamStalled("idle", 0.01).args)]
    assert source.live == 0


@pytest.mark.parametrize("kind", [OnLoop, PushedBatches])
async def test_what_the_observer_raises_ends_the_stream(kind: type[PushedBatches]) -> None:
    source = kind()

    def refuse(_: object) -> None:
        raise ValueError("mine")

    source.pipe(filter_content(["x"]), deadline(total=60)).subscribe(refuse)
    with pytest.raises(ValueError, match="mine"):
        source.push([TextDelta("a")])
    assert source.live == 0


async def test_all_who_wait_on_a_loop_share_its_timers() -> None:
    first, now = time_of(None)
    assert isinstance(first, LoopTimers)
    assert time_of(None)[0] is first
    assert abs(now() - asyncio.get_running_loop().time()) < 1

    elsewhere = list[abc.SchedulerBase]()

    def other() -> None:
        async def ask() -> None:
            elsewhere.append(time_of(None)[0])

        asyncio.run(ask())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert elsewhere[0] is not first
    assert time_of(None)[0] is first


def test_a_loop_with_a_clock_of_its_own_is_asked_for_it() -> None:
    class Clocked(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return super().time() + 1000

    async def ask() -> float:
        return time_of(None)[1]() - asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=Clocked) as runner:
        assert abs(runner.run(ask())) < 1
