"""One circuit: who is let through to one provider, and what the outcomes make of it.

pybreaker keeps the state, the counters and the rules by which they change. Whom to let in is decided here: its own
ways to call are made for calls that are over when they return, hold a lock meanwhile, and let any number of probes
through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TypeAlias, cast

import pybreaker
from msgspec import Struct

from .errors import CircuitOpen

__all__ = ["Circuit", "Rules", "State", "keep_counting", "refusal", "state_of"]

State: TypeAlias = Literal["closed", "half_open", "open"]


class Rules(Struct, frozen=True):
    """When a circuit opens and closes.

    Attributes:
        failures: So many in a row open it, unless more streams than that are on their way just then.
        reset_after: Seconds that it stays open.
        probes: How many may be on their way at once while it is half open.
        successes: So many probes must succeed to close it; one that fails opens it again.
    """

    failures: int = 5
    reset_after: float = 30.0
    probes: int = 1
    successes: int = 1

    def __post_init__(self) -> None:
        for name in ("failures", "probes", "successes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is a number, at least 1, not {getattr(self, name)!r}")
        if not 0 < self.reset_after < float("inf"):
            raise ValueError(f"reset_after is a time in seconds, more than 0, not {self.reset_after!r}")


class Changes(pybreaker.CircuitBreakerListener):
    """Takes note of each change of state, in order."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        self.states.append(state_of(new_state.name))


class Circuit:
    """The circuit of one key. It may be used from any thread, and never blocks for long.

    Args:
        label: What it is called in errors.
        rules: When it opens and closes.
        now: The clock, in seconds.
        tell: Is called with each new state, after the change.
    """

    def __init__(self, label: str, rules: Rules, now: Callable[[], float], tell: Callable[[State], None]) -> None:
        self.label = label
        self._rules = rules
        self._now = now
        self._tell = tell
        self._changes = Changes()
        self._machine = pybreaker.CircuitBreaker(
            fail_max=rules.failures,
            reset_timeout=rules.reset_after,
            success_threshold=rules.successes,
            listeners=[self._changes],
            throw_new_error_on_trip=False,
        )
        self._lock = threading.Lock()
        self._epoch = 0
        self._probing = 0
        self._inside = 0
        self._opened_at = 0.0

    @property
    def state(self) -> State:
        """How it is now. One that is open stays so until somebody asks after its time."""
        return state_of(self._machine.current_state)

    def check(self) -> None:
        """See whether somebody would be let in, without going in.

        Raises:
            CircuitOpen: When not.
        """
        with self._lock:
            self._check()

    def enter(self) -> tuple[int, bool]:
        """Go in; answers the epoch, and whether as a probe. Both are told again with the outcome.

        Raises:
            CircuitOpen: When it is open, or half open with all its probes on their way.
        """
        try:
            with self._lock:
                self._check()
                if self.state == "open":
                    self._machine.half_open()
                    self._settle()
                probe = self.state == "half_open"
                self._probing += probe
                self._inside += 1
                return self._epoch, probe
        finally:
            self._say()

    def leave(self, epoch: int, probe: bool, verdict: Exception | bool | None) -> None:
        """Come out: the provider failed (an error), lives (True), or nothing is known of it (None).

        What began before the last change of state says nothing about the state there is now.
        """
        with self._lock:
            if epoch == self._epoch:
                self._probing -= probe
                self._inside -= 1
                if verdict is not None:
                    self._machine.fail_max = self.tolerated
                    keep_counting(self._machine, verdict if isinstance(verdict, Exception) else None)
                    self._settle()
        self._say()

    @property
    def epoch(self) -> int:
        """How often the state has changed."""
        return self._epoch

    @property
    def tolerated(self) -> int:
        """How many failures in a row open it: they are told sooner than successes, so it is more while many go."""
        return max(self._rules.failures, self._inside)

    @property
    def left(self) -> float:
        """Seconds that it stays open."""
        with self._lock:
            return max(0.0, self._left()) if self.state == "open" else 0.0

    def set(self, state: State, left: float | None = None) -> None:
        """Take over a state that somebody else has found; one that is open stays so for the seconds that are left."""
        move = {"open": self._machine.open, "half_open": self._machine.half_open, "closed": self._machine.close}
        with self._lock:
            if state != self.state:
                move[state]()
                self._settle()
            if left is not None:
                self._opened_at = self._now() + left - self._rules.reset_after
        self._say()

    def _left(self) -> float:
        return self._opened_at + self._rules.reset_after - self._now()

    def _check(self) -> None:
        if self.state == "open":
            left = self._left()
            if left > 0:
                raise refusal(self.label, "is open", left)
        elif self.state == "half_open" and self._probing >= self._rules.probes:
            raise refusal(self.label, "is tried by others just now", None)

    def _settle(self) -> None:
        """A change of state begins an epoch."""
        if self._changes.states:
            self._epoch += 1
            self._probing = self._inside = 0
            self._opened_at = self._now()

    def _say(self) -> None:
        """Tell of the changes, without the lock: whoever hears of them may come back."""
        with self._lock:
            states, self._changes.states = self._changes.states, []
        for state in states:
            self._tell(state)


def refusal(label: str, why: str, retry_after: float | None) -> CircuitOpen:
    """The error of one who was not let in."""
    return CircuitOpen(f"nothing was sent: the circuit of {label} {why}", retry_after=retry_after)


class Failure(Exception):
    """Stands for a failed stream, whose error must not get another traceback."""


def keep_counting(machine: pybreaker.CircuitBreaker, error: Exception | None) -> None:
    """Tell pybreaker an outcome in the only way that it listens to: a call that returns, or one that raises."""

    def outcome() -> None:
        if error is not None:
            raise Failure

    with suppress(Failure, pybreaker.CircuitBreakerError):  # the second: it was opened meanwhile, by somebody else
        machine.call(outcome)


def state_of(name: str) -> State:
    """pybreaker's word for a state, as ours."""
    return cast(State, name.replace("-", "_"))
