"""Who wakes an operator that waits, and the clock that goes with it."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from reactivex import abc, typing
from reactivex.scheduler import ImmediateScheduler, TimeoutScheduler, TrampolineScheduler, VirtualTimeScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler

__all__ = ["time_of"]

T = TypeVar("T")


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
    # The loop's own clock, where it is no other: to ask it costs a call more, and a bound method for each who asks.
    now = time.monotonic if loop is None or type(loop).time is asyncio.BaseEventLoop.time else loop.time
    # The trampolines would sleep in the thread that subscribes.
    if scheduler is not None and not isinstance(scheduler, (TrampolineScheduler, ImmediateScheduler)):
        return scheduler, now
    return TimeoutScheduler.singleton() if loop is None else timers_of(loop), now


def timers_of(loop: asyncio.AbstractEventLoop) -> LoopTimers:
    """One for all who wait on a loop, for as long as any of them does."""
    timers = latest.timers()
    if timers is None or timers.loop is not loop:
        timers = LoopTimers(loop)
        latest.timers = weakref.ref(timers)
    return timers


class LoopTimers(AsyncIOScheduler):
    """RxPY's scheduler, with one object for a timer in place of six: a stream has a timer from its first moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.loop = loop

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: typing.ScheduledAction[T], state: T | None = None
    ) -> abc.DisposableBase:
        seconds = self.to_seconds(duetime)
        return Timer(self, action, state, seconds) if seconds > 0 else self.schedule(action, state)


class Timer(abc.DisposableBase, Generic[T]):
    """An action that waits, and afterwards what it has given to be disposed."""

    __slots__ = ("_action", "_disposed", "_handle", "_left", "_scheduler", "_state")

    def __init__(
        self, scheduler: LoopTimers, action: typing.ScheduledAction[T], state: T | None, seconds: float
    ) -> None:
        self._scheduler = scheduler
        self._action = action
        self._state = state
        self._disposed = False
        self._left: abc.DisposableBase | None = None
        self._handle = scheduler.loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._left = self._scheduler.invoke_action(self._action, self._state)
        if self._disposed:
            self._left.dispose()

    def dispose(self) -> None:
        self._disposed = True
        self._handle.cancel()
        if self._left is not None:
            self._left.dispose()


class Latest(threading.local):
    """The timers that were asked for last, in each thread."""

    timers: Callable[[], LoopTimers | None] = staticmethod(lambda: None)


latest: Final = Latest()
