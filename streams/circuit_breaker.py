"""A circuit breaker for one process: any number of pipelines, providers, threads and event loops share it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol, TypeAlias, cast

from msgspec import Struct
from reactivex import Observable

from .circuit import Circuit, Rules, State
from .decisions import BreakerState, Decisions

__all__ = ["Admission", "Admitted", "Breaker", "CircuitBreaker", "PendingAdmission", "labelled", "loop_time"]

MAX_KEYS: Final = 1_000


class Admission(Protocol):
    """The right to send one request. One of these is called, once, at the end of its stream; from any thread."""

    def succeeded(self) -> None:
        """The provider lives."""
        ...

    def failed(self, error: Exception, /) -> None:
        """The provider did not do its part."""
        ...

    def abandoned(self) -> None:
        """Nothing can be said of the provider: the consumer has left, or something of ours went wrong."""
        ...


class PendingAdmission(Struct, frozen=True):
    """Somebody elsewhere must be asked. ``arrive`` is called once, on the event loop, and awaited; it may raise."""

    arrive: Callable[[], Awaitable[Admission]]


Answer: TypeAlias = Admission | PendingAdmission


class Breaker(Protocol):
    """Keeps a circuit for each key, such as a provider's name. One may serve any number of pipelines.

    Attributes:
        name: What it is called in decisions and metrics.
        changes: Every change of state of every circuit, as it happens; it never ends.
    """

    @property
    def name(self) -> str: ...

    @property
    def changes(self) -> Observable[BreakerState]: ...

    def state(self, key: str, /) -> State:
        """How the circuit of ``key`` is."""
        ...

    def check(self, key: str, /) -> None:
        """See whether a request would be admitted, without asking for it.

        Raises:
            CircuitOpen: When not.
        """
        ...

    def admit(self, key: str, /) -> Answer:
        """Let one request through.

        Raises:
            CircuitOpen: When the circuit is open; ``retry_after`` says until when.
        """
        ...


class CircuitBreaker:
    """Stops asking a provider that keeps failing, and tries it again with a few probes after a while.

    Each key, such as a provider's name, has a circuit of its own. ``failures`` in a row open it, once they are as many
    as are still on their way: of hundreds that were sent together, those that fail are told long before those that do
    not. Any success in between begins the count anew; there is no window. While it is open nobody is let through.
    ``reset_after`` seconds later it is half open: ``probes`` requests may be on their way at once, all others are
    refused. As many ``successes`` close it, one failure opens it again. The rules are pybreaker's; whom to let in is
    decided here, as a stream is over long after it was asked for.

    Example:
        >>> breaker = CircuitBreaker(failures=1, clock=lambda: 0.0)
        >>> changes = []
        >>> watching = breaker.changes.subscribe(changes.append)
        >>> breaker.admit("openai").failed(ConnectionError())
        >>> breaker.state("openai"), breaker.state("anthropic"), changes
        ('open', 'closed', [BreakerState(name='openai', state='open')])
        >>> breaker.admit("openai")
        Traceback (most recent call last):
        ...
        tokenrill.streams.errors.CircuitOpen: nothing was sent: the circuit of openai is open

    Args:
        name: Goes before each key in decisions and metrics, to tell breakers apart.
        failures: So many in a row open the circuit.
        reset_after: Seconds that it stays open.
        probes: How many may be on their way at once while it is half open.
        successes: So many probes must succeed to close it.
        clock: Seconds; by default the running event loop's, else ``time.monotonic``.

    Raises:
        ValueError: For a number that makes no sense.
    """

    def __init__(
        self,
        name: str = "",
        *,
        failures: int = 5,
        reset_after: float = 30.0,
        probes: int = 1,
        successes: int = 1,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._name = name
        self._rules = Rules(failures, reset_after, probes, successes)
        self._clock = clock or loop_time
        self._changes = Decisions()
        self._circuits: OrderedDict[str, Circuit] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        states = ", ".join(f"{key}={circuit.state}" for key, circuit in list(self._circuits.items()))
        return f"CircuitBreaker({states})"

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def changes(self) -> Observable[BreakerState]:
        """Every change of state, in the thread whose outcome made it."""
        return cast("Observable[BreakerState]", self._changes)

    def state(self, key: str, /) -> State:
        """How the circuit of ``key`` is. One that is open stays so until somebody asks after its time."""
        circuit = self._circuits.get(key)
        return "closed" if circuit is None else circuit.state

    def check(self, key: str, /) -> None:
        """See whether a request would be admitted. See :class:`~.circuit_breaker.Breaker`."""
        self._circuit(key).check()

    def admit(self, key: str, /) -> Admission:
        """Let one request through. See :class:`~.circuit_breaker.Breaker`."""
        circuit = self._circuit(key)
        return Admitted(circuit, *circuit.enter())

    def _circuit(self, key: str) -> Circuit:
        with self._lock:
            circuit = self._circuits.get(key)
            if circuit is None:
                if len(self._circuits) >= MAX_KEYS:
                    self._circuits.popitem(last=False)
                label = labelled(self._name, key)
                circuit = Circuit(label, self._rules, self._clock, partial(self._say, label))
                self._circuits[key] = circuit
            else:
                self._circuits.move_to_end(key)
            return circuit

    def _say(self, label: str, state: State) -> None:
        self._changes.say(BreakerState(label, state))


class Admitted:
    """One request that was let through."""

    __slots__ = ("_circuit", "_epoch", "_probe", "_told")

    def __init__(self, circuit: Circuit, epoch: int, probe: bool) -> None:
        self._circuit = circuit
        self._epoch = epoch
        self._probe = probe
        self._told = False

    def succeeded(self) -> None:
        """The provider lives."""
        self._tell(True)

    def failed(self, error: Exception, /) -> None:
        """The provider did not do its part."""
        self._tell(error)

    def abandoned(self) -> None:
        """Nothing can be said."""
        self._tell(None)

    def _tell(self, verdict: Exception | bool | None) -> None:
        if not self._told:
            self._told = True
            self._circuit.leave(self._epoch, self._probe, verdict)


def labelled(name: str, key: str) -> str:
    """What one circuit of a breaker is called in decisions and metrics."""
    return f"{name}:{key}" if name else key or "this stream"


def loop_time() -> float:
    """The running event loop's time; without one, the same clock as most loops have."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
