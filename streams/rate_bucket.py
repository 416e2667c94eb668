"""One bucket: what is saved of a rate while nobody asks. The only place that knows aiolimiter."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

__all__ = ["Bucket"]

HALVINGS: Final = 16
INSTANT: Final = 1e-6


class Bucket:
    """Fills at ``rate`` a second, and holds at most ``seconds`` of it, though never less than ``least``.

    aiolimiter counts in seconds here, not in requests, and leaks one a second: a new rate then is another price,
    and takes effect at once, where aiolimiter's own would keep its pace. Only its public methods are used, and
    nothing ever waits in it: its heap would let small amounts pass big ones.

    It lives on the running event loop.
    """

    __slots__ = ("_credit", "_least", "_limiter", "_rate", "_seconds", "_size")

    def __init__(self, rate: float, *, seconds: float, least: float = 0.0) -> None:
        self._rate = rate
        self._seconds = seconds
        self._least = least
        self._credit = 0.0
        self._size = self._needed()
        self._limiter = leaky(self._size)

    @property
    def rate(self) -> float:
        """Units a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = rate
        needed = self._needed()
        if needed > self._size or needed < self._size / 4:
            self._resize(needed)

    @property
    def room(self) -> float:
        """What could be taken now; less than nothing while there is a debt."""
        return self._room() * self._rate + self._credit

    def has(self, amount: float) -> bool:
        """Whether there is room for it now."""
        return self._limiter.has_capacity(max(0.0, (amount - self._credit) / self._rate))

    def take(self, amount: float) -> float:
        """Take what there is room for; what is still missing is to be asked for again."""
        if self._credit > 0 and self._limiter.has_capacity(self._size):
            self._credit = 0.0  # it is full, and holds no more
        if amount <= self._credit:
            self._credit -= amount
            return 0.0
        if self.has(amount):
            owed = (amount - self._credit) / self._rate
            self._credit = 0.0
            self._pay(owed)
            return 0.0
        room = self._room()
        self._pay(room)
        paid = room * self._rate + self._credit
        self._credit = min(0.0, paid)  # a debt is paid first
        left = amount - max(0.0, paid)
        return 0.0 if left < INSTANT * self._rate else left

    def give(self, amount: float) -> None:
        """Put back what was not used; a negative amount is what was used on top."""
        self._credit += amount
        if amount > 0:
            self._credit = min(self._credit, max(0.0, (self._size - self._room()) * self._rate))

    def wait(self, amount: float) -> float:
        """Seconds until so much has come in, if nobody else takes any; it may be more than the bucket holds."""
        return max(0.0, (amount - self.room) / self._rate)

    def instalment(self, amount: float) -> float:
        """Seconds until it is worth asking again: there is room for all of it, or the bucket holds no more."""
        return min(self.wait(amount), self._size - self._room()) + INSTANT

    def empty(self, but: float = 0.0) -> None:
        """Drop what is saved, but for ``but`` seconds of it."""
        self._credit = min(0.0, self._credit)
        self._pay(max(0.0, self._room() - but))

    def _needed(self) -> float:
        return max(self._seconds, self._least / self._rate)

    def _resize(self, size: float) -> None:
        room = self._room()
        self._size = size
        self._limiter = leaky(size)
        self._pay(max(0.0, size - room))

    def _room(self) -> float:
        """Seconds that may be taken: aiolimiter only says yes or no."""
        has = self._limiter.has_capacity
        if has(self._size):
            return self._size
        low, high = 0.0, self._size
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if has(middle) else (low, middle)
        return low

    def _pay(self, seconds: float) -> None:
        if seconds > 0:
            at_once(self._limiter.acquire(seconds))


def leaky(size: float) -> AsyncLimiter:
    """A bucket of so many seconds. Importing it takes longer than all that it does, and not every program limits."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(size, size)


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that has nothing to wait for."""
    with suppress(StopIteration):
        coroutine.send(None)
        raise RuntimeError("this was to have room")
