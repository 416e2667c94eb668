"""The deadline's guard: which limit is next, and how its timer takes turns with the tokens."""

from __future__ import annotations

import asyncio
import threading

import pytest
from reactivex import abc, operators as ops
from reactivex.testing import TestScheduler

from tests.contracts.pushing import InTurn, PushedBatches, Seen
from tokenrill import Raw, StreamStalled, TextDelta, deadline, filter_content
from tokenrill.operators._clock import LoopTimers, time_of
from tokenrill.operators._deadline import Guard, Limits
from tokenrill.streams.batched import Serial


class OnLoop(InTurn):
    """And on the loop on which they were asked for: as a provider's do."""

    @property
    def on_loop(self) -> bool:
        return True


class Nobody:
    """Is alarmed by nothing."""

    def alarm(self) -> None:
        raise AssertionError


def guard_with(limits: Limits) -> Guard:
    guard = Guard(limits, None)
    guard.begin(Nobody(), TestScheduler())
    return guard


@pytest.mark.parametrize("kind", [OnLoop, PushedBatches])
def test_the_time_a_consumer_takes_for_a_batch_does_not_count(kind: type[PushedBatches]) -> None:
    source, scheduler, errors = kind(), TestScheduler(), list[Exception]()
    stream = source.pipe(deadline(idle=5), filter_content(["x"]))
    stream.subscribe(lambda _: scheduler.sleep(90), errors.append, scheduler=scheduler)
    source.push([TextDelta("a")])
    scheduler.advance_to(94.9)
    assert errors == []
    scheduler.advance_to(95.1)
    assert [str(error) for error in errors] == [str(StreamStalled("idle", 5))]


def test_what_a_stage_behind_it_holds_back_counts_all_the_same() -> None:
    source, scheduler, errors = PushedBatches(), TestScheduler(), list[Exception]()
    stream = source.pipe(deadline(idle=5), filter_content(["secret"]))
    stream.subscribe(on_error=errors.append, scheduler=scheduler)
    source.push([TextDelta("a")])
    scheduler.advance_to(4)
    source.push([TextDelta(" sec")])
    scheduler.advance_to(8.9)
    assert errors == []
    scheduler.advance_to(9.1)
    assert len(errors) == 1


def test_what_a_stage_before_it_holds_back_does_not_count() -> None:
    source, scheduler, errors = PushedBatches(), TestScheduler(), list[Exception]()
    stream = source.pipe(filter_content(["secret"]), deadline(idle=5))
    stream.subscribe(on_error=errors.append, scheduler=scheduler)
    source.push([TextDelta("a")])
    scheduler.advance_to(4)
    source.push([TextDelta("sec")])
    scheduler.advance_to(5.1)
    assert len(errors) == 1


def test_a_limit_longer_than_any_timer_is_slept_in_parts() -> None:
    assert guard_with(Limits(None, None, None, 1e12)).remaining() == 3600


def test_nothing_is_left_to_wait_for_once_connected() -> None:
    guard = guard_with(Limits(5.0, None, None, None))
    guard.feed_batch([Raw("ping", None)])
    assert guard.remaining() is None


def needs_a_lock(source: PushedBatches, scheduler: abc.SchedulerBase | None = None) -> bool:
    """Whether a subscription to this source has one in front."""
    subscription = source.pipe(filter_content(["x"]), deadline(total=60)).subscribe(scheduler=scheduler)
    try:
        front: object = source.observers[-1]
        return isinstance(front, Serial)
    finally:
        subscription.dispose()


async def test_where_tokens_and_timers_are_on_one_loop_there_is_no_lock() -> None:
    assert not needs_a_lock(OnLoop())
    assert needs_a_lock(InTurn())
    assert needs_a_lock(PushedBatches())
    assert needs_a_lock(OnLoop(), TestScheduler())


def test_without_a_loop_there_is_a_lock() -> None:
    assert needs_a_lock(OnLoop())


async def test_two_deadlines_keep_their_own_time() -> None:
    source, ended = OnLoop(), asyncio.Event()
    stream = source.pipe(deadline(total=60), deadline(idle=0.01), ops.do_action(on_error=lambda _: ended.set()))
    seen = Seen(stream)
    source.push([TextDelta("a")])
    await asyncio.wait_for(ended.wait(), 10)
    assert seen.signals[1:] == [("error", StreamStalled, StreamStalled("idle", 0.01).args)]
    assert source.live == 0


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
