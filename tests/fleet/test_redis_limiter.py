"""One quota for several processes, on a real Redis that may die."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.attempts import soonest
from tests.fleet.server import RedisServer, until
from tokenrill import (
    FleetLink,
    LimiterRate,
    RateLimit,
    RateLimited,
    RateLimits,
    RedisBreaker,
    RedisLimiter,
    TextDelta,
    Usage,
    rate_limit,
)
from tokenrill.streams.rate_limiter import Cost, Key, Reservation

KEY = Key("openai", "", "gpt")
ROOT = Path(__file__).parent.parent.parent


async def take(limiter: RedisLimiter, cost: Cost = Cost(), max_wait: float | None = None) -> Reservation:  # noqa: B008
    return await limiter.acquire(KEY, cost, max_wait).arrive()


async def told(limiter: RedisLimiter) -> None:
    """Until Redis has heard all that there is to tell."""
    office = next(iter(limiter._offices.values()))  # pyright: ignore[reportPrivateUsage]
    await until(lambda: office.lanes[KEY].idle)


async def test_three_processes_hold_a_limit_within_two_percent(redis_server: RedisServer) -> None:
    """All that is let through between the first and the last place, by the server's clock, is what the rate allows."""
    rate, seconds = 60.0, 5.0

    async def off_by() -> float:
        command = [sys.executable, "-m", "tests.fleet.crew", redis_server.url, str(rate), str(seconds), "4"]
        crew = [await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT) for _ in range(3)]
        answers = [(await each.communicate())[0].split() for each in crew]
        assert all(each.returncode == 0 for each in crew)
        assert all(len(answer) > rate for answer in answers)  # each has had its part
        places = sorted(int(place) for answer in answers for place in answer)
        allowed = rate + rate * (places[-1] - places[0]) / 1e6  # what was saved, and what came in
        return abs(len(places) - allowed) / allowed

    assert await soonest(off_by, 0.02) < 0.02


async def test_places_are_given_in_the_order_of_asking(redis_server: RedisServer) -> None:
    given: list[int] = []

    async def ask(number: int) -> None:
        await take(limiter, Cost(3.0 if number % 3 == 0 else 1.0))
        given.append(number)

    async with RedisLimiter(redis_server.url, requests_per_second=200, adaptive=False, timeout=5) as limiter:
        await asyncio.gather(*[ask(number) for number in range(200)])
    assert given == list(range(200))


async def test_requests_and_tokens_are_weighed_at_one_stroke(redis_server: RedisServer) -> None:
    async with RedisLimiter(
        redis_server.url, requests_per_second=1000, tokens_per_minute=60_000, adaptive=False, timeout=5
    ) as limiter:
        await take(limiter, Cost(1, 5_000, 5_000))  # ten seconds of tokens are saved
        with pytest.raises(RateLimited, match="max_wait=1") as caught:
            await take(limiter, Cost(1, 1_000, 1_000), max_wait=1)
        assert caught.value.retry_after == pytest.approx(2.0, abs=0.5)
        assert caught.value.kind == "local_limit"
        (await take(limiter, Cost(1, 0, 0), max_wait=1)).finished(None)  # a refusal has reserved nothing


async def test_what_was_not_sent_or_not_used_is_given_back(redis_server: RedisServer) -> None:
    async with RedisLimiter(redis_server.url, tokens_per_minute=60_000, adaptive=False, timeout=5) as limiter:
        (await take(limiter, Cost(1, 10_000))).refund()
        await told(limiter)
        (await take(limiter, Cost(1, 10_000), max_wait=5)).finished(Usage(100, 100))
        await told(limiter)
        (await take(limiter, Cost(1, 9_000), max_wait=5)).refund()


async def test_who_leaves_the_queue_gives_its_place_to_the_next(redis_server: RedisServer) -> None:
    async with RedisLimiter(redis_server.url, requests_per_second=1, adaptive=False, timeout=5) as limiter:
        await take(limiter)
        leaving = [asyncio.ensure_future(limiter.acquire(KEY, Cost(100)).arrive()) for _ in range(3)]
        staying = asyncio.ensure_future(limiter.acquire(KEY, Cost()).arrive())
        await asyncio.sleep(0)
        for future in leaving:
            future.cancel()
        async with asyncio.timeout(20):
            await staying


async def test_one_processs_refusal_slows_another_down(redis_server: RedisServer) -> None:
    rates: list[float] = []
    async with (
        RedisLimiter(redis_server.url, requests_per_second=100, timeout=5) as one,
        RedisLimiter(redis_server.url, requests_per_second=100, timeout=5) as other,
    ):
        other.changes.subscribe(lambda change: rates.append(change.rate))
        (await take(other)).finished(None)
        (await take(one)).limited(60.0)

        await told(one)
        with pytest.raises(RateLimited) as caught:
            await take(other, max_wait=1)
        assert caught.value.retry_after == pytest.approx(60, abs=10)
    assert rates == [100.0, pytest.approx(70.0)]


