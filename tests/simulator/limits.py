"""Hidden limits: what a provider counts, and what it says of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tokenrill import RateLimit, RateLimits

__all__ = ["Asked", "Buckets", "Concurrent", "Limit", "Moody", "Refill", "Refusal", "Steps", "Window", "whole_seconds"]


@dataclass(frozen=True)
class Steps:
    """A number that changes in mid-run: ``[(0, 10), (300, 5)]`` is 10, and 5 from second 300 on."""

    steps: Sequence[tuple[float, float]]

    def at(self, now: float) -> float:
        return next(value for since, value in reversed(self.steps) if now >= since)

    def total(self, until: float) -> float:
        """Its integral from 0."""
        ends = [since for since, _ in self.steps[1:]] + [math.inf]
        return sum(
            value * max(0.0, min(end, until) - since) for (since, value), end in zip(self.steps, ends, strict=True)
        )


@dataclass(frozen=True)
class Asked:
    """What a request takes: what it is at most, and what it really is."""

    read: int
    most: int
    written: int


@dataclass(frozen=True)
class Refusal:
    """A 429."""

    retry_after: float | None = None


class Limit(Protocol):
    """What a provider keeps. ``used`` of ``quota(until)`` is what the table shows."""

    used: float

    def enter(self, asked: Asked, now: float) -> RateLimits | Refusal | None: ...

    def leave(self, asked: Asked, now: float) -> None: ...

    def quota(self, until: float) -> float: ...


@dataclass
class Refill:
    """A bucket that refills all the time, and holds ``seconds`` of it; ``neighbour`` takes some of it too."""

    rate: Steps
    seconds: float
    level: float = field(init=False)
    taken_by_others: float = field(default=0.0, init=False)
    _then: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.first = self.level = self.size(0.0)

    def size(self, now: float) -> float:
        return self.rate.at(now) * self.seconds

    def turn(self, now: float) -> None:
        added = self.rate.total(now) - self.rate.total(self._then)
        self.level = min(self.level + added, self.size(now))
        self._then = now

    def limit(self, now: float) -> RateLimit:
        """As the headers tell it."""
        missing = self.size(now) - self.level
        return RateLimit(int(self.size(now)), max(0, int(self.level)), missing / self.rate.at(now))


@dataclass
class Buckets:
    """One bucket or several; ``counted`` is the one that the table shows.

    Attributes:
        costs: What a request takes at once, by bucket.
        afterwards: What it takes when it is over.
        tell: Makes the headers of the buckets' limits, if there are any.
        retry_after: What a refusal says.
    """

    buckets: dict[str, Refill]
    costs: dict[str, Callable[[Asked], float]]
    counted: str
    afterwards: dict[str, Callable[[Asked], float]] = field(default_factory=dict[str, Callable[[Asked], float]])
    tell: Callable[[RateLimit], RateLimit] | None = None
    retry_after: Callable[[float], float] | None = None
    used: float = 0.0

    def enter(self, asked: Asked, now: float) -> RateLimits | Refusal | None:
        for bucket in self.buckets.values():
            bucket.turn(now)
        for name, bucket in self.buckets.items():
            needed = max(1.0, self.costs[name](asked)) if name in self.costs else 1.0
            if bucket.level < needed:
                wait = (needed - bucket.level) / bucket.rate.at(now)
                return Refusal(None if self.retry_after is None else self.retry_after(wait))
        self._take(self.costs, asked)
        tell = self.tell
        if tell is None:
            return None
        return RateLimits(**{name: tell(bucket.limit(now)) for name, bucket in self.buckets.items()})

    def leave(self, asked: Asked, now: float) -> None:
        for bucket in self.buckets.values():
            bucket.turn(now)
        self._take(self.afterwards, asked)

    def quota(self, until: float) -> float:
        bucket = self.buckets[self.counted]
        return bucket.first + bucket.rate.total(until) - bucket.taken_by_others

    def neighbour(self, chance: random.Random, now: float) -> None:
        """Somebody else with the same key takes one, if there is one."""
        bucket = self.buckets[self.counted]
        bucket.turn(now)
        if bucket.level >= 1:
            bucket.level -= 1
            bucket.taken_by_others += 1

    def _take(self, costs: dict[str, Callable[[Asked], float]], asked: Asked) -> None:
        for name, cost in costs.items():
            taken = cost(asked)
            self.buckets[name].level -= taken
            if name == self.counted:
                self.used += taken


@dataclass
class Window:
    """So many in each ``seconds`` by the clock, as proxies count; a refusal says when the next begins."""

    rate_steps: Steps
    seconds: float
    used: float = 0.0
    _window: int = -1
    _count: int = 0

    def enter(self, asked: Asked, now: float) -> Refusal | None:
        window = int(now // self.seconds)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count + 1 > self.rate_steps.at(now) * self.seconds:
            return Refusal((window + 1) * self.seconds - now)
        self._count += 1
        self.used += 1
        return None

    def leave(self, asked: Asked, now: float) -> None:
        pass

    def quota(self, until: float) -> float:
        return self.rate_steps.total(until)


@dataclass
class Moody:
    """Refuses a tenth of all requests, however many come: a quota that is shared by everybody."""

    offered: float
    seed: int = 0
    used: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def enter(self, asked: Asked, now: float) -> Refusal | None:
        if self._chance.random() < 0.1:
            return Refusal(0.2)
        self.used += 1
        return None

    def leave(self, asked: Asked, now: float) -> None:
        pass

    def quota(self, until: float) -> float:
        return self.offered * until


@dataclass
class Concurrent:
    """So many at a time; what is counted is how long the places were taken."""

    places: Steps
    used: float = 0.0
    _taken: int = 0
    _then: float = 0.0

    def _turn(self, now: float) -> None:
        self.used += min(self._taken, self.places.at(now)) * (now - self._then)
        self._then = now

    def enter(self, asked: Asked, now: float) -> Refusal | None:
        self._turn(now)
        if self._taken >= self.places.at(now):
            return Refusal()
        self._taken += 1
        return None

    def leave(self, asked: Asked, now: float) -> None:
        self._turn(now)
        self._taken -= 1

    def quota(self, until: float) -> float:
        self._turn(until)
        return self.places.total(until)


def whole_seconds(limit: RateLimit) -> RateLimit:
    """As Anthropic writes it: whole seconds, and what is left to the nearest thousand where it is much."""
    left = limit.remaining or 0
    return RateLimit(limit.limit, round(left, -3) if left > 10_000 else left, float(math.ceil(limit.reset_after or 0)))
