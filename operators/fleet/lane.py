"""Who waits in this process for one key's quota."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from ...streams.decisions import LimiterRate
from ...streams.local_limiter import LocalLimiter, on
from ...streams.rate_lane import refused_here
from ...streams.rate_learning import UNITS, Unit, amount
from ...streams.rate_limiter import Cost, Pending, Reservation
from ...streams.tokens import RateLimits, Usage
from .quota import Granted, Quota

__all__ = ["FleetLane", "FleetReservation"]

AHEAD: Final = 0.05
WORTH_TELLING: Final = 0.1


class Waiter:
    """One in the queue."""

    __slots__ = ("cost", "expiry", "future", "max_wait", "since")

    def __init__(self, cost: Cost, max_wait: float | None, future: asyncio.Future[Reservation], since: float) -> None:
        self.cost = cost
        self.max_wait = max_wait
        self.future = future
        self.since = since
        self.expiry: asyncio.TimerHandle | None = None

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class FleetLane:
    """First come, first served. Only the first asks Redis, so that a process has few places that lie far ahead.

    All of it runs on one event loop.
    """

    def __init__(self, quota: Quota, max_waiting: int, tell: Callable[[LimiterRate], None]) -> None:
        self._quota = quota
        self._max_waiting = max_waiting
        self._tell = tell
        self._told: dict[Unit, float] = {}
        self._queue: deque[Waiter] = deque()
        self._loop = asyncio.get_running_loop()
        self._serving: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._last_due = 0.0
        self._leaving: deque[tuple[float, Waiter, Reservation]] = deque()
        self.alone: LocalLimiter | None = None
        self.sent: dict[Unit, float] = dict.fromkeys(UNITS, 0.0)
        self.wanted = False

    @property
    def idle(self) -> bool:
        """Whether nobody waits, and nothing is being told."""
        return self._serving is None and not self._telling and not self._leaving

    def queue(self, cost: Cost, max_wait: float | None) -> asyncio.Future[Reservation]:
        """Stand in line.

        Raises:
            RateLimited: When the line is full.
        """
        if len(self._queue) >= self._max_waiting:
            raise self._refusal(f"{self._max_waiting} requests wait already", "queue_full", None)
        waiter = Waiter(cost, max_wait, self._loop.create_future(), self._loop.time())
        if max_wait is not None:
            waiter.expiry = self._loop.call_later(max_wait, self._expire, waiter)
            waiter.future.add_done_callback(lambda _: waiter.expiry and waiter.expiry.cancel())
        self._queue.append(waiter)
        if self._serving is None:
            self._serving = self._loop.create_task(self._serve())
            self._serving.add_done_callback(self._served)
        return waiter.future

    async def aclose(self) -> None:
        """Whoever still waits is refused; what is being told is dropped."""
        tasks = [task for task in (self._serving, *self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _served(self, task: asyncio.Task[None]) -> None:
        if task is not self._serving:
            return
        self._serving = None
        error = None if task.cancelled() else task.exception()
        while self._queue:
            waiter = self._queue.popleft()
            waiter.fail(error if isinstance(error, Exception) else self._refusal("it was closed", "closed", None))

    async def _serve(self) -> None:
        while self._queue:
            waiter = self._queue[0]
            if not waiter.future.done():
                granted = await self._ask(waiter)
                if granted is None:
                    await self._go_alone(waiter)
                else:
                    self.alone = None
                    await self._give(waiter, granted)
            if self._queue and self._queue[0] is waiter:
                self._queue.popleft()
        self._serving = None

    async def _ask(self, waiter: Waiter) -> Granted | None:
        longest = None
        if waiter.max_wait is not None:
            longest = max(0.0, waiter.since + waiter.max_wait - self._loop.time())
        grow, self.wanted = self.wanted, False
        granted = await self._quota.reserve(waiter.cost, longest, grow=grow)
        self._say()
        return granted

    async def _give(self, waiter: Waiter, granted: Granted) -> None:
        """Hand over a place when its time has come; the next may ask a little before that."""
        if not granted.granted:
            waiter.fail(
                self._refusal(f"the wait would pass max_wait={waiter.max_wait:g}", "wait_too_long", granted.wait)
            )
            return
        now = self._loop.time()
        due = max(self._last_due, now + granted.wait)  # in turn, whatever was given back meanwhile
        if due - now > AHEAD:
            await asyncio.wait([waiter.future], timeout=due - now - AHEAD)
        if waiter.future.done():  # it has left, and the next is to have its place
            await self._quota.adjust({unit: -amount(waiter.cost, unit) for unit in UNITS})
            return
        self._last_due = due
        waited = max(0.0, due - waiter.since)
        self._leaving.append((due, waiter, FleetReservation(self, waiter.cost, granted.at, waited, due > now)))
        if len(self._leaving) == 1:
            self._let_go()

    def _let_go(self) -> None:
        """Hand over all places whose time has come, in turn."""
        while self._leaving:
            due, waiter, reservation = self._leaving[0]
            if due > self._loop.time():
                self._loop.call_at(due, self._let_go)
                return
            self._leaving.popleft()
            self._hand_over(waiter, reservation)

    async def _go_alone(self, waiter: Waiter) -> None:
        """Without Redis, keep to this process's share."""
        if self.alone is None:
            self.alone = self._quota.alone()
            self.alone.changes.subscribe(self._tell)
        longest = None
        if waiter.max_wait is not None:
            longest = max(0.0, waiter.since + waiter.max_wait - self._loop.time())
        try:
            answer = self.alone.acquire(self._quota.key, waiter.cost, longest)
            if isinstance(answer, Pending):
                arriving = asyncio.ensure_future(answer.arrive())
                try:
                    await asyncio.wait([arriving, waiter.future], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not arriving.done():
                        arriving.cancel()
                if arriving.cancelled() or not arriving.done():
                    return
                answer = arriving.result()
        except Exception as error:
            waiter.fail(error)
            return
        self._last_due = self._loop.time()
        self._leaving.append((self._last_due, waiter, answer))
        if len(self._leaving) == 1:
            self._let_go()

    def _hand_over(self, waiter: Waiter, reservation: Reservation) -> None:
        if waiter.future.done():
            reservation.refund()
        else:
            for unit in UNITS:
                self.sent[unit] += amount(waiter.cost, unit)
            waiter.future.set_result(reservation)

    def _expire(self, waiter: Waiter) -> None:
        waiter.fail(self._refusal(f"its turn did not come within {waiter.max_wait:g} s", "wait_too_long", None))

    def _say(self) -> None:
        for unit, rate in self._quota.rates.items():
            told = self._told.get(unit)
            if told is None or abs(rate - told) >= WORTH_TELLING * told:
                self._told[unit] = rate
                self._tell(LimiterRate(self._quota.label, unit, rate))

    def _refusal(self, why: str, code: str, retry_after: float | None) -> Exception:
        return refused_here(f"nothing was sent: {why} ({self._quota.label})", code, retry_after)

    # What reservations tell

    def do(self, telling: Callable[[Quota], Coroutine[Any, Any, None]]) -> None:
        """Tell Redis something in the background, from any thread."""
        on(self._loop, partial(self._start, telling))

    def _start(self, telling: Callable[[Quota], Coroutine[Any, Any, None]]) -> None:
        task = self._loop.create_task(telling(self._quota))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


class FleetReservation:
    """A place in the fleet's quota. What is told of it reaches Redis in the background; what does not is lost."""

    __slots__ = ("_at", "_before", "_cost", "_delayed", "_lane", "_open", "_reported", "_sent_at", "waited")

    def __init__(self, lane: FleetLane, cost: Cost, at: float, waited: float, delayed: bool) -> None:
        self._lane = lane
        self._cost = cost
        self._at = at
        self._delayed = delayed
        self._before = dict(lane.sent)
        self._sent_at = asyncio.get_running_loop().time()
        self._open = True
        self._reported = False
        self.waited = waited

    def report(self, limits: RateLimits | None, /) -> None:
        """The provider has accepted the request."""
        if self._reported:
            return
        self._reported = True
        lane = self._lane
        lane.wanted = lane.wanted or self._delayed
        if limits is not None:
            lane.do(partial(self._report, limits))

    async def _report(self, limits: RateLimits, quota: Quota) -> None:
        lane, cost = self._lane, self._cost
        since: dict[Unit, float] = {
            unit: max(0.0, lane.sent[unit] - self._before[unit] - amount(cost, unit)) for unit in UNITS
        }
        await quota.told(cost, limits, since, asyncio.get_running_loop().time() - self._sent_at)

    def refund(self) -> None:
        """Nothing was sent."""
        if self._close():
            self._lane.do(lambda quota: quota.adjust({unit: -amount(self._cost, unit) for unit in UNITS}))

    def limited(self, retry_after: float | None, /) -> None:
        """The provider answered 429."""
        if self._close():
            self._lane.do(lambda quota: quota.cut(self._cost, self._at, retry_after))

    def finished(self, usage: Usage | None, /) -> None:
        """It is over."""
        if self._close() and usage is not None:
            used = Cost(0.0, usage.input_tokens, usage.output_tokens)
            more: dict[Unit, float] = {unit: amount(used, unit) - amount(self._cost, unit) for unit in UNITS}
            more["requests"] = 0.0
            if any(more.values()):
                self._lane.do(lambda quota: quota.adjust(more))

    def _close(self) -> bool:
        was, self._open = self._open, False
        return was
