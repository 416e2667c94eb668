"""A rate limiter for one process: any number of pipelines, keys, threads and event loops share it."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, cast

from reactivex import Observable

from .decisions import Decisions, LimiterRate
from .loops import running_loop
from .rate_lane import Lane, refused_here
from .rate_learning import Learned, Unit
from .rate_limiter import Cost, Key, Pending
from .rate_place import Place
from .tokens import RateLimits, Usage

__all__ = ["LocalLimiter"]

MAX_KEYS: Final = 1_000
MINUTE: Final = 60.0
LOOK: Final = 0.1


class LocalLimiter:
    """Keeps the quota of each provider, key and model, and learns it from what the provider answers.

    Numbers that are given are ceilings, for each key. Below them the limiter follows the provider: the headers
    where it sends some (the exact pace is known then, and a neighbour's use of the same quota is seen in what is
    left), else it searches, up while all is well and down at a 429. A 429 with a ``retry-after`` stops
    everybody with that key until then.

    One limiter may serve several threads and event loops at once. Its state lives on one of them, the first that
    uses it, and the others ask there; when that loop has ended, the next to ask takes over what was learned.

    Example:
        >>> import asyncio
        >>> limiter = LocalLimiter(requests_per_second=2)
        >>> async def ask():
        ...     first = limiter.acquire(Key("openai", "", "gpt"), Cost())
        ...     first.finished(None)
        ...     return first.waited
        >>> asyncio.run(ask())
        0.0

    Args:
        name: What it is called in errors and metrics.
        requests_per_second: At most so many; a second's worth may go at once.
        tokens_per_minute: At most so many, read and written; ten seconds' worth may go at once.
        adaptive: Whether to learn. Without it the numbers are kept as they are, and a 429 only stops all for as
            long as the provider asks.
        max_waiting: How many may wait, for each key.
        start: Requests a second to begin the search with, where no ``requests_per_second`` is given.

    Raises:
        ValueError: For a number that is not more than 0, or without anything to keep.
    """

    def __init__(
        self,
        name: str = "local",
        *,
        requests_per_second: float | None = None,
        tokens_per_minute: float | None = None,
        adaptive: bool = True,
        max_waiting: int = 1_000,
        start: float = 10.0,
    ) -> None:
        given = {
            "requests_per_second": requests_per_second,
            "tokens_per_minute": tokens_per_minute,
            "max_waiting": max_waiting,
            "start": start,
        }
        for option, value in given.items():
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{option} is a number, more than 0, not {value!r}")
        self._ceilings: dict[Unit, float] = {}
        if requests_per_second is not None:
            self._ceilings["requests"] = requests_per_second
        if tokens_per_minute is not None:
            self._ceilings["tokens"] = tokens_per_minute / MINUTE
        if not adaptive and not self._ceilings:
            raise ValueError("a limiter that does not adapt needs requests_per_second= or tokens_per_minute=")
        self._name = name
        self._adaptive = adaptive
        self._max_waiting = max_waiting
        self._start = start
        self._changes = Decisions()
        self._lanes: OrderedDict[Key, Lane] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moving = threading.Lock()

    def __repr__(self) -> str:
        return f"LocalLimiter({self._name!r})"

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def changes(self) -> Observable[LimiterRate]:
        """Every change of a rate by a tenth or more, on the event loop that the limiter lives on."""
        return cast("Observable[LimiterRate]", self._changes)

    def acquire(self, key: Key, cost: Cost, /, max_wait: float | None = None) -> LocalReservation | Pending:
        """Take a place at once, or say how to wait for one. See :class:`~.rate_limiter.RateLimiter`."""
        loop = running_loop()
        if loop is not None and self.home(loop) is loop:
            lane = self._lane(key, loop)
            place = lane.at_once(cost)
            if place is not None:
                return LocalReservation(lane, place, loop)
        return Pending(partial(self._arrive, key, cost, max_wait))

    def _arrive(self, key: Key, cost: Cost, max_wait: float | None) -> asyncio.Future[LocalReservation]:
        loop = asyncio.get_running_loop()
        home = self.home(loop)
        arrived: asyncio.Future[LocalReservation] = loop.create_future()
        Wait(self, key, cost, max_wait, arrived).go(home)
        return arrived

    def home(self, loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
        """The loop that the limiter lives on; this one, when that has ended."""
        home = self._loop
        if home is not None and (home is loop or home.is_running()):
            return home
        with self._moving:
            home = self._loop
            if home is None or not home.is_running():
                self._loop = home = loop
                for lane in self._lanes.values():
                    lane.move(loop)
            return home

    def _lane(self, key: Key, loop: asyncio.AbstractEventLoop) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            self._forget_idle()
            learned = Learned(self._ceilings, start=self._start, adaptive=self._adaptive)
            self._lanes[key] = lane = Lane(f"{self._name}:{key.label}", loop, learned, self._changes.say)
        else:
            self._lanes.move_to_end(key)
        return lane

    def _forget_idle(self) -> None:
        """Keep no more than a thousand keys: whoever was not used for the longest is learned anew."""
        if len(self._lanes) < MAX_KEYS:
            return
        for key, lane in self._lanes.items():
            if lane.idle:
                del self._lanes[key]
                return
        raise refused_here(f"nothing was sent: {MAX_KEYS} keys are in use", "too_many_keys", None)

    def queue(self, key: Key, cost: Cost, max_wait: float | None) -> tuple[Lane, asyncio.Future[Place]]:
        """Stand in line, on the limiter's own loop."""
        lane = self._lane(key, asyncio.get_running_loop())
        return lane, lane.queue(cost, max_wait, self._max_waiting)


