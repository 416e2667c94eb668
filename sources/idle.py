"""How long a server may be silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from ..streams.errors import StreamStalled

__all__ = ["Idle"]

SECOND_LOOK: Final = 0.01


class Idle:
    """Fail a body whose next byte does not come in time: one timer for all its reads, looked at when it rings.

    Attributes:
        since: ``time.monotonic()`` of the last byte; infinite while nobody reads.
    """

    __slots__ = ("_doubted", "_fail", "_limit", "_timer", "since")

    def __init__(self, limit: float, fail: Callable[[StreamStalled], None]) -> None:
        self._limit = limit
        self._fail = fail
        self._doubted = False
        self.since = monotonic()
        self._timer = asyncio.get_running_loop().call_later(limit, self._look)

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
            self._fail(StreamStalled("idle", self._limit))

    def _ring(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def stop(self) -> None:
        """The body is done with."""
        self._timer.cancel()
        self._fail = nobody_waits  # whoever waited has us, and we need not have them


def nobody_waits(_: StreamStalled) -> None:
    """For a body that is done with."""
