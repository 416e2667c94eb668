"""A place in a quota, and somebody who waits for one."""

from __future__ import annotations

import asyncio

from .rate_learning import Sent, Unit
from .rate_limiter import Cost

__all__ = ["Place", "Waiter"]


class Place:
    """A place in the quota, from when it was given until its request is over."""

    __slots__ = ("loop", "open", "reported", "sent", "waited")

    def __init__(self, loop: asyncio.AbstractEventLoop, sent: Sent, waited: float) -> None:
        self.loop = loop
        self.sent = sent
        self.waited = waited
        self.open = True
        self.reported = False


class Waiter:
    """One in the queue: what it has still to pay, and who is told."""

    __slots__ = ("cost", "expiry", "future", "owed", "since", "wanted")

    def __init__(self, cost: Cost, future: asyncio.Future[Place], since: float) -> None:
        self.cost = cost
        self.future = future
        self.since = since
        self.owed: dict[Unit, float] = {}
        self.wanted = False
        self.expiry: asyncio.TimerHandle | None = None
