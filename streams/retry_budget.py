"""How many requests may be sent again, as a share of those that are sent anyway."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Paid", "RetryBudget"]

SLICES: Final = 10
UNIT: Final = 1000  # a retry, in whole numbers: shares of floats do not add up to one


class RetryBudget:
    """A budget that retries or hedges share, so that a provider in trouble is not also asked everything twice.

    Each request pays in a share of a retry, each retry takes one out, and what is paid in is forgotten after
    ``ttl`` seconds. With the defaults, one request in five may be sent again, and ten a second besides, so that
    a program with little traffic can retry at all. The rule and its numbers are Finagle's:
    https://twitter.github.io/finagle/guide/Clients.html#retries

    One budget may serve many operators, in many threads.

    >>> budget = RetryBudget(share=0.5, reserve=0)
    >>> budget.withdraw()
    False
    >>> budget.deposit(), budget.deposit()
    (None, None)
    >>> budget.withdraw(), budget.withdraw()
    (True, False)

    Args:
        share: How much of a retry each request pays in: 0.2 lets one in five be sent again.
        reserve: Retries a second that are allowed whatever was paid in; ``math.inf`` allows all.
        ttl: Seconds until what was paid in, or taken out, is forgotten.
        clock: Seconds that pass; for tests.

    Raises:
        ValueError: When a number is out of range.
    """

    __slots__ = ("_clock", "_lock", "_reserve", "_share", "_slice", "_slices")

    def __init__(
        self,
        share: float = 0.2,
        *,
        reserve: float = 10.0,
        ttl: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 <= share <= 1000:
            raise ValueError(f"share is a part of a retry, 0 or more, not {share!r}")
        if not reserve >= 0:
            raise ValueError(f"reserve is a number of retries a second, 0 or more, not {reserve!r}")
        if not 0 < ttl <= 3600:
            raise ValueError(f"ttl is a time in seconds, more than 0 and at most 3600, not {ttl!r}")
        self._share = round(share * UNIT)
        self._reserve = reserve * ttl * UNIT
        self._slice = ttl / SLICES
        self._slices: deque[tuple[int, int]] = deque()  # a tenth of the time each: which, and its balance
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def balance(self) -> float:
        """How many retries are allowed at this moment."""
        with self._lock:
            self._forget(self._now())
            return self._balance() / UNIT

    def deposit(self) -> None:
        """A request is sent for the first time."""
        with self._lock:
            self._add(self._share)

    def withdraw(self) -> bool:
        """Whether one may be sent again; if so, it is paid for."""
        with self._lock:
            self._forget(self._now())
            if self._balance() < UNIT:
                return False
            self._add(-UNIT)
            return True

    def _now(self) -> int:
        return int(self._clock() // self._slice)

    def _balance(self) -> float:
        return self._reserve + sum(amount for _, amount in self._slices)

    def _add(self, amount: int) -> None:
        now = self._now()
        self._forget(now)
        if self._slices and self._slices[-1][0] >= now:
            number, balance = self._slices[-1]
            self._slices[-1] = number, balance + amount
        else:
            self._slices.append((now, amount))

    def _forget(self, now: int) -> None:
        while self._slices and self._slices[0][0] <= now - SLICES:
            self._slices.popleft()


class Paid(RetryBudget):
    """The same budget, for an operator inside of one that has paid for the request: it only takes out.

    >>> budget = RetryBudget(share=1, reserve=0)
    >>> Paid(budget).deposit()
    >>> budget.balance
    0.0
    """

    __slots__ = ("_budget",)

    def __init__(self, budget: RetryBudget) -> None:
        super().__init__()
        self._budget = budget

    @property
    def balance(self) -> float:
        """How many retries are allowed at this moment."""
        return self._budget.balance

    def deposit(self) -> None:
        """Whoever stands around has paid."""

    def withdraw(self) -> bool:
        """Whether one may be sent again; if so, it is paid for."""
        return self._budget.withdraw()
