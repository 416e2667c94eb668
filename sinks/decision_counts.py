"""What was decided about calls, counted: retries, races, switches, waits, and the states of what is shared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ..streams.decisions import (
    BreakerState,
    Closed,
    Decision,
    Fallback,
    FleetLink,
    GaveUp,
    Hedge,
    LimiterRate,
    Queued,
    Resume,
    Retry,
)
from ..streams.tokens import Usage
from .distribution import Distribution

__all__ = ["Count", "DecisionCounts", "Gauge"]

RETRIES: Final = "tokenrill.retries"
GAVE_UP: Final = "tokenrill.gave_up"
HEDGE: Final = "tokenrill.hedge"
RESUME: Final = "tokenrill.resume"
FALLBACK: Final = "tokenrill.fallback"
SPENT: Final = "tokenrill.abandoned_tokens"
BREAKER_STATE: Final = "tokenrill.breaker_state"
LIMITER_RATE: Final = "tokenrill.limiter_rate"
FLEET_PROCESSES: Final = "tokenrill.fleet_processes"
QUEUED: Final = "tokenrill.queued_seconds"
PAUSED: Final = "tokenrill.demand_paused_seconds"
CANCEL_TO_CLOSE: Final = "tokenrill.cancel_to_close_seconds"
STATES: Final[Mapping[str, int]] = {"closed": 0, "half_open": 1, "open": 2}


class Count(Struct, frozen=True):
    """How often something happened, or how much of it there was."""

    attributes: Mapping[str, str]
    value: int


class Gauge(Struct, frozen=True):
    """What something is now."""

    attributes: Mapping[str, str]
    value: float


class DecisionCounts:
    """Counters, gauges and distributions of decisions. Whoever uses it from several threads holds a lock.

    Args:
        max_names: How many breakers and limiters to tell apart; later ones are not shown.

    >>> counts = DecisionCounts()
    >>> counts.see("openai", Retry("before_content", attempt=2, wait=0.5, error="Overloaded"))
    >>> counts.counters()["tokenrill.retries"][0].attributes
    {'gen_ai.provider.name': 'openai', 'phase': 'before_content'}
    """

    def __init__(self, max_names: int = 256) -> None:
        self._max_names = max_names
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._gauges: dict[tuple[str, str, str], float] = {}
        self._times: defaultdict[tuple[str, str], Distribution] = defaultdict(Distribution)

    def see(self, provider: str, decision: Decision) -> None:
        """Count one decision about a call to ``provider``."""
        match decision:
            case Retry():
                self._count(RETRIES, provider, "phase", decision.phase, decision.spent)
            case GaveUp():
                self._count(GAVE_UP, provider, "reason", decision.reason)
            case Hedge():
                self._count(HEDGE, decision.provider, "outcome", decision.outcome, decision.spent)
            case Resume():
                self._count(RESUME, provider, "outcome", decision.outcome)
            case Fallback():
                self._count(FALLBACK, decision.provider, "reason", decision.reason, decision.spent)
            case Queued():
                self._times[QUEUED, provider].add(decision.seconds)
            case Closed():
                self._times[CANCEL_TO_CLOSE, provider].add(decision.seconds)
            case LimiterRate():
                self._set(LIMITER_RATE, decision.name, decision.unit, decision.rate)
            case FleetLink():
                self._set(FLEET_PROCESSES, decision.name, "", decision.processes if decision.connected else 0)
            case BreakerState():
                self._set(BREAKER_STATE, decision.name, "", STATES[decision.state])

    def paused(self, provider: str, seconds: float) -> None:
        """A call has ended whose consumer had kept the source waiting."""
        self._times[PAUSED, provider].add(seconds)

    def counters(self) -> dict[str, list[Count]]:
        """All counters, by name."""
        found: defaultdict[str, list[Count]] = defaultdict(list)
        for (name, provider, label, value), count in self._counts.items():
            found[name].append(Count({"gen_ai.provider.name": provider, label: value}, count))
        return dict(found)

    def gauges(self) -> dict[str, list[Gauge]]:
        """All gauges, by name; of a breaker 0 is closed, 1 half open and 2 open; of a fleet 0 is cut off."""
        found: defaultdict[str, list[Gauge]] = defaultdict(list)
        for (name, what, unit), value in self._gauges.items():
            found[name].append(Gauge({"name": what, **({"unit": unit} if unit else {})}, value))
        return dict(found)

    def times(self) -> list[tuple[str, dict[str, str], Distribution]]:
        """All distributions, in seconds: name, attributes, values."""
        return [(name, {"gen_ai.provider.name": provider}, values) for (name, provider), values in self._times.items()]

    def __str__(self) -> str:
        totals: Counter[str] = Counter()
        for (name, _, _, value), count in self._counts.items():
            totals[f"{name.removeprefix('tokenrill.').replace('_', ' ')} {value.replace('_', ' ')}"] += count
        return "  ".join(f"{what}: {count:,}" for what, count in sorted(totals.items()))

    def _count(self, name: str, provider: str, label: str, value: str, spent: Usage | None = None) -> None:
        self._counts[name, provider, label, value] += 1
        if spent is not None:
            self._counts[SPENT, provider, "gen_ai.token.type", "input"] += spent.input_tokens
            self._counts[SPENT, provider, "gen_ai.token.type", "output"] += spent.output_tokens

    def _set(self, name: str, what: str, unit: str, value: float) -> None:
        key = (name, what, unit)
        if key in self._gauges or len(self._gauges) < self._max_names:
            self._gauges[key] = value
