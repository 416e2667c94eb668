"""How fast to send where the headers say it. Pure; it holds no clock."""

from __future__ import annotations

import math
from typing import Final

from .tokens import RateLimit

__all__ = ["Pace"]

HARD_CUT: Final = 0.7
WINDOWS: Final = (1.0, 60.0, 3600.0, 86400.0)
MINUTE: Final = 60.0
SPARE: Final = 0.1
REACT: Final = 8.0


class Pace:
    """A rate that is told: so much refills a second, so much is left.

    It keeps a tenth of the bucket in reserve, faster while more is left, slower while less is: that is a
    proportional controller, which settles on what a noisy neighbour leaves over without knowing of it.

    >>> pace = Pace()
    >>> pace.told(RateLimit(limit=600, remaining=60, reset_after=54.0), sent_since=0.0, age=0.0, largest=1.0)
    True
    >>> pace.rate
    10.0
    """

    __slots__ = ("_ceiling", "_floor", "_guess", "_guesses", "_window", "rate")

    def __init__(self, *, floor: float = 0.02, ceiling: float = 1e9) -> None:
        self._floor = floor
        self._ceiling = ceiling
        self._window: float = MINUTE
        self._guess: float = MINUTE
        self._guesses = 0
        self.rate = ceiling

    def told(self, limit: RateLimit, *, sent_since: float, age: float, largest: float) -> bool:
        """Take what the headers say, ``age`` seconds ago; ``sent_since`` has gone out after that.

        ``largest`` is what one request may take at once. Answers whether it was enough to go by.
        """
        size = limit.limit
        if not size or size <= 0:
            return False
        self._see_window(size, limit.remaining, limit.reset_after)
        refill = size / self._window
        rate = refill
        if limit.remaining is not None:
            left = min(float(size), limit.remaining + refill * max(0.0, age)) - max(0.0, sent_since)
            reserve = min(size / 2, max(SPARE * size, 2 * largest))
            rate = refill + (left - reserve) * REACT / self._window
        self.rate = min(max(rate, self._floor, refill / 20), self._ceiling)
        return True

    def refused(self) -> None:
        """A refusal, though the headers had room: slower, until they speak again."""
        self.rate = max(self._floor, self.rate * HARD_CUT)

    def _see_window(self, size: int, remaining: int | None, reset: float | None) -> None:
        """Learn how long the bucket takes to fill. ``limit - remaining`` of it takes until the reset.

        A minute is what all say; Groq and Cerebras count some things by the day. Whole seconds and rounded counts
        make single answers rough, so three must agree.
        """
        if reset is None or remaining is None or not 0 < remaining < size or not math.isfinite(reset):
            return
        implied = size * reset / (size - remaining)
        if reset <= 0 or (implied > MINUTE and reset < 2) or implied < 0.25:
            return
        long_enough = [window for window in WINDOWS if window >= 0.9 * reset] or [WINDOWS[-1]]
        guess = min(long_enough, key=lambda window: abs(math.log(window / implied)))
        self._guesses = self._guesses + 1 if guess == self._guess else 1
        self._guess = guess
        if self._guesses >= 3:
            self._window = guess
