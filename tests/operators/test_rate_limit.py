"""Streams wait for their place, and tell the limiter what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.subject import Subject

from tests.virtual_loop import run_virtual
from tokenrill import (
    CircuitOpen,
    CompletionRequest,
    ConnectError,
    ConnectionLost,
    LocalLimiter,
    Queued,
    RateLimited,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    openai,
    rate_limit,
)
from tokenrill.streams.call import Call

HI = TextDelta("Hi")


def limited(source: Observable[StreamToken], rate: float, **more: Any) -> Observable[StreamToken]:
    return source.pipe(rate_limit(requests_per_second=rate, adaptive=False, **more))


def test_subscriptions_go_at_the_rate() -> None:
    async def use() -> list[float]:
        loop, times = asyncio.get_running_loop(), list[float]()
        stream = limited(rx.of(HI), 1.0)
        for _ in range(4):
            stream.subscribe(lambda _: times.append(round(loop.time(), 2)))
        await asyncio.sleep(10)
        return times

    assert run_virtual(use()) == [0.0, 1.0, 2.0, 3.0]


def test_who_leaves_the_queue_gives_up_its_place_and_the_source_is_never_asked() -> None:
    async def use() -> list[float]:
        loop, times = asyncio.get_running_loop(), list[float]()
        source = rx.defer(lambda _: times.append(round(loop.time(), 2)) or rx.of(HI))
        stream = limited(source, 1.0)
        stream.subscribe()
        leaving = [stream.subscribe() for _ in range(5)]
        stream.subscribe()
        for subscription in leaving:
            subscription.dispose()
        await asyncio.sleep(10)
        return times

    assert run_virtual(use()) == [0.0, 1.0]


def again(error: Callable[[], Exception]) -> list[float]:
    """When the second and third of three requests go, after the first has failed with this error."""

    async def use() -> list[float]:
        loop, times = asyncio.get_running_loop(), list[float]()
        answers = iter([rx.throw(error()), rx.of(HI), rx.of(HI)])
        source = rx.defer(lambda _: times.append(round(loop.time(), 2)) or next(answers))
        stream = limited(source, 1.0)
        for _ in range(3):
            stream.subscribe(on_error=lambda _: None)
        await asyncio.sleep(100)
        return times[1:]

    return run_virtual(use())


@pytest.mark.parametrize("error", [CircuitOpen, ConnectError, ValueError])
def test_what_was_never_sent_costs_nothing(error: type[Exception]) -> None:
    assert again(lambda: error("no")) == [0.0, 1.0]


def test_what_was_sent_counts_though_it_failed() -> None:
    assert again(lambda: ConnectionLost("no")) == [1.0, 2.0]


def test_a_429_stops_the_others_for_as_long_as_it_says() -> None:
    assert again(lambda: RateLimited("slow down", retry_after=20.0))[0] == pytest.approx(21.0, abs=0.1)


def test_a_limiter_inside_that_sent_nothing_is_no_429() -> None:
    assert again(lambda: RateLimited("local", kind="local_limit", retry_after=20.0)) == [0.0, 1.0]


def test_a_wait_that_is_too_long_is_an_error_at_once() -> None:
    async def use() -> list[Exception]:
        errors = list[Exception]()
        stream = limited(rx.never(), 1.0, max_wait=0.5)
        stream.subscribe()
        stream.subscribe(on_error=errors.append)
        await asyncio.sleep(0.01)
        return errors

    (error,) = run_virtual(use())
    assert isinstance(error, RateLimited)
    assert (error.kind, error.retryable) == ("local_limit", False)
    assert error.retry_after == pytest.approx(1.0, abs=0.01)


def test_nothing_is_told_after_leaving() -> None:
    async def use() -> tuple[list[StreamToken], bool]:
        seen = list[StreamToken]()
        source = Subject[StreamToken]()
        subscription = limited(source, 1.0).subscribe(seen.append)
        source.on_next(HI)
        subscription.dispose()
        source.on_next(HI)
        return seen, bool(source.observers)

    assert run_virtual(use()) == ([HI], False)


class Asked:
    """A source that answers at once."""

    name = "asked"

    def stream(self, call: Call) -> Observable[StreamToken]:
        return rx.of(HI)

    async def aclose(self) -> None:
        pass


def test_waiting_is_told_as_a_decision() -> None:
    async def use() -> list[Any]:
        operator, said = rate_limit(requests_per_second=1.0, adaptive=False), list[Any]()
        for _ in range(2):
            call = Call("asked", CompletionRequest(model="m", messages="Hi", max_tokens=5))
            call.decisions.subscribe(said.append)
            operator.for_call(call)(rx.of(HI)).subscribe()
        await asyncio.sleep(5)
        return said

    (queued,) = run_virtual(use())
    assert isinstance(queued, Queued)
    assert queued.seconds == pytest.approx(1.0, abs=0.01)


def test_pipelines_share_a_limiter() -> None:
    async def use() -> float:
        limiter = LocalLimiter(requests_per_second=1.0, adaptive=False)
        request = CompletionRequest(model="m", messages="Hi", max_tokens=5)
        for _ in range(4):
            await StreamPipelineBuilder.source(Asked()).pipe(rate_limit(limiter)).build().stream(request)
        return asyncio.get_running_loop().time()

    assert run_virtual(use()) == pytest.approx(3.0, abs=0.01)


def test_keys_are_told_apart_without_being_shown() -> None:
    one, same, other = (openai(api_key=key) for key in ("sk-canary-1", "sk-canary-1", "sk-canary-2"))
    assert one.credential == same.credential != other.credential
    assert len(one.credential) == 8
    assert "canary" not in repr(one) + one.credential
    call = Call("openai", CompletionRequest(model="m", messages="Hi"))
    one.stream(call)
    assert call.credential == one.credential


def test_numbers_beside_a_limiter_are_refused() -> None:
    with pytest.raises(ValueError, match="a limiter has its own numbers"):
        rate_limit(LocalLimiter(), requests_per_second=1.0)
    with pytest.raises(ValueError, match="max_wait"):
        rate_limit(max_wait=-1.0)
