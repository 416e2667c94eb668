"""The same worlds with a limiter among the operators; it needs an event loop, whose time is virtual here."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings, strategies as st
from reactivex.scheduler.eventloop import AsyncIOScheduler

from tests.operators.played import World, worlds
from tests.operators.test_survival_properties import nothing_amiss
from tests.virtual_loop import run_virtual
from tokenrill import LocalLimiter
from tokenrill.streams.rate_limiter import Cost, Pending

RATES = st.sampled_from([0.2, 0.5, 1.0, 20.0])
LIMITERS = st.builds(LocalLimiter, requests_per_second=RATES, adaptive=st.booleans())


async def played(world: World) -> None:
    loop = asyncio.get_running_loop()
    ours = {asyncio.current_task()}

    def remains() -> list[Any]:
        live: list[Any] = [one.serial for one in world.given if one.live]
        timers = [timer for timer in vars(loop)["_scheduled"] if not timer.cancelled()]
        return live + timers + list(asyncio.all_tasks() - ours)

    world.remains = remains
    for moment in world.acts(AsyncIOScheduler(loop)):
        if moment is None:
            for _ in range(5):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(moment - loop.time())
    nothing_amiss(world)


def limiter_of(world: World) -> LocalLimiter:
    for operator in world.chain:
        options = operator.recipe.options
        if "limiter" in options:
            return options["limiter"]
    raise AssertionError("there is one in each")


@settings(max_examples=200)
@given(worlds(LIMITERS))
def test_whatever_fails_no_place_is_lost(world: World) -> None:
    async def scenario() -> None:
        await played(world)
        if not (world.ends or world.left_early):
            return  # its provider is silent, and has its place
        limiter = limiter_of(world)
        loop = asyncio.get_running_loop()
        for key, lane in list(vars(limiter)["_lanes"].items()):
            assert lane.idle
            began = loop.time()
            answer = limiter.acquire(key, Cost())
            if isinstance(answer, Pending):
                await answer.arrive()
            assert loop.time() - began < 0.01  # long after, everything is saved up again

    run_virtual(scenario())
