"""A window that fits its consumer: wide enough to keep it busy, narrow enough to keep it up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from .demand import Demand

__all__ = ["AdaptiveDemand"]

WEIGHT: Final = 0.125  # of the newest measurement in the mean, as TCP weighs round trips (RFC 6298 §2)
MEASURED: Final = 8  # items, before the mean is believed


class AdaptiveDemand(Demand):
    """A :class:`Demand` whose ``high`` follows its consumer.

    It measures how long the consumer takes for an item while items wait. Where the gate closes, ``high`` becomes
    what the consumer takes in ``delay`` seconds, so that no token waits much longer than that; where the consumer
    finds nothing though it had to be slowed down before, the window was too narrow, and is doubled. It always
    stays between ``smallest`` and ``largest``, which is thus the bound of what can wait, but for one socket read.

    >>> demand = AdaptiveDemand(smallest=16, largest=1024)
    >>> demand.high
    256

    Args:
        smallest, largest: The bounds of ``high``, in items.
        delay: How long the last item that fits the window may wait, in seconds.
        clock: Seconds that never go back.

    Raises:
        ValueError: Unless ``1 <= smallest <= largest``, and ``delay`` is more than 0.
    """

    __slots__ = ("_clock", "_count", "_each", "_last", "_slowed", "delay", "largest", "smallest")

    def __init__(
        self,
        *,
        smallest: int = 32,
        largest: int = 4096,
        delay: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (1 <= smallest <= largest and delay > 0):
            raise ValueError(
                f"AdaptiveDemand needs 1 <= smallest <= largest and a delay of more than 0 s, "
                f"but got smallest={smallest} largest={largest} delay={delay}"
            )
        super().__init__(high=min(max(256, smallest), largest))
        self.smallest = smallest
        self.largest = largest
        self.delay = delay
        self._clock = clock
        self._each = 0.0  # seconds that the consumer takes for an item
        self._count = 0
        self._last: float | None = None  # when it last took one, if it then found more
        self._slowed = False

    @property
    def seconds_an_item(self) -> float | None:
        """How long the consumer takes for one item; None until that is known."""
        return self._each if self._count >= MEASURED else None

    def narrow(self, high: int) -> None:
        """See that no more than ``high`` items wait from now on, nor ever after."""
        super().narrow(high)
        self.largest = min(self.largest, high)
        self.smallest = min(self.smallest, high)

    def buffered(self, count: int = 1) -> None:
        """Say that ``count`` items have been stored."""
        if self._level <= 0:
            self._last = self._clock()
        was_open = self.is_open
        super().buffered(count)
        if was_open and not self.is_open:
            self._slowed = True
            if self._count >= MEASURED:
                self._resize(self.delay / self._each if self._each > 0 else self.largest)

    def taken(self, count: int = 1) -> None:
        """Say that ``count`` stored items have been consumed."""
        now = self._clock()
        if self._last is not None and count > 0:
            each = (now - self._last) / count
            self._each = each if not self._count else self._each + WEIGHT * (each - self._each)
            self._count = min(self._count + count, MEASURED)
        super().taken(count)
        if self._level > 0:
            self._last = now
            return
        self._last = None
        if self._slowed:
            # It was slowed down, and still ran dry before more had come: more must be on its way earlier.
            self._slowed = False
            self._resize(self.high * 2)

    def _resize(self, high: float) -> None:
        self.high = int(min(max(high, self.smallest), self.largest))
        self.low = self.high // 4