async def test_what_the_headers_tell_one_process_all_go_by(redis_server: RedisServer) -> None:
    limits = RateLimits(requests=RateLimit(limit=600, remaining=60, reset_after=54.0))
    async with (
        RedisLimiter(redis_server.url, timeout=5) as one,
        RedisLimiter(redis_server.url, timeout=5) as other,
    ):
        for _ in range(4):
            reservation = await take(one)
            reservation.report(limits)
            await told(one)
            reservation.finished(None)
        rates: list[LimiterRate] = []
        other.changes.subscribe(rates.append)
        (await take(other)).finished(None)
    [change] = rates
    assert (change.name, change.unit) == ("fleet:openai/gpt", "requests")
    assert change.rate == pytest.approx(10.0, rel=0.2)


async def test_a_rate_that_was_cut_grows_again_while_more_is_wanted(redis_server: RedisServer) -> None:
    rates: list[float] = []
    async with RedisLimiter(redis_server.url, requests_per_second=100, timeout=5) as limiter:
        limiter.changes.subscribe(lambda change: rates.append(change.rate))
        (await take(limiter)).limited(None)
        await told(limiter)

        async def one() -> None:
            while rates[-1] < 75:
                reservation = await take(limiter)
                reservation.report(None)
                reservation.finished(None)

        (await take(limiter)).finished(None)
        async with asyncio.timeout(60):
            await asyncio.gather(*[one() for _ in range(4)])
    assert rates == [100.0, pytest.approx(70, rel=0.05), pytest.approx(77, rel=0.05)]


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("redis", "redis.asyncio"):
        monkeypatch.setitem(sys.modules, module, None)
    for kind in (RedisLimiter, RedisBreaker):
        with pytest.raises(ImportError, match=r"pip install 'tokenrill\[redis\]'"):
            kind("redis://localhost")


async def test_more_than_may_wait_are_refused_at_once(redis_server: RedisServer) -> None:
    async with RedisLimiter(redis_server.url, requests_per_second=1, max_waiting=2, timeout=5) as limiter:
        waiting = [asyncio.ensure_future(limiter.acquire(KEY, Cost(50)).arrive()) for _ in range(2)]
        with pytest.raises(RateLimited, match="2 requests wait already"):
            limiter.acquire(KEY, Cost()).arrive()
        await limiter.aclose()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [RateLimited, RateLimited]


async def test_it_goes_on_alone_while_redis_is_dead_and_comes_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    links: list[FleetLink] = []
    rates: list[LimiterRate] = []
    caplog.set_level(logging.WARNING, "tokenrill")
    async with (
        RedisLimiter(redis_server.url, requests_per_second=100, adaptive=False, retry_every=0.05, timeout=2) as limiter,
        RedisLimiter(redis_server.url, requests_per_second=100, adaptive=False, timeout=2) as neighbour,
    ):
        limiter.links.subscribe(links.append)
        limiter.changes.subscribe(rates.append)
        (await take(neighbour)).finished(None)
        (await take(limiter)).finished(None)
        redis_server.kill()
        for _ in range(5):
            (await take(limiter)).finished(None)
        assert not limiter.connected
        lane = next(iter(limiter._offices.values())).lanes[KEY]  # pyright: ignore[reportPrivateUsage]
        assert lane.alone is not None
        assert lane.alone._ceilings == {"requests": 50.0}  # pyright: ignore[reportPrivateUsage]

        redis_server.start()

        async def back() -> None:
            while not limiter.connected:
                (await take(limiter)).finished(None)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(30):
            await back()
    assert [(link.connected, link.processes) for link in links] == [(False, 2), (True, 2)]
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "the limiter fleet: Redis fails with ConnectionError",
        "the limiter fleet: Redis is back",
    ]


async def test_a_redis_that_hangs_costs_no_more_than_the_timeout_once() -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def waited() -> float:
        async with RedisLimiter(f"redis://127.0.0.1:{port}", requests_per_second=10_000, adaptive=False) as limiter:
            began = asyncio.get_running_loop().time()
            for _ in range(50):
                (await take(limiter)).finished(None)
            return asyncio.get_running_loop().time() - began

    assert await soonest(waited, 0.5) < 0.5
    for writer in held:
        writer.close()
    server.close()


async def test_it_serves_the_operator(redis_server: RedisServer) -> None:
    import reactivex as rx

    async with RedisLimiter(redis_server.url, requests_per_second=100, timeout=5) as limiter:
        stream = rx.of(TextDelta("Hi")).pipe(rate_limit(limiter))
        assert await stream == TextDelta("Hi")
        await until(lambda: limiter.connected)


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        RedisLimiter("redis://localhost", share=0)
    with pytest.raises(ValueError, match="requests_per_second"):
        RedisLimiter("redis://localhost", adaptive=False)
