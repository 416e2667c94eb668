"""How a provider has been doing: its recent outcomes, counted."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from reactivex import abc

from ..streams.errors import ContentBlocked, InvalidRequest, StreamError
from ..streams.tokens import StreamToken

__all__ = ["Health", "HealthRecord"]

RECENT: Final = 100
RECENT_SECONDS: Final = 300.0
# These speak of what was asked, not of the provider as it is configured (a wrong key does).
ABOUT_THE_REQUEST: Final = (InvalidRequest, ContentBlocked)


class HealthRecord(Struct, frozen=True):
    """Outcomes of the last five minutes, at most a hundred: how many, how many well, and why the others failed.

    ``state`` is ``unknown`` before the first outcome, ``healthy`` while at least nine in ten are well,
    ``failing`` when fewer than half are, else ``degraded``. Hanging up and bad requests say nothing of the
    provider and are not counted.
    """

    outcomes: int
    succeeded: int
    errors: dict[str, int]
    last_error: str | None = None

    @property
    def state(self) -> str:
        """In one word."""
        if not self.outcomes:
            return "unknown"
        share = self.succeeded / self.outcomes
        return "healthy" if share >= 0.9 else "failing" if share < 0.5 else "degraded"


class Health:
    """Remember outcomes; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._outcomes: deque[tuple[float, str | None]] = deque(maxlen=RECENT)

    def watcher(self) -> abc.ObserverBase[StreamToken]:
        """An observer that remembers how one stream ends."""
        return HealthWatcher(self)

    def succeeded(self) -> None:
        """Remember a stream that ended well."""
        self._outcomes.append((self._clock(), None))

    def failed(self, error: Exception) -> None:
        """Remember a stream that failed, if that says anything of the provider."""
        if isinstance(error, StreamError) and not isinstance(error, ABOUT_THE_REQUEST):
            self._outcomes.append((self._clock(), type(error).__name__))

    def record(self) -> HealthRecord:
        """The recent outcomes."""
        oldest = self._clock() - RECENT_SECONDS
        recent = [error for at, error in self._outcomes if at >= oldest]
        errors = Counter(error for error in recent if error is not None)
        last = next((error for error in reversed(recent) if error is not None), None)
        return HealthRecord(len(recent), len(recent) - errors.total(), dict(errors), last)


class HealthWatcher(abc.ObserverBase[StreamToken]):
    """Sees only the end."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def on_next(self, value: StreamToken) -> None:
        pass

    def on_error(self, error: Exception) -> None:
        self._health.failed(error)

    def on_completed(self) -> None:
        self._health.succeeded()
