"""Streams that must not keep anyone waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from reactivex import Observable, abc

from ..streams.call import Call
from ..streams.errors import StreamStalled
from ..streams.fused import Fused
from ..streams.recipe import recorded
from ..streams.tokens import CONTENT, StreamToken
from ..streams.types import Operator
from ..streams.witness import Alarm, Sentinel
from ._clock import LoopTimers, time_of

__all__ = ["deadline"]

LONGEST_SLEEP: Final = 3600.0  # timers take no sleep without end; a limit may be as long as it likes
INSTANT: Final = 1e-6


class Limits(Struct, frozen=True):
    """Seconds; None where there is no limit."""

    connect: float | None
    first_token: float | None
    idle: float | None
    total: float | None

    @property
    def shortest(self) -> float:
        """The least of them."""
        return min(filter(None, (self.connect, self.first_token, self.idle, self.total)))


@recorded
def deadline(
    *,
    connect: float | None = None,
    first_token: float | None = None,
    idle: float | None = None,
    total: float | None = None,
) -> Deadline:
    """Give up on a stream that takes too long, and hang up.

    .. marble::
        ---a--b------------
        [ deadline(idle=5) ]
        ---a--b----#

    Only what the model says counts for ``first_token`` and ``idle``: pings, ``Raw`` and ``Usage`` keep nothing
    alive. In a pipeline these two stand still while the consumer wants nothing, since the stream is not read
    then, and begin anew when it is read again. Time is that of the scheduler given at subscription, else of
    the running event loop, else of threads; a limit is kept to within 100 ms.

    Example:
        >>> import reactivex as rx
        >>> rx.never().pipe(deadline(connect=0.01)).run()
        Traceback (most recent call last):
        ...
        tokenrill.streams.errors.StreamStalled: no sign of life within the connect deadline of 0.01 s

    Args:
        connect: From the subscription until anything at all comes.
        first_token: From the subscription until the model says something.
        idle: Between one thing the model says and the next, or the end. It does not run before the first.
        total: From the subscription until the end.

    Returns:
        An operator. It errors with :class:`~tokenrill.StreamStalled`, which names the limit that has passed.

    Raises:
        ValueError: Without any limit, or for one that is not more than 0.
    """
    limits = Limits(connect, first_token, idle, total)
    given = {name: getattr(limits, name) for name in limits.__struct_fields__ if getattr(limits, name) is not None}
    if not given:
        raise ValueError("deadline needs at least one of connect=, first_token=, idle= and total=")
    for name, seconds in given.items():
        if not seconds > 0:
            raise ValueError(f"{name} is a time in seconds, more than 0, not {seconds!r}")
    return Deadline(limits)


class Deadline:
    """The operator; a pipeline binds it to the call, whose demand says when the stream is not read."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.__qualname__ = "deadline"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return self._guarding(source, None)

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: self._guarding(source, call)

    def _guarding(self, source: Observable[StreamToken], call: Call | None) -> Observable[StreamToken]:
        return Fused(source, (partial(Guard, self._limits, call),), guarded=True)


class Guard(Sentinel):
    """One subscription: what has come so far, which limit passes next, and the one timer that it has at any moment.

    It is never late: a sleep ends no later than the next limit, and none that begins during a sleep is shorter
    than that sleep, so that a token costs no timer.
    """

    __slots__ = ("_arrived", "_call", "_limits", "_started", "_timekeeper", "_timer", "_whom")

    _started: float
    _timekeeper: abc.SchedulerBase

    def __init__(self, limits: Limits, call: Call | None) -> None:
        super().__init__()
        self._limits = limits
        self._call = call
        self._arrived = False
        self._timer: abc.DisposableBase | asyncio.TimerHandle | None = None
        self._whom: Alarm | None = None

    def begin(self, whom: Alarm, scheduler: abc.SchedulerBase | None) -> bool:
        self._whom = whom
        self._timekeeper, self.now = time_of(scheduler)
        self._started = self.now()
        return isinstance(self._timekeeper, LoopTimers)

    def start(self) -> None:
        self.sleep(min(self._limits.shortest, LONGEST_SLEEP))

    def sleep(self, seconds: float | None) -> None:
        """Look again then."""
        if seconds is None:
            return
        timekeeper = self._timekeeper
        if isinstance(timekeeper, LoopTimers):  # the loop's own: a disposable beside it would be kept as long
            self._timer = timekeeper.loop.call_later(seconds, wake, None, self)
        else:
            self._timer = timekeeper.schedule_relative(seconds, wake, self)
        if self._whom is None:  # left, in another thread, which may not have seen this timer
            self.left()

    def wake(self) -> None:
        """It is time to look."""
        whom = self._whom
        if whom is not None:
            self.sleep(self.remaining())
            if self.passed() is not None:
                whom.alarm()

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        self._arrived = True
        for token in tokens:
            if type(token) in CONTENT:
                self.stirred = True
                break
        return tokens

    def look(self) -> Exception | None:
        passed = self.passed()
        return None if passed is None else StreamStalled(*passed)

    def over(self, error: Exception | None) -> None:
        self.left()

    def left(self) -> None:
        self._whom = None
        timer, self._timer = self._timer, None
        if isinstance(timer, abc.DisposableBase):
            timer.dispose()
        elif timer is not None:
            timer.cancel()

    def passed(self) -> tuple[str, float] | None:
        """The limit that has passed, by name."""
        due, name, seconds = self._next()
        return (name, seconds) if due <= self.now() + INSTANT else None

    def remaining(self) -> float | None:
        """How long until it is time to look again; None when nothing is left to wait for."""
        limits, now = self._limits, self.now()
        due = self._next()[0]
        if due <= now + INSTANT:
            return limits.shortest
        if self.last is None and limits.idle is not None:
            due = min(due, now + limits.idle)
        return None if due == NEVER[0] else min(due - now, LONGEST_SLEEP)

    def _next(self) -> tuple[float, str, float]:
        limits = self._limits
        dues = [NEVER]
        if limits.connect is not None and not self._arrived:
            dues.append((self._started + limits.connect, "connect", limits.connect))
        if limits.first_token is not None and self.last is None:
            dues.append((self._reading_since(self._started) + limits.first_token, "first_token", limits.first_token))
        if limits.idle is not None and self.last is not None:
            dues.append((self._reading_since(self.last) + limits.idle, "idle", limits.idle))
        if limits.total is not None:
            dues.append((self._started + limits.total, "total", limits.total))
        return min(dues)

    def _reading_since(self, moment: float) -> float:
        demand = None if self._call is None else self._call.counted
        if demand is None:
            return moment
        return max(moment, demand.opened_at) if demand.is_open else self.now()


def wake(_: object, guard: Guard | None) -> None:
    # Not a bound method, which each stream would keep for as long as it lasts.
    if guard is not None:
        guard.wake()


NEVER: Final[tuple[float, str, float]] = (float("inf"), "", 0.0)
