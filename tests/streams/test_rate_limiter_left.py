# pyright: reportPrivateUsage=false
"""Whoever leaves the line at a limiter leaves it to the others: its place, its instalments, its turn."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from tests.streams.test_rate_limiter import KEY, ask, fixed
from tests.virtual_loop import run_virtual
from tokenrill import LocalLimiter
from tokenrill.streams.rate_limiter import Cost


def test_the_head_of_the_queue_gives_its_instalments_back() -> None:
    async def use() -> float:
        limiter = LocalLimiter(tokens_per_minute=60, adaptive=False)
        big = asyncio.ensure_future(ask(limiter, Cost(1.0, 100.0)))
        await asyncio.sleep(5.0)  # it has paid the ten that were saved, and five
        big.cancel()
        small = ask(limiter, Cost(1.0, 10.0))
        before = asyncio.get_running_loop().time()
        await small
        return asyncio.get_running_loop().time() - before

    assert run_virtual(use()) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("turns", range(5))
def test_a_place_that_comes_free_while_somebody_leaves_is_the_next_one_s(turns: int) -> None:
    """At whichever turn of the event loop, and in the same one too."""

    async def use() -> float:
        limiter = fixed(1.0)
        first = await ask(limiter)
        leaving, staying = asyncio.ensure_future(ask(limiter)), ask(limiter)
        leaving.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        first.refund()
        return (await staying).waited

    assert run_virtual(use()) == 0.0


def test_a_waiter_that_is_gone_leaves_nothing_behind() -> None:
    async def use() -> bool:
        limiter = fixed(1.0)
        (await ask(limiter)).finished(None)
        waiting = asyncio.ensure_future(ask(limiter))
        trace = weakref.ref(waiting)
        waiting.cancel()
        await asyncio.sleep(0.01)
        del waiting
        gc.collect()
        return trace() is None and limiter._lanes[KEY].idle and limiter._lanes[KEY]._timer is None

    assert run_virtual(use())
