"""How long a server may be silent."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from time import monotonic
from typing import Final

from ..streams.errors import StreamError, StreamStalled

__all__ = ["Idle"]

SECOND_LOOK: Final = 0.01


class Idle(ABC):
    """Fail a body whose next byte does not come in time: one timer for all its reads, looked at when it rings.

    Attributes:
        since: ``time.monotonic()`` of the last byte; infinite while nobody reads.
    """

    __slots__ = ("_doubted", "_limit", "_timer", "since")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._doubted = False
        self.since = monotonic()
        self._timer: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(limit, self._look)

    @abstractmethod
    def fail(self, error: StreamError) -> None:
        """End the body with this error."""

    def stop(self) -> None:
        """The body is done with."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        left = self.since + self._limit - monotonic()
        if left > 0:
            self._doubted = False
            self._ring(min(left, self._limit))
        elif not self._doubted:
            # The loop itself may have been held up, with the bytes in the socket: some loops look at clocks first.
            self._doubted = True
            self._ring(SECOND_LOOK)
        else:
            self.fail(StreamStalled("idle", self._limit))

    def _ring(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)
