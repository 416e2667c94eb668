"""A bucket over aiolimiter: it loses nothing and gives nothing away, whatever is taken, given back or re-priced."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings, strategies as st

from tests.virtual_loop import run_virtual
from tokenrill.streams.rate_bucket import Bucket

STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give", "sleep", "rate"]), st.floats(0.01, 20.0)), min_size=1, max_size=40
)


@given(STEPS, st.floats(0.5, 10.0))
@settings(max_examples=60)
def test_never_more_is_taken_than_came_in(steps: list[tuple[str, float]], seconds: float) -> None:
    async def use() -> None:
        loop = asyncio.get_running_loop()
        rate, taken, came = 5.0, 0.0, 5.0 * seconds
        dearest = 5.0
        bucket = Bucket(rate, seconds=seconds)
        for kind, value in steps:
            match kind:
                case "take":
                    taken += value - bucket.take(value)
                case "give":
                    back = min(value, taken)
                    bucket.give(back)
                    taken -= back
                case "rate":
                    # What is saved is seconds: at a higher rate they are worth more.
                    came += max(0.0, value - rate) * seconds
                    bucket.rate = rate = value
                    dearest = max(dearest, rate)
                case _:
                    before = loop.time()
                    await asyncio.sleep(value)
                    came += (loop.time() - before) * rate
            assert taken <= came + 1e-3 * dearest

    run_virtual(use())


def test_it_takes_the_time_it_should() -> None:
    async def use() -> float:
        bucket, loop = Bucket(10.0, seconds=1.0), asyncio.get_running_loop()
        owed = 40.0
        while owed := bucket.take(owed):  # noqa: ASYNC110
            await asyncio.sleep(bucket.instalment(owed))
        return loop.time()

    assert run_virtual(use()) == pytest.approx(3.0, abs=0.01)  # ten at once, thirty at ten a second


def test_a_new_rate_takes_effect_at_once() -> None:
    async def use() -> tuple[float, float]:
        bucket = Bucket(10.0, seconds=1.0)
        assert bucket.take(10.0) == 0.0
        slow = bucket.wait(10.0)
        bucket.rate = 100.0
        return slow, bucket.wait(10.0)

    slow, fast = run_virtual(use())
    assert (slow, fast) == (pytest.approx(1.0, abs=0.01), pytest.approx(0.1, abs=0.01))


def test_what_is_given_back_does_not_fill_it_past_the_brim() -> None:
    async def use() -> float:
        bucket = Bucket(10.0, seconds=1.0)
        bucket.take(5.0)
        await asyncio.sleep(10.0)
        bucket.give(5.0)
        return 30.0 - bucket.take(30.0)

    assert run_virtual(use()) == pytest.approx(10.0, abs=0.01)


def test_a_debt_is_paid_before_anybody_goes() -> None:
    async def use() -> float:
        bucket = Bucket(10.0, seconds=1.0)
        bucket.give(-20.0)
        return bucket.wait(1.0)

    assert run_virtual(use()) == pytest.approx(1.1, abs=0.01)


def test_a_bucket_holds_one_whatever_its_rate() -> None:
    async def use() -> bool:
        bucket = Bucket(10.0, seconds=1.0, least=1.0)
        bucket.rate = 0.1
        await asyncio.sleep(20.0)
        return bucket.has(1.0)

    assert run_virtual(use())
