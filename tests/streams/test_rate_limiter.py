# pyright: reportPrivateUsage=false
"""The local limiter: first come, first served; what is not used is given back; what is known too long fails at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.virtual_loop import run_virtual
from tokenrill import LimiterRate, LocalLimiter, RateLimit, RateLimited, RateLimits, Usage
from tokenrill.streams.rate_limiter import Cost, Key, Pending

KEY = Key("openai", "0a1b2c3d", "gpt")
ONE = Cost()


def ask(limiter: LocalLimiter, cost: Cost = ONE, key: Key = KEY, max_wait: float | None = None) -> Awaitable[Any]:
    answer = limiter.acquire(key, cost, max_wait)
    if isinstance(answer, Pending):
        return answer.arrive()
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    done.set_result(answer)
    return done


def fixed(rate: float, **more: Any) -> LocalLimiter:
    return LocalLimiter(requests_per_second=rate, adaptive=False, **more)


async def arrivals(asked: list[Awaitable[Any]]) -> list[float]:
    loop, times = asyncio.get_running_loop(), list[float]()

    async def wait(one: Awaitable[Any]) -> None:
        (await one).finished(None)
        times.append(round(loop.time(), 2))

    await asyncio.gather(*(wait(one) for one in asked))
    return times


def test_a_second_s_worth_goes_at_once_and_the_rest_at_the_rate() -> None:
    async def use() -> list[float]:
        limiter = fixed(2.0)
        return await arrivals([ask(limiter) for _ in range(6)])

    assert run_virtual(use()) == [0.0, 0.0, 0.5, 1.0, 1.5, 2.0]


def test_a_place_that_is_there_is_given_without_a_task() -> None:
    async def use() -> tuple[int, float]:
        reservation = fixed(2.0).acquire(KEY, ONE)
        assert not isinstance(reservation, Pending)
        return len(asyncio.all_tasks()), reservation.waited

    assert run_virtual(use()) == (1, 0.0)


def test_who_waits_creates_no_task_either() -> None:
    async def use() -> int:
        limiter = fixed(1.0)
        waiting = [ask(limiter) for _ in range(5)]
        count = len(asyncio.all_tasks())
        await arrivals(waiting)
        return count

    assert run_virtual(use()) == 1


def test_a_big_one_is_not_passed_by_small_ones() -> None:
    async def use() -> list[str]:
        limiter = LocalLimiter(tokens_per_minute=600, adaptive=False)
        order = list[str]()

        async def go(name: str, tokens: float, asked: Awaitable[Any]) -> None:
            (await asked).finished(Usage(int(tokens), 0))
            order.append(name)

        sizes = [("first", 100.0), ("big", 300.0), *((f"small {n}", 1.0) for n in range(5))]
        await asyncio.gather(*(go(name, size, ask(limiter, Cost(1.0, size))) for name, size in sizes))
        assert asyncio.get_running_loop().time() == pytest.approx(30.5, abs=0.1)
        return order

    assert run_virtual(use()) == ["first", "big", *(f"small {n}" for n in range(5))]


@given(st.lists(st.floats(0.1, 30.0), min_size=2, max_size=20), st.sets(st.integers(0, 19)))
@settings(max_examples=40)
def test_first_come_first_served_and_the_cancelled_take_nothing(sizes: list[float], leaving: set[int]) -> None:
    async def use() -> None:
        limiter = LocalLimiter(tokens_per_minute=60, adaptive=False)
        (await ask(limiter, Cost(1.0, 10.0))).finished(Usage(10, 0))  # all that was saved
        came = list[int]()
        loop = asyncio.get_running_loop()

        async def go(number: int, asked: Awaitable[Any]) -> None:
            reservation = await asked
            came.append(number)
            reservation.finished(None)

        tasks = [loop.create_task(go(n, ask(limiter, Cost(1.0, size)))) for n, size in enumerate(sizes)]
        await asyncio.sleep(0)
        for number in leaving & set(range(len(sizes))):
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stayed = [n for n in range(len(sizes)) if n not in leaving]
        assert came == stayed
        assert loop.time() == pytest.approx(sum(sizes[n] for n in stayed), abs=0.05)

    run_virtual(use())


def test_a_refund_gives_everything_back() -> None:
    async def use() -> list[float]:
        limiter = fixed(1.0)
        for _ in range(20):
            (await ask(limiter)).refund()
        return await arrivals([ask(limiter), ask(limiter)])

    assert run_virtual(use()) == [0.0, 1.0]


def test_only_the_first_word_counts() -> None:
    async def use() -> list[float]:
        limiter = fixed(1.0)
        reservation = await ask(limiter)
        reservation.finished(None)
        reservation.refund()
        reservation.limited(100.0)
        return await arrivals([ask(limiter)])

    assert run_virtual(use()) == [1.0]


@pytest.mark.parametrize(("used", "wait"), [(100, 0.0), (300, 20.0), (500, 40.0)])
def test_the_usage_sets_the_estimate_right(used: int, wait: float) -> None:
    async def use() -> float:
        limiter = LocalLimiter(tokens_per_minute=600, adaptive=False)
        reservation = await ask(limiter, Cost(1.0, 50.0, 50.0))
        reservation.finished(Usage(used, 0))
        start = asyncio.get_running_loop().time()
        await ask(limiter, Cost(1.0, 0.5))
        return asyncio.get_running_loop().time() - start

    assert run_virtual(use()) == pytest.approx(wait, abs=0.1)


def test_a_wait_known_to_be_too_long_fails_at_once() -> None:
    async def use() -> tuple[float, RateLimited]:
        limiter = fixed(1.0)
        waiting = [ask(limiter) for _ in range(5)]
        with pytest.raises(RateLimited) as caught:
            await ask(limiter, max_wait=3.0)
        now = asyncio.get_running_loop().time()
        await arrivals(waiting)
        return now, caught.value

    now, error = run_virtual(use())
    assert now == 0.0
    assert (error.kind, error.code, error.retryable) == ("local_limit", "wait_too_long", False)
    assert error.retry_after == pytest.approx(5.0, abs=0.01)


def test_a_pause_fails_those_who_cannot_wait_for_its_end() -> None:
    async def use() -> float:
        limiter = fixed(1.0)
        first = await ask(limiter)
        patient, hasty = ask(limiter), ask(limiter, max_wait=5.0)
        first.limited(60.0)
        with pytest.raises(RateLimited, match="did not come"):
            await hasty
        assert asyncio.get_running_loop().time() == 0.0
        await patient
        return asyncio.get_running_loop().time()

    assert run_virtual(use()) == pytest.approx(61.0, abs=0.01)


def test_a_full_queue_is_full_until_somebody_leaves() -> None:
    async def use() -> None:
        limiter = fixed(1.0, max_waiting=2)
        (await ask(limiter)).finished(None)
        waiting = [asyncio.ensure_future(ask(limiter)) for _ in range(2)]
        with pytest.raises(RateLimited, match="2 requests wait already"):
            await ask(limiter)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        late = ask(limiter)
        await arrivals([waiting[1], late])

    run_virtual(use())


def test_each_key_has_its_own_quota() -> None:
    async def use() -> list[float]:
        limiter = fixed(1.0)
        keys = [KEY, KEY._replace(model="other"), KEY._replace(credential="another"), KEY._replace(provider="x_ai")]
        return await arrivals([ask(limiter, key=key) for key in keys])

    assert run_virtual(use()) == [0.0] * 4


def test_a_429_stops_everybody_with_that_key() -> None:
    async def use() -> list[float]:
        limiter = LocalLimiter(requests_per_second=10)
        first, second = await ask(limiter), await ask(limiter)
        first.limited(30.0)
        second.finished(None)
        return await arrivals([ask(limiter), ask(limiter, key=KEY._replace(model="other"))])

    assert run_virtual(use()) == [0.0, pytest.approx(30.15, abs=0.1)]


def test_the_headers_give_the_exact_pace() -> None:
    async def use() -> list[LimiterRate]:
        limiter, changes = LocalLimiter(), list[LimiterRate]()
        limiter.changes.subscribe(changes.append)
        for _ in range(3):
            reservation = await ask(limiter, Cost(1.0, 100.0))
            full = RateLimit(600, 61, 54.0)
            reservation.report(RateLimits(requests=full, tokens=RateLimit(60_000, 6_100, 54.0)))
            reservation.finished(Usage(100, 0))
        return changes

    changes = run_virtual(use())
    assert [change.unit for change in changes] == ["requests"]
    assert changes[0].name == "local:openai/gpt"
    assert changes[0].rate == pytest.approx(10.0, abs=0.5)
    assert "0a1b2c3d" not in repr(changes)


def test_idle_keys_are_forgotten_and_busy_ones_are_not() -> None:
    async def use() -> int:
        limiter = fixed(100.0)
        busy = await ask(limiter)
        for number in range(3_000):
            (await ask(limiter, key=KEY._replace(model=str(number)))).finished(None)
        assert KEY in limiter._lanes
        busy.finished(None)
        return len(limiter._lanes)

    assert run_virtual(use()) == 1_000


@pytest.mark.parametrize(
    "options",
    [
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"tokens_per_minute": -1},
        {"max_waiting": 0},
        {"start": float("inf")},
        {"adaptive": False},
    ],
)
def test_numbers_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"more than 0|needs requests_per_second"):
        LocalLimiter(**options)
