"""What a pause that a 429 asked for leaves behind."""

from __future__ import annotations

import asyncio

from tests.streams.test_rate_limiter import ask, fixed
from tests.virtual_loop import run_virtual


def test_a_pause_of_long_ago_keeps_nobody_waiting() -> None:
    """What was saved during it is dropped; what has been saved since is not."""

    async def use() -> list[float]:
        limiter = fixed(0.2)
        (await ask(limiter)).limited(10.0)
        await asyncio.sleep(100.0)
        loop = asyncio.get_running_loop()
        began, waits = loop.time(), list[float]()
        for _ in range(2):
            (await ask(limiter)).finished(None)
            waits.append(round(loop.time() - began, 3))
        return waits

    assert run_virtual(use()) == [0.0, 5.0]
