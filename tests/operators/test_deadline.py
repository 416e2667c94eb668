from __future__ import annotations

import asyncio
import time
from itertools import repeat
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable, operators as ops
from reactivex.scheduler import CurrentThreadScheduler, NewThreadScheduler
from reactivex.testing import ReactiveTest, TestScheduler

from tests.attempts import soonest
from tests.contracts.pushing import PushedBatches, PushedItems, Seen
from tests.marbles import BOOM, check
from tokenrill import (
    Call,
    CompletionRequest,
    Finish,
    Raw,
    ResponseStart,
    StreamError,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    TextDelta,
    Usage,
    deadline,
)
from tokenrill.streams.batched import BatchObserver, subscribe_batches
from tokenrill.streams.types import CallOperator

VALUES: dict[str, Any] = {
    "S": ResponseStart("r", "m"),
    "a": TextDelta("a"),
    "b": TextDelta("b"),
    "P": Raw("ping", None),
    "U": Usage(1, 2),
    "F": Finish("stop"),
}


def asked() -> Call:
    return Call("test", CompletionRequest(model="m", messages="Hello"))


def test_a_stream_in_time_passes() -> None:
    check(deadline(connect=5, first_token=5, idle=5, total=50), "-S--a---b--F|", "-S--a---b--F|", VALUES)


def test_connect_ends_with_anything_at_all() -> None:
    check(deadline(connect=3), "----P-|", "---#", VALUES, error=StreamStalled("connect", 3))
    check(deadline(connect=3), "--P---------a-|", "--P---------a-|", VALUES)
    check(deadline(connect=3), "--|", "--|", VALUES)


def test_first_token_waits_for_the_model_itself() -> None:
    check(deadline(first_token=5), "-S-PP-P-a-|", "-S-PP#", VALUES, error=StreamStalled("first_token", 5))
    check(deadline(first_token=5), "-S-P-----|", "-S-P-#", VALUES, error=StreamStalled("first_token", 5))
    check(deadline(first_token=5), "-S-Pa-----------|", "-S-Pa-----------|", VALUES)


def test_idle_runs_from_one_content_token_to_the_next() -> None:
    check(deadline(idle=4), "-a--b-----a|", "-a--b---#", VALUES, error=StreamStalled("idle", 4))
    check(deadline(idle=4), "-a-PP-P-P|", "-a-PP#", VALUES, error=StreamStalled("idle", 4))
    check(deadline(idle=4), "-a-b-UF----------|", "-a-b-UF#", VALUES, error=StreamStalled("idle", 4))


def test_idle_does_not_run_before_the_first() -> None:
    check(deadline(idle=4), "----------S---a---|", "----------S---a---|", VALUES)
    check(deadline(idle=4, first_token=60), "-----a------|", "-----a---#", VALUES, error=StreamStalled("idle", 4))


def test_total_runs_to_the_end_whatever_comes() -> None:
    check(deadline(total=6), "-a-a-a-a-a|", "-a-a-a#", VALUES, error=StreamStalled("total", 6))


def test_the_limit_that_passes_first_is_named() -> None:
    check(deadline(total=9, idle=3, connect=2), "-a-a-----|", "-a-a--#", VALUES, error=StreamStalled("idle", 3))
    check(deadline(connect=9, first_token=4), "---------|", "----#", VALUES, error=StreamStalled("first_token", 4))


def test_forwards_an_error() -> None:
    check(deadline(total=9), "-a-#", "-a-#", VALUES, error=BOOM)


def test_it_hangs_up() -> None:
    scheduler = TestScheduler()
    source: Any = scheduler.create_cold_observable([ReactiveTest.on_next(1, VALUES["a"])])
    seen: Any = scheduler.start(lambda: source.pipe(deadline(idle=7)))
    assert [message.time for message in seen.messages] == [201, 208]
    assert [(one.subscribe, one.unsubscribe) for one in source.subscriptions] == [(200, 208)]


@pytest.mark.parametrize("ends", ["completed", "error", "disposed"])
def test_no_timer_is_left_behind(ends: str) -> None:
    scheduler, source = TestScheduler(), PushedItems()
    observer: BatchObserver[StreamToken] = BatchObserver(lambda _: None, lambda _: None, lambda: None)
    subscription = subscribe_batches(source.pipe(deadline(total=50)), observer, scheduler)
    assert timers(scheduler) == 1
    match ends:
        case "completed":
            source.complete()
        case "error":
            source.fail(BOOM)
        case _:
            subscription.dispose()
    assert timers(scheduler) == 0


def timers(scheduler: Any) -> int:
    """How many actions still wait; RxPY leaves cancelled ones in its queue until their time."""
    return sum(not item.is_cancelled() for item, _ in scheduler._queue.items)


def test_a_token_costs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, source = TestScheduler(), PushedBatches()
    scheduled = 0
    schedule = scheduler.schedule_absolute

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal scheduled
        scheduled += 1
        return schedule(*arguments, **named)

    monkeypatch.setattr(scheduler, "schedule_absolute", counted)
    subscription = source.pipe(deadline(first_token=9, idle=5, total=99)).subscribe(scheduler=scheduler)
    for _ in range(1000):
        source.push([VALUES["a"], VALUES["b"]])
    assert scheduled == 1
    subscription.dispose()


