"""A circuit that is kept in Redis, through pybreaker's storage. Everything here blocks: it runs in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pybreaker

from ...streams.circuit import Circuit, Rules, State, keep_counting, refusal, state_of
from .link import failures

__all__ = ["Gone", "SharedCircuit"]

PASSED_ON: Final = ("get", "set", "setnx", "incr", "transaction")

# KEYS: a probe's place. ARGV: whose it is.
RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Gone(Exception):
    """Redis cannot be had. pybreaker's storage would swallow the client's own errors, and answer ``closed``."""


class Candid:
    """A Redis client, for pybreaker's storage, whose failures are not swallowed."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in PASSED_ON:
            raise AttributeError(name)
        command = getattr(self._client, name)

        def candid(*args: Any, **options: Any) -> Any:
            try:
                return command(*args, **options)
            except failures() as error:
                raise Gone(type(error).__name__) from error

        return candid


class SharedCircuit:
    """What all processes know of one key. What is learned here is written to ``mirror``, which the others read.

    Each command is atomic, and what needs several is not: two processes that tell of failures at the same moment may
    open the circuit one failure late, or twice. The number of probes is exact: each has a place that only one can take
    (``SET NX PX``), and that falls free by itself when its process dies.
    """

    def __init__(self, client: Any, name: str, mirror: Circuit, rules: Rules, probe_seconds: float) -> None:
        self.mirror = mirror
        self._client = client
        self._name = name
        self._rules = rules
        self._probe_seconds = probe_seconds
        self._storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, Candid(client), namespace=name)  # pyright: ignore[reportArgumentType]

    def refresh(self) -> State:
        """See how it is."""
        state = state_of(self._storage.state)
        self.mirror.set(state, self._left() if state == "open" else None)
        return state

    def hand_in(self) -> None:
        """Redis was away: what this process has found meanwhile counts, where Redis knows of nothing."""
        if self.mirror.state != "closed" and state_of(self._storage.state) == "closed":
            self._machine().open()
            self._rest(self.mirror.left)

    def claim(self, me: str) -> int | None:
        """Go in as a probe, if there is a place; answers which, and None when the circuit is closed.

        Raises:
            CircuitOpen: When there is none.
        """
        state = self.refresh()
        if state == "closed":
            return None
        if state == "open":
            left = self._left()
            if left > 0:
                raise refusal(self.mirror.label, "is open", left)
            self._machine().half_open()
            self.mirror.set("half_open")
        for place in range(self._rules.probes):
            if self._client.set(self._place(place), me, nx=True, px=int(self._probe_seconds * 1000)):
                return place
        raise refusal(self.mirror.label, "is tried by others just now", None)

    def tell(self, epoch: int, probe: tuple[int, str] | None, verdict: Exception | bool | None) -> None:
        """How a request ended that began in ``epoch``; a probe gives up its place."""
        if probe is not None:
            self._client.eval(RELEASE, 1, self._place(probe[0]), probe[1])
        state = self.refresh()
        if verdict is None or state == "open" or epoch != self.mirror.epoch or (state == "half_open") != bool(probe):
            return
        machine = self._machine()
        machine.fail_max = self.mirror.tolerated
        keep_counting(machine, verdict if isinstance(verdict, Exception) else None)
        if machine.current_state == pybreaker.STATE_OPEN:
            self._rest(self._rules.reset_after)
        self.refresh()

    def _machine(self) -> pybreaker.CircuitBreaker:
        """A new one each time: one that is kept resets the counters whenever it sees what another process has done."""
        return pybreaker.CircuitBreaker(
            fail_max=self._rules.failures,
            reset_timeout=self._rules.reset_after,
            success_threshold=self._rules.successes,
            state_storage=self._storage,
            throw_new_error_on_trip=False,
        )

    def _rest(self, seconds: float) -> None:
        """How long it stays open is counted by Redis: the processes' own clocks may differ."""
        self._client.set(f"{self._name}:rest", 1, px=max(1, int(seconds * 1000)))

    def _left(self) -> float:
        return max(0, self._client.pttl(f"{self._name}:rest")) / 1000

    def _place(self, number: int) -> str:
        return f"{self._name}:probe:{number}"