class Wait:
    """One who waits, perhaps on another loop than the limiter's."""

    def __init__(
        self,
        limiter: LocalLimiter,
        key: Key,
        cost: Cost,
        max_wait: float | None,
        arrived: asyncio.Future[LocalReservation],
    ) -> None:
        self._limiter = limiter
        self._asked = (key, cost, max_wait)
        self._arrived = arrived
        self._home = arrived.get_loop()
        self._queued: asyncio.Future[Place] | None = None
        arrived.add_done_callback(self._over)

    def go(self, home: asyncio.AbstractEventLoop) -> None:
        """Ask there; and elsewhere, should that loop end while we wait."""
        self._home = home
        on(home, partial(self.begin, home))
        if home is not self._arrived.get_loop():
            self._arrived.get_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        loop = self._arrived.get_loop()
        if self._arrived.done():
            return
        if self._home.is_running():
            loop.call_later(LOOK, self._look)
        else:
            self.go(self._limiter.home(loop))

    def begin(self, home: asyncio.AbstractEventLoop) -> None:
        """Stand in line; runs at home, unless that has moved on since."""
        if self._arrived.done() or self._home is not home:
            return
        try:
            lane, queued = self._limiter.queue(*self._asked)
        except Exception as error:
            self._there(partial(self._fail, error))
            return
        self._queued = queued
        queued.add_done_callback(partial(self._came, lane, home))

    def _over(self, _: object) -> None:
        """It has come, or nobody waits any more: leave the line, if we stand in it. Runs where we wait."""
        on(self._home, self._leave)

    def _leave(self) -> None:
        if self._queued is not None:
            self._queued.cancel()

    def _came(self, lane: Lane, home: asyncio.AbstractEventLoop, future: asyncio.Future[Place]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._there(partial(self._fail, error))
            return
        reservation = LocalReservation(lane, future.result(), home)
        if not self._there(partial(self._hand_over, reservation)):
            reservation.refund()

    def _there(self, action: Callable[[], object]) -> bool:
        return on(self._arrived.get_loop(), action)

    def _fail(self, error: BaseException) -> None:
        if not self._arrived.done():
            self._arrived.set_exception(error)

    def _hand_over(self, reservation: LocalReservation) -> None:
        if self._arrived.done():
            reservation.refund()
        else:
            self._arrived.set_result(reservation)


class LocalReservation:
    """A place in the quota of a :class:`LocalLimiter`, told of on the limiter's own loop."""

    __slots__ = ("_home", "_lane", "_place")

    def __init__(self, lane: Lane, place: Place, home: asyncio.AbstractEventLoop) -> None:
        self._lane = lane
        self._place = place
        self._home = home

    @property
    def waited(self) -> float:
        """Seconds until the place was free."""
        return self._place.waited

    def report(self, limits: RateLimits | None, /) -> None:
        """The provider has accepted the request."""
        on(self._home, partial(self._lane.report, self._place, limits))

    def refund(self) -> None:
        """Nothing was sent."""
        on(self._home, partial(self._lane.refund, self._place))

    def limited(self, retry_after: float | None, /) -> None:
        """The provider answered 429."""
        on(self._home, partial(self._lane.limited, self._place, retry_after))

    def finished(self, usage: Usage | None, /) -> None:
        """It is over."""
        on(self._home, partial(self._lane.finished, self._place, usage))


def on(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> bool:
    """Do it on that loop; False when it is closed."""
    if running_loop() is loop:
        action()
        return True
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(action)
        return True
    return False
