"""What was decided about a call on its way, so that nothing happens behind its user's back.

Every operator that retries, waits, switches or gives up says so here: on ``call.decisions``, an observable that
a sink may subscribe to, and in :class:`~tokenrill.StreamMetrics`. Decisions hold no word of prompt or answer.
"""

from __future__ import annotations

import logging
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from .tokens import Usage

__all__ = [
    "BreakerState",
    "Closed",
    "Decision",
    "Decisions",
    "Fallback",
    "FleetLink",
    "GaveUp",
    "Hedge",
    "LimiterRate",
    "Phase",
    "Queued",
    "Resume",
    "Retry",
]

log: Final = logging.getLogger("tokenrill")

Phase: TypeAlias = Literal["before_response", "before_content", "after_content"]


class Said(Struct, frozen=True, tag=True):
    """Base of all decisions; ``msgspec.json.encode`` writes one as ``{"type": "Retry", …}``."""


class Retry(Said, frozen=True):
    """The request is sent again: ``attempt`` (2 is the first retry) begins in ``wait`` seconds, because of ``error``.

    ``phase`` says how far the failed attempt had come; ``spent`` what it cost, when it cost anything.
    """

    phase: Phase
    attempt: int
    wait: float
    error: str
    spent: Usage | None = None


class GaveUp(Said, frozen=True):
    """Nothing more is tried: ``reason`` is ``attempts``, ``budget``, ``deadline`` or ``not_retryable``."""

    reason: Literal["attempts", "budget", "deadline", "not_retryable"]
    error: str
    attempts: int


class Fallback(Said, frozen=True):
    """Another provider is asked: ``reason`` is ``refusal``, ``truncation``, ``stall`` or ``error``."""

    provider: str
    to: str
    reason: str
    error: str | None = None
    spent: Usage | None = None


class Hedge(Said, frozen=True):
    """What became of one runner of a race.

    ``started``, ``won``, ``lost`` (it was closed ``seconds`` after the winner was known, having spent ``spent``),
    ``failed``, or ``skipped`` (the budget did not allow it).
    """

    outcome: Literal["started", "won", "lost", "failed", "skipped"]
    provider: str
    seconds: float | None = None
    spent: Usage | None = None
    error: str | None = None


class Resume(Said, frozen=True):
    """A broken stream goes on, or does not: ``strategy`` says how it was tried.

    ``outcome`` is ``resumed`` (the continuation's first token came ``seconds`` after the fault), ``failed`` or
    ``refused`` (no strategy may be used here; ``why`` says it).
    """

    outcome: Literal["resumed", "failed", "refused"]
    strategy: str
    error: str
    seconds: float | None = None
    why: str | None = None


class Queued(Said, frozen=True):
    """The call waited ``seconds`` for its turn at the limiter ``name``."""

    name: str
    seconds: float


class LimiterRate(Said, frozen=True):
    """The limiter ``name`` now lets ``rate`` of these through a second, or so many at a time for ``concurrent``."""

    name: str
    unit: Literal["requests", "tokens", "input_tokens", "output_tokens", "concurrent"]
    rate: float


class FleetLink(Said, frozen=True):
    """Whether ``name`` shares its state with the fleet of ``processes``, or is on its own until Redis is back."""

    name: str
    connected: bool
    processes: int


class BreakerState(Said, frozen=True):
    """The circuit breaker ``name`` is ``closed``, ``half_open`` or ``open``."""

    name: str
    state: Literal["closed", "half_open", "open"]


class Closed(Said, frozen=True):
    """The consumer left, and ``seconds`` later the connection was closed."""

    seconds: float


Decision: TypeAlias = (
    Retry | GaveUp | Fallback | Hedge | Resume | Queued | LimiterRate | BreakerState | FleetLink | Closed
)


class Decisions(Observable[Decision]):
    """Decisions as they are made, to whoever is subscribed at that moment. It never ends.

    An observer that raises is logged and forgotten: it can break nothing.

    >>> decisions, seen = Decisions(), []
    >>> subscription = decisions.subscribe(seen.append)
    >>> decisions.say(Closed(0.001))
    >>> seen
    [Closed(seconds=0.001)]
    """

    def __init__(self) -> None:
        super().__init__()
        self._observers: tuple[abc.ObserverBase[Decision], ...] = ()

    def say(self, decision: Decision) -> None:
        """Tell every observer."""
        for observer in self._observers:
            try:
                observer.on_next(decision)
            except Exception as error:
                self._forget(observer)
                log.error("an observer of decisions failed with %s, and is told no more", type(error).__name__)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Decision], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self._observers = (*self._observers, observer)
        return Disposable(lambda: self._forget(observer))

    def _forget(self, observer: abc.ObserverBase[Decision]) -> None:
        self._observers = tuple(other for other in self._observers if other is not observer)
