"""The quota of one key: who waits for it, and what is known of it. Lives on one event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from .decisions import LimiterRate
from .errors import RateLimited
from .rate_bucket import Bucket
from .rate_learning import UNITS, Learned, Sent, Unit, amount
from .rate_limiter import Cost
from .rate_place import Place, Waiter
from .tokens import RateLimits, Usage

__all__ = ["LOCAL", "Lane", "refused_here"]

LOCAL: Final = "local_limit"
SAVED: Final[Mapping[Unit, float]] = {"requests": 1.0, "tokens": 10.0, "input_tokens": 10.0, "output_tokens": 10.0}
WORTH_TELLING: Final = 0.1


class Lane:
    """First come, first served, out of several buckets. All of it runs on ``loop``."""

    def __init__(
        self, label: str, loop: asyncio.AbstractEventLoop, learned: Learned, tell: Callable[[LimiterRate], None]
    ) -> None:
        self._label = label
        self._learned = learned
        self._tell = tell
        self._told: dict[str, float] = {}
        self._sent: dict[Unit, float] = dict.fromkeys(UNITS, 0.0)
        self._touched: float | None = None
        self._settle(loop)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._in_flight = 0
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._queued = dict.fromkeys(UNITS, 0.0)
        self._not_before = 0.0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._buckets: dict[Unit, Bucket] = {}
        self._follow()

    @property
    def idle(self) -> bool:
        """Whether nobody waits or is on the way."""
        return not self._queue and not self._in_flight

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on, on another loop: what was learned stays, and nothing is saved up but for the time between."""
        left = list(self._queue)
        touched = self._touched
        self._settle(loop)
        if touched is not None:
            for bucket in self._buckets.values():
                bucket.empty(but=max(0.0, loop.time() - touched))
        for waiter in left:
            tell_loop(waiter.future, self.refusal("the limiter has moved to another event loop", "moved", None))

    def at_once(self, cost: Cost) -> Place | None:
        """A place, if there is room and nobody waits."""
        now = self._loop.time()
        if self._queue or now < self._not_before or not self._learned.gate.lets(self._in_flight):
            return None
        self._resume()
        if not all(bucket.has(amount(cost, unit)) for unit, bucket in self._buckets.items()):
            return None
        for unit, bucket in self._buckets.items():
            bucket.take(amount(cost, unit))
        return self._place(cost, 0.0, now, wanted=False)

    def queue(self, cost: Cost, max_wait: float | None, max_waiting: int) -> asyncio.Future[Place]:
        """Stand in line.

        Raises:
            RateLimited: When the line is full, or too long for ``max_wait``.
        """
        expected = self._expected(cost)
        if len(self._queue) >= max_waiting:
            raise self.refusal(f"{max_waiting} requests wait already", "queue_full", expected)
        if max_wait is not None and expected > max_wait:
            raise self.refusal(f"the wait would pass max_wait={max_wait:g}", "wait_too_long", expected)
        waiter = Waiter(cost, self._loop.create_future(), self._loop.time())
        self._queue[waiter] = None
        for unit in UNITS:
            self._queued[unit] += amount(cost, unit)
        waiter.future.add_done_callback(lambda future: self._left(waiter) if future.cancelled() else None)
        if max_wait is not None:
            waiter.expiry = self._loop.call_later(max_wait, self._expire, waiter, max_wait)
        self._serve()
        return waiter.future

    def _expected(self, cost: Cost) -> float:
        """Seconds until somebody who comes now will go, if the rates stay; the gate cannot be foretold."""
        pause = max(0.0, self._not_before - self._loop.time())
        waits = [bucket.wait(self._queued[unit] + amount(cost, unit)) for unit, bucket in self._buckets.items()]
        return pause + max(waits, default=0.0)

    def _expire(self, waiter: Waiter, max_wait: float) -> None:
        if not waiter.future.done():
            error = self.refusal(
                f"its turn did not come within {max_wait:g} s", "wait_too_long", self._expected(waiter.cost)
            )
            self._left(waiter)
            waiter.future.set_exception(error)

    def _left(self, waiter: Waiter) -> None:
        """One in the queue has gone: its place and its instalments are the next one's."""
        if waiter in self._queue:
            self._strike(waiter)
            self._serve()

    def _strike(self, waiter: Waiter) -> None:
        for unit, bucket in self._buckets.items():
            paid = amount(waiter.cost, unit) - waiter.owed.get(unit, amount(waiter.cost, unit))
            if paid > 0:
                bucket.give(paid)
        self._drop(waiter)

    def _drop(self, waiter: Waiter) -> None:
        del self._queue[waiter]
        for unit in UNITS:
            self._queued[unit] -= waiter.owed.get(unit, amount(waiter.cost, unit))
        if waiter.expiry is not None:
            waiter.expiry.cancel()

    def _serve(self) -> None:
        """Let go whoever can go, and set the timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            now = self._loop.time()
            if now < self._not_before:
                self._timer = self._loop.call_at(self._not_before, self._serve)
                return
            self._resume()
            waiter = next(iter(self._queue))
            if waiter.future.done():  # cancelled, and asyncio will tell so in its next turn
                self._strike(waiter)
                continue
            if not self._learned.gate.lets(self._in_flight):
                return  # whoever ends its request serves the queue
            wait = self._pay(waiter)
            if wait is not None:
                self._timer = self._loop.call_later(wait, self._serve)
                return
            self._drop(waiter)
            waiter.future.set_result(self._place(waiter.cost, now - waiter.since, now, wanted=waiter.wanted))

    def _pay(self, waiter: Waiter) -> float | None:
        """Take what it still owes; seconds until there is more to take, or None when all is paid."""
        for unit, bucket in self._buckets.items():
            owed = waiter.owed.get(unit)
            if owed is None:
                owed = amount(waiter.cost, unit)
            left = bucket.take(owed) if owed > 0 else 0.0
            self._queued[unit] -= owed - left
            waiter.owed[unit] = left
            if left:
                waiter.wanted = waiter.wanted or unit == "requests"
                return bucket.instalment(left)
        return None

    def _place(self, cost: Cost, waited: float, now: float, *, wanted: bool) -> Place:
        sent = Sent(cost, now, self._in_flight, dict(self._sent), wanted)
        for unit in UNITS:
            self._sent[unit] += amount(cost, unit)
        self._learned.gate.went(self._in_flight)
        self._in_flight += 1
        self._touched = now
        return Place(self._loop, sent, waited)

    def _resume(self) -> None:
        """The pause is over: what was saved during it would all go at once, and only what came after it may."""
        if self._paused:
            self._paused = False
            since = max(0.0, self._loop.time() - self._not_before)
            for bucket in self._buckets.values():
                bucket.empty(but=since)

    def report(self, place: Place, limits: RateLimits | None) -> None:
        """The provider has accepted it."""
        if place.open and not place.reported and place.loop is self._loop:
            place.reported = True
            self._learned.accepted(place.sent, limits, self._sent, self._loop.time())
            self._follow()
            self._serve()

    def refund(self, place: Place) -> None:
        """It was never sent."""
        if self._close(place):
            for unit in UNITS:
                self._give_back(unit, place.sent.cost)
            self._serve()

    def finished(self, place: Place, usage: Usage | None) -> None:
        """It is over, and has used so much."""
        if self._close(place):
            if usage is not None:
                used = Cost(1.0, usage.input_tokens, usage.output_tokens)
                for unit, bucket in self._buckets.items():
                    if unit != "requests":
                        bucket.give(amount(place.sent.cost, unit) - amount(used, unit))
            self._serve()

    def limited(self, place: Place, retry_after: float | None) -> None:
        """It was refused: it has used no tokens, though most providers count it as a request."""
        if not self._close(place):
            return
        for unit in UNITS:
            if unit != "requests":
                self._give_back(unit, place.sent.cost)
        now = self._loop.time()
        pause = self._learned.refused(place.sent, retry_after, now)
        self._follow()
        if pause and now + pause > self._not_before:
            self._not_before = now + pause
            self._paused = True
            self._fail_hopeless()
        self._serve()

    def _give_back(self, unit: Unit, cost: Cost) -> None:
        self._sent[unit] -= amount(cost, unit)
        if unit in self._buckets:
            self._buckets[unit].give(amount(cost, unit))

    def _fail_hopeless(self) -> None:
        """Those whose time will be over before the pause is need not wait for it."""
        for waiter in list(self._queue):
            if waiter.expiry is not None and waiter.expiry.when() < self._not_before:
                self._expire(waiter, waiter.expiry.when() - waiter.since)

    def _close(self, place: Place) -> bool:
        if not place.open or place.loop is not self._loop:  # it was taken before the lane moved
            return False
        place.open = False
        self._in_flight = max(0, self._in_flight - 1)
        self._learned.gate.over(place.sent.others)
        return True

    def _follow(self) -> None:
        """Keep to what has been learned."""
        for unit, rate in self._learned.rates.items():
            bucket = self._buckets.get(unit)
            if bucket is None:
                self._buckets[unit] = Bucket(rate, seconds=SAVED[unit], least=1.0 if unit == "requests" else 0.0)
            elif bucket.rate != rate:
                bucket.rate = rate
                self._say(LimiterRate(self._label, unit, rate))
        if (bound := self._learned.gate.bound) is not None:
            self._say(LimiterRate(self._label, "concurrent", float(bound)))

    def _say(self, change: LimiterRate) -> None:
        told = self._told.get(change.unit)
        if told is None or abs(change.rate - told) >= WORTH_TELLING * told:
            self._told[change.unit] = change.rate
            self._tell(change)

    def refusal(self, why: str, code: str, retry_after: float | None) -> RateLimited:
        return refused_here(f"nothing was sent: {why} ({self._label})", code, retry_after)


def refused_here(message: str, code: str, retry_after: float | None) -> RateLimited:
    """The error of one who was not let out: no provider has seen the request, and asking again at once is no use."""
    return RateLimited(message, code=code, kind=LOCAL, retryable=False, retry_after=retry_after)


def tell_loop(future: asyncio.Future[Place], error: RateLimited) -> None:
    with suppress(RuntimeError):  # that loop is closed, and nobody waits in it
        future.get_loop().call_soon_threadsafe(lambda: None if future.done() else future.set_exception(error))