def test_it_passes_batches_on() -> None:
    source, batches = PushedBatches(), list[Any]()
    observer: BatchObserver[StreamToken] = BatchObserver(batches.append, lambda _: None, lambda: None)
    subscription = subscribe_batches(source.pipe(deadline(total=60)), observer)
    batch = [VALUES["a"], VALUES["b"]]
    source.push(batch)
    assert batches == [batch]
    subscription.dispose()


class Slow:
    """A consumer of a call that closes and opens its demand, in virtual time."""

    def __init__(self) -> None:
        self.call = asked()
        self.scheduler = TestScheduler()
        self.now = lambda: self.scheduler.to_seconds(self.scheduler.now)

    def close(self, at: float) -> None:
        def act(*_: object) -> None:
            self.call.demand.buffered(self.call.demand.high)

        self.scheduler.schedule_absolute(at, act)

    def open(self, at: float) -> None:
        def act(*_: object) -> None:
            self.call.demand.taken(self.call.demand.high)
            self.call.demand.opened_at = self.now()

        self.scheduler.schedule_absolute(at, act)

    def watch(self, limits: Any, *messages: tuple[int, StreamToken]) -> list[tuple[float, Any]]:
        hot: Any = self.scheduler.create_hot_observable([ReactiveTest.on_next(at, token) for at, token in messages])
        seen: Any = self.scheduler.start(lambda: hot.pipe(limits.for_call(self.call)))
        return [
            (message.time, getattr(message.value, "value", None) or str(message.value.exception))
            for message in seen.messages
        ]


IDLE = str(StreamStalled("idle", 10))
FIRST = str(StreamStalled("first_token", 10))
TOTAL = str(StreamStalled("total", 100))


def test_idle_stands_still_while_the_consumer_wants_nothing() -> None:
    slow, a = Slow(), VALUES["a"]
    slow.close(at=205)
    slow.open(at=290)
    assert slow.watch(deadline(idle=10), (204, a), (299, a)) == [(204, a), (299, a), (309, IDLE)]


def test_idle_begins_anew_when_the_stream_is_read_again() -> None:
    slow, a = Slow(), VALUES["a"]
    slow.close(at=205)
    slow.open(at=290)
    assert slow.watch(deadline(idle=10), (204, a)) == [(204, a), (300, IDLE)]


def test_first_token_stands_still_too() -> None:
    slow = Slow()
    slow.close(at=203)
    slow.open(at=260)
    assert slow.watch(deadline(first_token=10)) == [(270, FIRST)]


def test_total_does_not_stand_still() -> None:
    slow = Slow()
    slow.close(at=203)
    assert slow.watch(deadline(idle=10, total=100), (202, VALUES["a"])) == [(202, VALUES["a"]), (300, TOTAL)]


async def test_on_the_running_loop_a_limit_is_kept_to_within_100_ms() -> None:
    async def late() -> float:
        due = time.monotonic() + 0.15
        with pytest.raises(StreamStalled) as raised:
            await rx.never().pipe(deadline(idle=60, total=0.15))
        assert (raised.value.phase, raised.value.limit, raised.value.retryable) == ("total", 0.15, True)
        return time.monotonic() - due

    assert 0 <= await soonest(late, 0.1) < 0.1


@pytest.mark.parametrize("scheduler", [None, NewThreadScheduler(), CurrentThreadScheduler()], ids=str)
async def test_without_a_loop_it_uses_threads(scheduler: Any) -> None:
    def stall() -> float:
        due = time.monotonic() + 0.05
        with pytest.raises(StreamStalled):
            rx.never().pipe(deadline(connect=0.05)).run(scheduler=scheduler)
        return time.monotonic() - due

    assert 0 <= await soonest(lambda: asyncio.to_thread(stall), 0.1) < 0.1


async def test_in_a_pipeline_the_error_knows_what_had_come() -> None:
    class Halting:
        name = "halting"

        def stream(self, call: Call) -> Observable[StreamToken]:
            def said(token: StreamToken) -> StreamToken:
                call.attempt.see((token,))
                return token

            return rx.concat(rx.of(TextDelta("Hel"), TextDelta("lo")), rx.never()).pipe(ops.map(said))

        async def aclose(self) -> None: ...

    pipeline = StreamPipelineBuilder.source(Halting()).pipe(deadline(idle=0.05)).build()
    assert "deadline" in str(pipeline)
    with pytest.raises(StreamError) as raised:
        await pipeline.stream(CompletionRequest(model="m", messages="Hello"))
    assert raised.value.provider == "halting"
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Hello"


def test_it_asks_to_be_bound_to_the_call() -> None:
    assert isinstance(deadline(total=1), CallOperator)


def test_a_timer_and_a_source_at_once_give_one_terminal() -> None:
    for _ in repeat(None, 50):
        source = PushedItems()
        seen = Seen(source.pipe(deadline(total=0.001)))
        while not seen.ended:
            source.push(VALUES["a"])
        source.complete()
        assert [signal[0] for signal in seen.signals].index("error") == len(seen.signals) - 1


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "at least one of connect=, first_token=, idle= and total="),
        ({"idle": 0}, "idle is a time in seconds, more than 0, not 0"),
        ({"total": -1.5}, "total is a time in seconds, more than 0, not -1.5"),
        ({"connect": float("nan")}, "connect is a time in seconds"),
    ],
)
def test_mistakes_are_told_at_once(limits: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        deadline(**limits)
