"""A circuit breaker among its neighbours: deadline, rate_limit and retry, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from tests.virtual_loop import run_virtual
from tokenrill import (
    CircuitBreaker,
    CircuitOpen,
    ConnectError,
    LocalLimiter,
    StreamToken,
    TextDelta,
    circuit_break,
    deadline,
    rate_limit,
    retry,
)

DOWN = ConnectError("nobody there")


def failing(error: Exception) -> Observable[StreamToken]:
    return rx.throw(error)


def test_an_open_one_spends_no_place_in_the_quota_and_nobody_queues_for_it() -> None:
    """Two requests a second, both gone: whoever comes now would wait, were the circuit not open."""

    async def scenario() -> None:
        breaking = circuit_break(failures=1, reset_after=60)
        limiter = LocalLimiter(requests_per_second=1, adaptive=False)

        def guarded(source: Observable[StreamToken]) -> Observable[StreamToken]:
            return source.pipe(breaking, rate_limit(limiter), breaking.ahead)

        loop = asyncio.get_running_loop()
        with pytest.raises(ConnectError):
            await guarded(failing(DOWN))
        for _ in range(100):
            with pytest.raises(CircuitOpen):
                await guarded(rx.of(TextDelta("a")))
        assert loop.time() == 0.0
        await asyncio.sleep(60)
        began = loop.time()
        assert await guarded(rx.of(TextDelta("a"))) == TextDelta("a")
        assert loop.time() == began

    run_virtual(scenario())


def test_who_has_queued_is_looked_at_once_more_and_gives_its_place_back() -> None:
    async def scenario() -> None:
        breaking = circuit_break(failures=1, reset_after=600)
        limiter = LocalLimiter(requests_per_second=1, adaptive=False)
        asked: list[int] = []

        async def ask() -> Exception:
            source = rx.defer(lambda _: asked.append(1) or failing(DOWN))
            with pytest.raises((ConnectError, CircuitOpen)) as caught:
                await source.pipe(breaking, rate_limit(limiter), breaking.ahead)
            return caught.value

        errors = await asyncio.gather(*[ask() for _ in range(10)])
        assert [type(error) for error in errors] == [ConnectError] + [CircuitOpen] * 9
        assert asked == [1]
        assert asyncio.get_running_loop().time() < 2  # places that are given back are the next one's

    run_virtual(scenario())


def test_it_counts_stalls_that_a_deadline_inside_finds_and_retry_waits_for_the_probe() -> None:
    async def scenario() -> None:
        breaker = CircuitBreaker(failures=2, reset_after=0.2)
        attempts: list[int] = []

        def source(_: Any) -> Observable[StreamToken]:
            attempts.append(1)
            return rx.never() if len(attempts) <= 2 else rx.of(TextDelta("back"))

        stream = rx.defer(source).pipe(deadline(first_token=1), circuit_break(breaker), retry(attempts=5))
        assert await stream == TextDelta("back")
        assert len(attempts) == 3
        assert asyncio.get_running_loop().time() >= 2.2

    run_virtual(scenario())
