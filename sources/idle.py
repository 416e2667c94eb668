"""How long servers may be silent: one timer for all the streams of a loop, looked at when it rings."""

from __future__ import annotations

import asyncio
from contextvars import Context
from time import monotonic
from typing import Any, Final, Protocol

from ..streams.errors import StreamError, StreamStalled

__all__ = ["Silence", "Waiting"]

SECOND_LOOK: Final = 0.01
FINEST: Final = 256  # looks at all of them in the time that one may be silent, at most


class Waiting(Protocol):
    """Whoever waits for bytes; it is a link in the chain of all who do, since a set would cost as much again.

    Attributes:
        since: ``time.monotonic()`` of the last byte; infinite while nobody reads.
        before, behind: Its neighbours; None while it does not wait.
    """

    since: float
    before: Any
    behind: Any

    def fail(self, error: StreamError, /) -> None:
        """The next byte has not come in time."""


class Silence:
    """Fail whoever waits longer than ``limit`` seconds: a little later at most, by a 256th of the limit.

    All have the same limit, so that none that begins to wait can be due before the timer rings.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.before: Any = self  # the last
        self.behind: Any = self  # the first
        self._doubted: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._context = Context()  # of nobody who happens to be the first

    def watch(self, waiting: Waiting) -> None:
        """Count from what it says; it is held until :meth:`leave`."""
        last = self.before
        waiting.before, waiting.behind = last, self
        last.behind = self.before = waiting
        if self._timer is None:
            self._ring(self.limit)

    def leave(self, waiting: Waiting) -> None:
        """It waits no more. It may be said again."""
        before, behind = waiting.before, waiting.behind
        if before is not None:
            before.behind, behind.before = behind, before
            waiting.before = waiting.behind = None

    def stop(self) -> None:
        """Watch nobody any more."""
        for waiting in self.waiting():
            self.leave(waiting)
        if self._timer is not None:
            self._timer.cancel()

    def waiting(self) -> list[Waiting]:
        """All who wait now."""
        found: list[Waiting] = []
        waiting = self.behind
        while waiting is not self:
            found.append(waiting)
            waiting = waiting.behind
        return found

    def _look(self) -> None:
        self._timer = None
        doubted, self._doubted = self._doubted, set()
        silent: list[Waiting] = []
        soonest, now = self.limit, monotonic()
        for waiting in self.waiting():
            left = waiting.since + self.limit - now
            if left > 0:
                soonest = min(soonest, left)
            elif waiting in doubted:
                silent.append(waiting)
            else:
                # The loop itself may have been held up, with the bytes in the socket: some loops look at clocks first.
                self._doubted.add(waiting)
        if self.behind is not self:
            self._ring(SECOND_LOOK if self._doubted else max(soonest, self.limit / FINEST))
        for waiting in silent:
            self.leave(waiting)
            waiting.fail(StreamStalled("idle", self.limit))

    def _ring(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look, context=self._context)
