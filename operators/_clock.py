"""Who wakes an operator that waits, and the clock that goes with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from reactivex import abc
from reactivex.scheduler import ImmediateScheduler, TimeoutScheduler, TrampolineScheduler, VirtualTimeScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler

__all__ = ["time_of"]


def time_of(scheduler: abc.SchedulerBase | None) -> tuple[abc.SchedulerBase, Callable[[], float]]:
    """Who wakes us, and the clock that goes with it, in seconds; the wall's is not used, since it may be set.

    The scheduler given at subscription, else the running event loop, else threads.
    """
    if isinstance(scheduler, VirtualTimeScheduler):
        return scheduler, lambda: scheduler.to_seconds(scheduler.now)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    now = time.monotonic if loop is None else loop.time
    # The trampolines would sleep in the thread that subscribes.
    if scheduler is not None and not isinstance(scheduler, (TrampolineScheduler, ImmediateScheduler)):
        return scheduler, now
    return TimeoutScheduler.singleton() if loop is None else AsyncIOScheduler(loop), now
