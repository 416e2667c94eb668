"""A circuit breaker for a fleet: what one process finds out, all know."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, Full, Queue
from typing import Any, cast

from reactivex import Observable

from ...streams.circuit import Circuit, Rules, State
from ...streams.circuit_breaker import Admission, Admitted, PendingAdmission, labelled
from ...streams.decisions import BreakerState, Decisions, FleetLink
from ...streams.errors import CircuitOpen
from .admission import FleetAdmission, Probe
from .link import Link, connect, failures
from .shared_circuit import Gone, SharedCircuit

__all__ = ["RedisBreaker"]

MOST_UNTOLD = 10_000


class RedisBreaker:
    """A :class:`~tokenrill.CircuitBreaker` whose circuits are kept in Redis, for all processes with the same name.

    The state is read by a thread of its own, every ``refresh_every`` seconds and after each outcome; the event loop
    only looks at what was read last and never waits for Redis, but for a probe. Outcomes are written behind, in order.
    So another process sees an open circuit within ``refresh_every`` seconds, and a few requests may still go out
    between a failure and its being counted. ``failures`` in a row are counted over all processes. Probes are limited
    over all processes, each by one atomic command; a probe whose process dies counts for ``probe_seconds``.

    While Redis does not answer, each process keeps the circuits as they were last seen and counts for itself; that is
    logged once, and told by ``links``. When Redis is back, its state counts again; a circuit that was opened
    meanwhile is told to it.

    Example:
        >>> breaker = RedisBreaker("redis://localhost:6379")
        >>> breaker.connected, breaker
        (True, RedisBreaker('fleet'))

    Args:
        url: Where Redis is: ``redis://``, ``rediss://`` or ``unix://``; nothing is sent before the first request.
        name: What it is called in Redis, decisions and metrics; processes with the same name share.
        failures: So many in a row open a circuit.
        reset_after: Seconds that it stays open.
        probes: How many may be on their way at once while it is half open, in all processes together.
        successes: So many probes must succeed to close it.
        refresh_every: Seconds between looks at Redis.
        probe_seconds: A probe of which nothing is heard for so long is lost, and another may go.
        timeout: Seconds that Redis may take for each command.
        retry_every: Seconds between attempts to reach a Redis that is away.

    Raises:
        ImportError: When the client is missing: ``pip install 'tokenrill[redis]'``.
        ValueError: For a number that makes no sense.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "fleet",
        failures: int = 5,
        reset_after: float = 30.0,
        probes: int = 1,
        successes: int = 1,
        refresh_every: float = 0.5,
        probe_seconds: float = 120.0,
        timeout: float = 0.1,
        retry_every: float = 1.0,
    ) -> None:
        times = {"refresh_every": refresh_every, "probe_seconds": probe_seconds, "timeout": timeout}
        for option, value in {**times, "retry_every": retry_every}.items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{option} is a time in seconds, more than 0, not {value!r}")
        self._name = name
        self._rules = Rules(failures, reset_after, probes, successes)
        self._refresh_every = refresh_every
        self._probe_seconds = probe_seconds
        self._client = connect(url, timeout, asynchronous=False)
        self._changes = Decisions()
        self._links = Decisions()
        self._link = Link(f"the circuit breaker {name}", self._links, time.monotonic, retry_every)
        self._circuits: dict[str, Circuit] = {}
        self._shared: dict[str, SharedCircuit] = {}
        self._work: Queue[Callable[[], None] | None] = Queue(MOST_UNTOLD)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"RedisBreaker({self._name!r})"

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def changes(self) -> Observable[BreakerState]:
        """Every change of state that is heard of here; mostly told in the breaker's own thread."""
        return cast("Observable[BreakerState]", self._changes)

    @property
    def links(self) -> Observable[FleetLink]:
        """When Redis is lost, and when it is back, in the breaker's own thread."""
        return cast("Observable[FleetLink]", self._links)

    @property
    def connected(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._link.connected

    def state(self, key: str, /) -> State:
        """How the circuit of ``key`` was when last seen."""
        return self._circuit(key).state

    def check(self, key: str, /) -> None:
        """See whether a request would be admitted. See :class:`~.circuit_breaker.Breaker`."""
        circuit = self._circuit(key)
        if circuit.state == "open" or not self.connected:
            circuit.check()

    def admit(self, key: str, /) -> Admission | PendingAdmission:
        """Let one request through. See :class:`~.circuit_breaker.Breaker`."""
        circuit = self._circuit(key)
        if not self.connected:
            return self._alone(circuit)
        if circuit.state == "open":
            circuit.check()
        if circuit.state == "closed":
            epoch, probe = circuit.enter()
            if not probe:
                return self._admission(key, circuit, epoch)
            circuit.leave(epoch, probe, None)  # it has changed just now
        return PendingAdmission(partial(self._arrive, key))

    async def aclose(self) -> None:
        """Tell what is untold, and let go of the connection. The breaker can be used again."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """The same, for scripts; it may wait for as long as Redis may take to answer."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            self._work.put(None)
            thread.join()
        self._client.close()

    # In whatever thread asks

    def _circuit(self, key: str) -> Circuit:
        with self._lock:
            circuit = self._circuits.get(key)
            if circuit is None:
                label = labelled(self._name, key)
                circuit = Circuit(label, self._rules, time.monotonic, partial(self._say, label))
                self._circuits[key] = circuit
            if self._thread is None or not self._thread.is_alive():  # also in a forked child
                self._thread = threading.Thread(target=self._run, name=f"tokenrill {self._name}", daemon=True)
                self._thread.start()
            return circuit

    def _say(self, label: str, state: State) -> None:
        self._changes.say(BreakerState(label, state))

    def _alone(self, circuit: Circuit) -> Admission:
        return Admitted(circuit, *circuit.enter())

    def _admission(self, key: str, circuit: Circuit, epoch: int, probe: Probe | None = None) -> Admission:
        return FleetAdmission(partial(self._tell_behind, key, epoch), circuit, epoch, probe)

    async def _arrive(self, key: str) -> Admission:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Admission] = loop.create_future()

        def settle(outcome: Admission | Exception) -> None:
            if isinstance(outcome, Exception):
                if not arrived.done():
                    arrived.set_exception(outcome)
            elif arrived.done():
                outcome.abandoned()
            else:
                arrived.set_result(outcome)

        def claim() -> None:
            try:
                outcome = self._claim(key)
            except CircuitOpen as error:
                outcome = error
            try:
                loop.call_soon_threadsafe(settle, outcome)
            except RuntimeError:  # the loop has been closed meanwhile
                if not isinstance(outcome, Exception):
                    outcome.abandoned()

        self._do(claim)
        return await arrived

    def _do(self, work: Callable[[], None]) -> None:
        try:
            self._work.put_nowait(work)
        except Full:
            raise CircuitOpen("nothing was sent: too much waits for Redis already") from None

    def _tell_behind(self, key: str, epoch: int, probe: Probe | None, verdict: Exception | bool | None) -> None:
        with suppress(CircuitOpen):  # what finds no room is lost, as if it had not been counted
            self._do(partial(self._tell, key, epoch, probe, verdict))

    # In the thread

    def _run(self) -> None:
        look_at = 0.0
        while True:
            try:
                work = self._work.get(timeout=max(0.0, look_at - time.monotonic()))
            except Empty:
                look_at = time.monotonic() + self._refresh_every
                for key in list(self._circuits):
                    self._reach(key, SharedCircuit.refresh)
            else:
                if work is None:
                    return
                work()

    def _reach(self, key: str, action: Callable[[SharedCircuit], Any]) -> Any:
        """Do something with a circuit in Redis.

        Raises:
            CircuitOpen: When the action does.
        """
        if not self._link.worth_trying:
            return GONE
        try:
            shared = self._shared.get(key)
            if shared is None:
                name = f"{{tokenrill:{self._name}:{key}}}"  # one slot of a cluster
                shared = SharedCircuit(self._client, name, self._circuits[key], self._rules, self._probe_seconds)
                self._shared[key] = shared
            if not self._link.connected:
                for each in self._shared.values():
                    each.hand_in()
            done = action(shared)
        except CircuitOpen:
            self._link.held()
            raise
        except (Gone, *failures()) as error:
            self._link.broke(error.__cause__ if isinstance(error.__cause__, Exception) else error)
            return GONE
        self._link.held()
        return done

    def _claim(self, key: str) -> Admission:
        me = secrets.token_hex(8)
        place = self._reach(key, lambda shared: shared.claim(me))
        circuit = self._circuits[key]
        if place is GONE:
            return self._alone(circuit)
        if place is None:
            return self._admission(key, circuit, circuit.enter()[0])
        return self._admission(key, circuit, circuit.epoch, (place, me))

    def _tell(self, key: str, epoch: int, probe: Probe | None, verdict: Exception | bool | None) -> None:
        if self._reach(key, lambda shared: shared.tell(epoch, probe, verdict)) is GONE:
            self._circuits[key].leave(epoch, False, verdict)


GONE = object()
