"""What is known of one key's quota, and what each answer of its provider adds to that. Pure: it holds no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from .rate_control import Search
from .rate_gate import Gate
from .rate_limiter import Cost
from .rate_pace import Pace
from .tokens import RateLimits

__all__ = ["UNITS", "Learned", "Sent", "Unit"]

Unit: TypeAlias = Literal["requests", "tokens", "input_tokens", "output_tokens"]
UNITS: Final[tuple[Unit, ...]] = ("requests", "tokens", "input_tokens", "output_tokens")
FASTEST: Final[Mapping[Unit, float]] = {"requests": 1e4, "tokens": 1e9, "input_tokens": 1e9, "output_tokens": 1e9}
LONGEST_PAUSE: Final = 30.0
MANY: Final = 5


class Sent(Struct, frozen=True):
    """How things were when a request went out.

    Attributes:
        cost: What it was expected to take.
        at: When, in seconds.
        others: How many were on their way.
        before: What had been sent until then, of each unit.
        wanted: Whether it had to wait for its turn among the requests, so that a higher rate would have been used.
    """

    cost: Cost
    at: float
    others: int
    before: Mapping[Unit, float]
    wanted: bool


class Learned:
    """The rates to keep, from the ceilings that were given and the answers that have come.

    The headers are believed where there are some. Where there are none, the rate of requests is searched for, as is
    the number of them at a time; tokens are then kept to what was given, since a refusal does not say which it was.

    Attributes:
        rates: Units a second; no entry where nothing bounds them.
        gate: How many at a time.
    """

    __slots__ = ("_adaptive", "_ceilings", "_paces", "_search", "_streak", "gate", "rates")

    def __init__(self, ceilings: Mapping[Unit, float], *, start: float = 10.0, adaptive: bool = True) -> None:
        self._adaptive = adaptive
        self._ceilings = ceilings
        ceiling = ceilings.get("requests")
        self._search = Search(
            ceiling or start, floor=min(0.02, ceiling or 0.02), ceiling=ceiling or FASTEST["requests"]
        )
        self._paces: dict[Unit, Pace] = {}
        self._streak = 0
        self.gate = Gate()
        self.rates: dict[Unit, float] = dict(ceilings)
        if adaptive:
            self.rates["requests"] = self._search.rate

    def accepted(self, sent: Sent, limits: RateLimits | None, total: Mapping[Unit, float], now: float) -> None:
        """The provider has taken a request; until now a ``total`` has been sent."""
        if not self._adaptive:
            return
        self._streak = 0
        self.gate.accepted(sent.others)
        for unit in UNITS:
            limit = None if limits is None else getattr(limits, unit)
            if limit is not None:
                pace = self._paces.get(unit) or Pace(ceiling=self._ceilings.get(unit, FASTEST[unit]))
                cost = amount(sent.cost, unit)
                since = total[unit] - sent.before[unit] - cost
                if pace.told(limit, sent_since=since, age=now - sent.at, largest=cost):
                    self._paces[unit] = pace
                    self.rates[unit] = pace.rate
        if "requests" not in self._paces:
            self._search.accepted(now, wanted=sent.wanted, sent=sent.at)
            self.rates["requests"] = self._search.rate

    def refused(self, sent: Sent, retry_after: float | None, now: float) -> float | None:
        """The provider has refused a request; answers for how many seconds all others had better wait."""
        if not self._adaptive:
            return retry_after
        self._streak += 1
        known = self.gate.bound is not None
        if self.gate.refused(sent.others, sent.at, now):
            if not known:
                self._search.forgive()
            if retry_after is None and self._streak > MANY:
                return min(0.1 * 2.0 ** min(self._streak - MANY, 10), LONGEST_PAUSE)
            return retry_after
        if known:
            self._search.repent()
        if self._paces:
            for unit, pace in self._paces.items():
                pace.refused()
                self.rates[unit] = pace.rate
        elif self._search.refused(sent.at, now):
            self.rates["requests"] = self._search.rate
        else:
            self.rates["requests"] = self._search.rate
            return None if self._search.noisy else retry_after
        pause = retry_after
        if pause is None:
            pause = min(2 ** min(self._streak, 10) / self.rates["requests"], LONGEST_PAUSE)
        self._search.pause(pause)
        return pause


def amount(cost: Cost, unit: Unit) -> float:
    """How much of one unit it takes."""
    return getattr(cost, unit)
