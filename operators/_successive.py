"""One attempt after another, as one stream: what retry, fallback and resume have in common."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable, SingleAssignmentDisposable

from ..streams.batched import NOBODY, Batched, BatchObserver, Serial
from ..streams.tokens import StreamToken
from ._clock import time_of

__all__ = ["Course", "Next", "Successive"]


class Next(Struct, frozen=True):
    """Go on with another stream: emit ``first``, wait, make the stream and subscribe to it."""

    stream: Callable[[], Observable[StreamToken]]
    wait: float = 0.0
    first: Sequence[StreamToken] = ()


class Course(Protocol):
    """Decides what follows what; one for each subscription. Its methods are called one at a time."""

    def see(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | Next:
        """What to pass on of these tokens; or leave this stream at once, and go on with the next."""
        ...

    def fail(self, error: Exception, /) -> Next | Exception:
        """The stream has failed: what follows, or the error to pass on."""
        ...

    def complete(self) -> Next | Exception | None:
        """The stream has completed: what follows, an error that it amounts to, or None when all is well."""
        ...

    def release(self) -> Sequence[StreamToken]:
        """What was held back, before the terminal signal."""
        ...


class Successive(Batched[StreamToken]):
    """A stream, and those that follow it when it fails. At any moment at most one is subscribed to.

    What the course, or the making of a stream, raises is a failure of the stream like any other, and the last.
    """

    in_turn = True

    def __init__(self, first: Observable[StreamToken], new: Callable[[Callable[[], float]], Course]) -> None:
        """Begin with ``first``; ``new`` makes the course from the clock, in seconds, of the subscription."""
        super().__init__()
        self._first = first
        self._new = new

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        succession = Succession(self._new, observer, scheduler)
        succession.start(Next(lambda: self._first))
        return succession


class Succession(abc.DisposableBase):
    """One subscription. It is one object, and its legs let go of it, so that what is over is no cycle of references."""

    __slots__ = ("_course", "_current", "_following", "_gate", "_observer", "_scheduler", "_timekeeper")

    def __init__(
        self,
        new: Callable[[Callable[[], float]], Course],
        observer: BatchObserver[StreamToken],
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        self._timekeeper, now = time_of(scheduler)
        self._course = new(now)
        self._observer = observer
        self._scheduler = scheduler
        self._current = SerialDisposable()
        self._following: deque[Next] = deque()
        self._gate = threading.Lock()

    def dispose(self) -> None:
        """The consumer has left."""
        self._current.dispose()
        self._observer = NOBODY

    def start(self, then: Next) -> None:
        """Subscribe to it; one that fails meanwhile is followed when that is done: many of them make no deep stack."""
        following, gate = self._following, self._gate
        following.append(then)
        while following and gate.acquire(False):
            try:
                while following:
                    self._subscribe(following.popleft())
            finally:
                gate.release()

    def serve(self, leg: Leg, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        """What the stream that is subscribed to says."""
        try:
            verdict = decided(self._course, items, error)
        except Exception as raised:
            verdict = raised
        if items is not None and not isinstance(verdict, (Next, Exception)):
            if verdict:
                self._observer.on_batch(verdict)
            return
        leg.stop()
        if isinstance(verdict, Next):
            self._go_on(verdict)
        else:
            self._end(verdict if isinstance(verdict, Exception) else None)

    def _subscribe(self, then: Next) -> None:
        if self._current.is_disposed:
            return
        try:
            source = then.stream()
        except Exception as error:
            self._end(error)
            return
        leg = Leg(self)
        slot = SingleAssignmentDisposable()
        self._current.disposable = slot  # before connecting: a source that fails at once is followed from inside
        slot.disposable = leg.connect(source, self._scheduler)

    def _go_on(self, then: Next) -> None:
        if then.first:
            self._observer.on_batch(then.first)
        slot = SingleAssignmentDisposable()
        self._current.disposable = slot
        if then.wait <= 0:
            self.start(then)
        else:
            slot.disposable = self._timekeeper.schedule_relative(then.wait, partial(due, self, then))

    def _end(self, error: Exception | None) -> None:
        if held := self._course.release():
            self._observer.on_batch(held)
        observer, self._observer = self._observer, NOBODY
        if not self._current.is_disposed:
            observer.on_completed() if error is None else observer.on_error(error)


def due(succession: Succession, then: Next, *_: object) -> None:
    succession.start(then)


class Leg(Serial[StreamToken]):
    """One of the streams that follow each other."""

    __slots__ = ("_succession",)

    def __init__(self, succession: Succession) -> None:
        super().__init__()
        self._succession: Succession | None = succession

    def serve(self, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        succession = self._succession
        if succession is not None:
            succession.serve(self, items, error)

    def let_go(self) -> None:
        self._succession = None


def decided(
    course: Course, items: Sequence[StreamToken] | None, error: Exception | None
) -> Sequence[StreamToken] | Next | Exception | None:
    if items is not None:
        return course.see(items)
    return course.complete() if error is None else course.fail(error)
