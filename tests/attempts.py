"""What is promised in milliseconds, measured on a machine that has other things to do as well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["ATTEMPTS", "soonest"]

ATTEMPTS: Final = 6


async def soonest(attempt: Callable[[], Awaitable[float]], limit: float) -> float:
    """The seconds that the first attempt below ``limit`` took, or the least of six.

    A busy machine can be late by more than the limit, but not each time; code that is late is late each time.
    """
    took = [await attempt()]
    while min(took) >= limit and len(took) < ATTEMPTS:
        await asyncio.sleep(0.1 * len(took))  # what keeps the machine busy comes in bursts
        took.append(await attempt())
    return min(took)
