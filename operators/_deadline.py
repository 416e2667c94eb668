"""Streams that must not keep anyone waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from reactivex import Observable, abc

from ..streams.batched import NOBODY, Batched, BatchObserver, Serial
from ..streams.call import Call
from ..streams.errors import StreamStalled
from ..streams.recipe import recorded
from ..streams.tokens import CONTENT, StreamToken
from ..streams.types import Operator
from ._clock import LoopTimers, time_of

__all__ = ["deadline"]

LONGEST_SLEEP: Final = 3600.0  # timers take no sleep without end; a limit may be as long as it likes
INSTANT: Final = 1e-6
TICK: Final = ()


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
        return Timed(source, self._limits, None)

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Timed(source, self._limits, call)


class Timed(Batched[StreamToken]):
    """A source with an eye on the clock."""

    in_turn = True

    def __init__(self, source: Observable[StreamToken], limits: Limits, call: Call | None) -> None:
        super().__init__()
        self._source = source
        self._limits = limits
        self._call = call

    @property
    def on_loop(self) -> bool:
        return getattr(self._source, "on_loop", False)

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        timekeeper, now = time_of(scheduler)
        guard = Guard(self._limits, self._call, now, timekeeper, observer)
        guard.sleep()
        # The timer signals among the tokens: where both come on one loop, they come in turn as they are.
        if self.on_loop and isinstance(timekeeper, LoopTimers):
            return guard.follow(self._source, scheduler)
        return guard.connect(self._source, scheduler)


class Guard(Serial[StreamToken]):
    """One subscription: what has come so far, which limit passes next, and the one timer that it has at any moment.

    It is never late: a sleep ends no later than the next limit, and none that begins during a sleep is shorter
    than that sleep, so that a token costs no timer.
    """

    __slots__ = ("_arrived", "_call", "_last", "_limits", "_now", "_observer", "_started", "_timekeeper", "_timer")

    def __init__(
        self,
        limits: Limits,
        call: Call | None,
        now: Callable[[], float],
        timekeeper: abc.SchedulerBase,
        observer: BatchObserver[StreamToken],
    ) -> None:
        super().__init__()
        self._limits = limits
        self._call = call
        self._now = now
        self._started = now()
        self._arrived = False
        self._last: float | None = None  # when the model last said something, and we were done with it
        self._timekeeper = timekeeper
        self._observer = observer
        self._timer: abc.DisposableBase | asyncio.TimerHandle | None = None

    def sleep(self) -> None:
        """Look again when the next limit may have passed."""
        seconds = self.remaining()
        if seconds is None:
            return
        timekeeper = self._timekeeper
        if isinstance(timekeeper, LoopTimers):  # the loop's own: a disposable beside it would be kept as long
            self._timer = timekeeper.loop.call_later(seconds, wake, None, self)
        else:
            self._timer = timekeeper.schedule_relative(seconds, wake, self)
        if self.stopped:  # by another thread, which may not have seen this timer
            self._stop_timer()

    def wake(self) -> None:
        """It is time to look."""
        if not self.stopped:
            self.sleep()
            if self.passed() is not None:
                super().on_batch(TICK)  # among the stream's own signals, where it is looked at once more

    def on_batch(self, items: Sequence[StreamToken]) -> None:
        if self._gate is not None or self.stopped:
            super().on_batch(items)
            return
        try:  # what `serve` does, in one frame
            self._observer.on_batch(items)
            self._arrived = True
            for token in items:
                if type(token) in CONTENT:
                    self._last = self._now()
                    break
        except BaseException:
            self.stop()
            raise

    def serve(self, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        observer = self._observer
        if items:
            observer.on_batch(items)
            self.see(items)
        elif items is None:
            self._stop_timer()
            observer.on_completed() if error is None else observer.on_error(error)
        elif (passed := self.passed()) is not None:
            self.stop()
            observer.on_error(StreamStalled(*passed))

    def see(self, tokens: Sequence[StreamToken]) -> None:
        """Take note of tokens, after they have been dealt with: a consumer's own time does not count."""
        self._arrived = True
        for token in tokens:
            if type(token) in CONTENT:
                self._last = self._now()
                break

    def let_go(self) -> None:
        self._observer = NOBODY
        self._stop_timer()

    def passed(self) -> tuple[str, float] | None:
        """The limit that has passed, by name."""
        due, name, seconds = self._next()
        return (name, seconds) if due <= self._now() + INSTANT else None

    def remaining(self) -> float | None:
        """How long until it is time to look again; None when nothing is left to wait for."""
        limits, now = self._limits, self._now()
        due = self._next()[0]
        if due <= now + INSTANT:
            return limits.shortest
        if self._last is None and limits.idle is not None:
            due = min(due, now + limits.idle)
        return None if due == NEVER[0] else min(due - now, LONGEST_SLEEP)

    def _next(self) -> tuple[float, str, float]:
        limits = self._limits
        dues = [NEVER]
        if limits.connect is not None and not self._arrived:
            dues.append((self._started + limits.connect, "connect", limits.connect))
        if limits.first_token is not None and self._last is None:
            dues.append((self._reading_since(self._started) + limits.first_token, "first_token", limits.first_token))
        if limits.idle is not None and self._last is not None:
            dues.append((self._reading_since(self._last) + limits.idle, "idle", limits.idle))
        if limits.total is not None:
            dues.append((self._started + limits.total, "total", limits.total))
        return min(dues)

    def _reading_since(self, moment: float) -> float:
        demand = None if self._call is None else self._call.counted
        if demand is None:
            return moment
        return max(moment, demand.opened_at) if demand.is_open else self._now()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if isinstance(timer, abc.DisposableBase):
            timer.dispose()
        elif timer is not None:
            timer.cancel()


def wake(_: object, guard: Guard | None) -> None:
    # Not a bound method, which each stream would keep for as long as it lasts.
    if guard is not None:
        guard.wake()


NEVER: Final[tuple[float, str, float]] = (float("inf"), "", 0.0)
