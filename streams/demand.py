"""How a slow consumer slows the socket: a gate between two water marks."""

from __future__ import annotations

import asyncio
import threading
import time

from .loops import wake

__all__ = ["Demand"]

making = threading.RLock()


class Demand:
    """Count what waits downstream; close at ``high``, open again at ``low``.

    Rx pushes, so demand (Reactive Streams' word) travels beside the stream rather than up it: a sink that
    stores calls :meth:`buffered` and :meth:`taken`, and a source awaits :meth:`ready` before each read.
    A synchronous observer needs none of this: the source cannot read on until it returns.

    What can wait in memory is therefore at most ``high`` items, plus what one socket read decodes to.
    Source and sink may be in different threads.

    >>> demand = Demand(high=2, low=0)
    >>> demand.buffered(2)
    >>> demand.is_open
    False
    >>> demand.taken(2)
    >>> demand.is_open
    True

    Raises:
        ValueError: Unless ``0 <= low < high``.
    """

    __slots__ = ("_closed_at", "_level", "_lock", "_paused", "_waiters", "high", "is_open", "low", "opened_at")

    def __init__(self, *, high: int = 256, low: int | None = None) -> None:
        low = high // 4 if low is None else low
        if not 0 <= low < high:
            raise ValueError(f"Demand needs 0 <= low < high, but got low={low} high={high}")
        self.high = high
        self.low = low
        self.is_open = True
        self.opened_at = 0.0
        self._closed_at = 0.0
        self._paused = 0.0
        self._level = 0
        self._lock: threading.Lock | None = None  # made when somebody counts: most consumers keep nothing
        self._waiters: list[asyncio.Future[None]] | None = None  # made when somebody waits

    @property
    def level(self) -> int:
        """How many items wait downstream now."""
        return self._level

    @property
    def paused_seconds(self) -> float:
        """For how long, in all, the source has been kept waiting."""
        if self._lock is None:
            return self._paused
        with self._lock:
            return self._paused + (0.0 if self.is_open else time.monotonic() - self._closed_at)

    def _locked(self) -> threading.Lock:
        # The source may be on another thread than the sink.
        if self._lock is None:
            with making:
                self._lock = self._lock or threading.Lock()
        return self._lock

    def narrow(self, high: int) -> None:
        """See that no more than ``high`` items wait from now on; a bound that is narrower already stays."""
        if high < 1:
            raise ValueError(f"high is a number of items, 1 or more, not {high}")
        with self._locked():
            if high < self.high:
                self.high, self.low = high, min(self.low, high // 4)

    def buffered(self, count: int = 1) -> None:
        """Say that ``count`` items have been stored."""
        with self._locked():
            self._level += count
            if self._level >= self.high and self.is_open:
                self.is_open = False
                self._closed_at = time.monotonic()

    def taken(self, count: int = 1) -> None:
        """Say that ``count`` stored items have been consumed."""
        with self._locked():
            self._level -= count
            if self.is_open or self._level > self.low:
                return
            self.is_open = True
            self.opened_at = time.monotonic()
            self._paused += self.opened_at - self._closed_at
            waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            wake(waiter)

    async def ready(self) -> None:
        """Return when the consumer wants more."""
        while True:
            with self._locked():
                if self.is_open:
                    return
                waiter = asyncio.get_running_loop().create_future()
                self._waiters = [*(self._waiters or ()), waiter]
            try:
                await waiter
            finally:
                with self._locked():
                    self._waiters = [other for other in self._waiters or () if other is not waiter] or None
