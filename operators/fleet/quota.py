"""The quota of one key in Redis: reserve, give back, slow down. Each is one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from ...streams.local_limiter import LocalLimiter
from ...streams.rate_lane import SAVED
from ...streams.rate_learning import UNITS, Unit, amount
from ...streams.rate_limiter import Cost, Key
from ...streams.rate_pace import Pace
from ...streams.tokens import RateLimits
from .link import Link, failures
from .scripts import ADJUST, CUT, RESERVE

__all__ = ["Granted", "Quota", "Terms"]

ALIVE: Final = 30.0
MINUTE: Final = 60.0
WORTH_WRITING: Final = 0.05


class Terms(Struct, frozen=True):
    """What all keys of one limiter have in common: rates a second as they were given, and who this process is."""

    name: str
    rates: Mapping[Unit, float]
    ceiling: float
    adaptive: bool
    share: float | None
    timeout: float
    me: str


class Granted(Struct, frozen=True):
    """What Redis has said: ``wait`` seconds, which have been reserved if ``granted``; ``at`` is then, by its clock."""

    granted: bool
    wait: float
    at: float


class Quota:
    """Asks Redis, on one event loop.

    Attributes:
        rates: Units a second, as last heard of.
        link: Whether Redis can be reached.
    """

    def __init__(self, terms: Terms, key: Key, client: Any, link: Link) -> None:
        self.link = link
        self.key = key
        self.rates: dict[Unit, float] = dict(terms.rates)
        self._terms = terms
        self._client = client
        tag = f"{{tokenrill:{terms.name}:{'/'.join(key)}}}"  # one slot of a cluster
        self._hash, self._alive = f"{tag}:quota", f"{tag}:alive"
        self._paces: dict[Unit, Pace] = {}

    @property
    def label(self) -> str:
        """What it is called in decisions and metrics."""
        return f"{self._terms.name}:{self.key.label}"

    async def reserve(self, cost: Cost, longest: float | None, *, grow: bool) -> Granted | None:
        """Take a place; None when Redis cannot be had."""
        arguments: list[Any] = [
            self._terms.me,
            ALIVE,
            -1 if longest is None else longest,
            int(grow and self._terms.adaptive),
            self._terms.ceiling,
        ]
        for unit in self.rates:
            arguments += [*self._about(unit), amount(cost, unit)]
        answer = await self._ask(RESERVE, [self._hash, self._alive], arguments)
        if answer is None:
            return None
        granted, wait, processes, now, rates = answer
        self.rates = {unit: float(rate) for unit, rate in zip(self.rates, rates, strict=True)}
        self.link.processes = max(1, int(processes))
        return Granted(bool(granted), float(wait), float(now) + float(wait))

    async def adjust(self, amounts: Mapping[Unit, float]) -> None:
        """More than 0 was taken on top; less is given back."""
        arguments: list[Any] = []
        for unit, more in amounts.items():
            if unit in self.rates and more:
                arguments += [unit, self._given(unit), more]
        if arguments:
            await self._ask(ADJUST, [self._hash], arguments)

    async def cut(self, cost: Cost, at: float, pause: float | None) -> None:
        """A request that went out ``at`` was refused: everybody waits, and goes slower."""
        arguments: list[Any] = [at, pause or 0.0, int(self._terms.adaptive)]
        for unit in self.rates:
            arguments += [*self._about(unit), 0.0 if unit == "requests" else amount(cost, unit)]
        rates = await self._ask(CUT, [self._hash], arguments)
        if rates is not None:
            self.rates = {unit: float(rate) for unit, rate in zip(self.rates, rates, strict=True)}

    async def told(self, cost: Cost, limits: RateLimits, since: Mapping[Unit, float], age: float) -> None:
        """The provider's headers said this ``age`` seconds after sending; ``since`` then so much has been sent here."""
        rates: dict[str, float] = {}
        for unit in UNITS:
            limit = getattr(limits, unit)
            if not self._terms.adaptive or limit is None:
                continue
            ceiling = self._terms.ceiling if unit == "requests" else self._terms.rates.get(unit, 1e9)
            pace = self._paces.get(unit) or Pace(ceiling=ceiling)
            if pace.told(limit, sent_since=since[unit], age=age, largest=amount(cost, unit)):
                self._paces[unit] = pace
                before = self.rates.get(unit)
                if before is None or abs(pace.rate - before) >= WORTH_WRITING * before:
                    self.rates[unit] = pace.rate
                    rates[f"rate:{unit}"] = pace.rate
        if rates:
            await self._ask(TOLD, [self._hash], [value for pair in rates.items() for value in pair])

    def alone(self) -> LocalLimiter:
        """A limiter for the time without Redis: this process's share of the rates that were last heard of."""
        share = self._terms.share or 1 / self.link.processes
        requests, tokens = self.rates.get("requests"), self.rates.get("tokens")
        return LocalLimiter(
            f"{self._terms.name} (alone)",
            requests_per_second=None if requests is None else requests * share,
            tokens_per_minute=None if tokens is None else tokens * share * MINUTE,
            adaptive=False,
            max_waiting=1,
        )

    def _about(self, unit: Unit) -> list[Any]:
        return [unit, self._given(unit), SAVED[unit], 1.0 if unit == "requests" else 0.0]

    def _given(self, unit: Unit) -> float:
        """The rate for as long as Redis knows none: what was learned before it was started anew, if anything was."""
        return self.rates.get(unit) or self._terms.rates[unit]

    async def _ask(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        if not self.link.worth_trying:
            return None
        try:
            async with asyncio.timeout(self._terms.timeout):
                answer = await self._client.eval(script, len(keys), *keys, *arguments)
        except failures() as error:
            self.link.broke(error)
            return None
        self.link.held()
        return answer


TOLD: Final = """
local t = redis.call('TIME')
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'told', t[1])
return 1
"""
