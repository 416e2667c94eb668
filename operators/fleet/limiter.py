"""One quota for a fleet: any number of processes share it through Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from reactivex import Observable

from ...streams.decisions import Decisions, FleetLink, LimiterRate
from ...streams.rate_learning import Unit
from ...streams.rate_limiter import Cost, Key, Pending, Reservation
from .lane import FleetLane
from .link import Link, connect
from .quota import Quota, Terms

__all__ = ["RedisLimiter"]

MINUTE: Final = 60.0
FASTEST: Final = 10_000.0


class RedisLimiter:
    """Keeps one quota for all processes that name the same Redis, and goes on alone while Redis is away.

    A place is reserved in one round trip, for requests and tokens at once, by a script (GCRA) that says how long to
    wait for it. Within a process it is first come, first served; each process asks for the first of its queue, so that
    processes that want more than there is get about the same. Rates are kept in Redis: what one process learns from
    a 429 or from the provider's headers, all go by at their next request.

    Whoever leaves gives its place back, as far as a reservation can be: those who have reserved a later place keep
    their time, and whoever asks next has the room. What streams have really used is told in the background.

    When Redis does not answer within ``timeout`` the process keeps to its share, the last known rate divided by the
    number of processes that have asked for places in the last half minute, and logs that once. From then on one
    request every ``retry_every`` seconds sees whether Redis is back. Then the quota is shared again.

    Example:
        >>> limiter = RedisLimiter("redis://localhost:6379", requests_per_second=50)
        >>> limiter.connected, limiter
        (True, RedisLimiter('fleet'))

    Args:
        url: Where Redis is: ``redis://``, ``rediss://`` or ``unix://``; nothing is sent before the first request.
        name: What it is called in Redis, errors and metrics; processes with the same name share.
        requests_per_second: At most so many, all processes together; a second's worth may go at once.
        tokens_per_minute: At most so many, read and written; ten seconds' worth may go at once.
        adaptive: Whether to learn. Without it the numbers are kept as they are, and a 429 only stops all for as
            long as the provider asks.
        max_waiting: How many may wait in this process, for each key.
        start: Requests a second to begin with, where no ``requests_per_second`` is given.
        share: The part of the quota that is this process's own while Redis is away; by default one of as many as
            there are.
        timeout: Seconds that Redis may take to answer.
        retry_every: Seconds between attempts to reach a Redis that is away.

    Raises:
        ImportError: When the client is missing: ``pip install 'tokenrill[redis]'``.
        ValueError: For a number that is not more than 0, or without anything to keep.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "fleet",
        requests_per_second: float | None = None,
        tokens_per_minute: float | None = None,
        adaptive: bool = True,
        max_waiting: int = 1_000,
        start: float = 5.0,
        share: float | None = None,
        timeout: float = 0.1,
        retry_every: float = 1.0,
    ) -> None:
        given = {
            "requests_per_second": requests_per_second,
            "tokens_per_minute": tokens_per_minute,
            "max_waiting": max_waiting,
            "start": start,
            "share": share,
            "timeout": timeout,
            "retry_every": retry_every,
        }
        for option, value in given.items():
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{option} is a number, more than 0, not {value!r}")
        rates: dict[Unit, float] = {}
        if requests_per_second is not None or adaptive:
            rates["requests"] = requests_per_second or start
        if tokens_per_minute is not None:
            rates["tokens"] = tokens_per_minute / MINUTE
        if not rates:
            raise ValueError("a limiter that does not adapt needs requests_per_second= or tokens_per_minute=")
        self._terms = Terms(name, rates, requests_per_second or FASTEST, adaptive, share, timeout, secrets.token_hex(8))
        self._max_waiting = max_waiting
        self._retry_every = retry_every
        self._connect = partial(connect, url, timeout, asynchronous=True)
        self._connect()  # says at once when the client is missing, or the address makes no sense
        self._changes = Decisions()
        self._links = Decisions()
        self._offices: WeakKeyDictionary[asyncio.AbstractEventLoop, Office] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"RedisLimiter({self._terms.name!r})"

    async def __aenter__(self) -> RedisLimiter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._terms.name

    @property
    def changes(self) -> Observable[LimiterRate]:
        """Every change of a rate by a tenth or more that is heard of here."""
        return cast("Observable[LimiterRate]", self._changes)

    @property
    def links(self) -> Observable[FleetLink]:
        """When Redis is lost, and when it is back."""
        return cast("Observable[FleetLink]", self._links)

    @property
    def connected(self) -> bool:
        """Whether Redis answered when it was last asked, on every event loop."""
        return all(office.link.connected for office in list(self._offices.values()))

    def acquire(self, key: Key, cost: Cost, /, max_wait: float | None = None) -> Pending:
        """Say how to wait for a place. See :class:`~.rate_limiter.RateLimiter`."""
        return Pending(partial(self._arrive, key, cost, max_wait))

    def _arrive(self, key: Key, cost: Cost, max_wait: float | None) -> Awaitable[Reservation]:
        loop = asyncio.get_running_loop()
        office = self._offices.get(loop)
        if office is None:
            link = Link(f"the limiter {self.name}", self._links, loop.time, self._retry_every)
            office = self._offices[loop] = Office(self._connect(), link)
        lane = office.lanes.get(key)
        if lane is None:
            office.forget_idle()
            quota = Quota(self._terms, key, office.client, office.link)
            office.lanes[key] = lane = FleetLane(quota, self._max_waiting, self._changes.say)
        return lane.queue(cost, max_wait)

    async def aclose(self) -> None:
        """Let go of the connections of this event loop; the limiter can be used again."""
        office = self._offices.pop(asyncio.get_running_loop(), None)
        if office is not None:
            await office.aclose()


class Office:
    """What belongs to one event loop: its connections to Redis, and who waits on it."""

    def __init__(self, client: Any, link: Link) -> None:
        self.client = client
        self.link = link
        self.lanes: dict[Key, FleetLane] = {}

    def forget_idle(self, most: int = 1_000) -> None:
        """Keep no more than a thousand keys, but for those in use."""
        if len(self.lanes) >= most:
            self.lanes = {key: lane for key, lane in self.lanes.items() if not lane.idle}

    async def aclose(self) -> None:
        closing: list[Callable[[], Awaitable[None]]] = [lane.aclose for lane in self.lanes.values()]
        self.lanes.clear()
        for close in closing:
            await close()
        await self.client.aclose()
