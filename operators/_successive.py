"""One attempt after another, as one stream: what retry, fallback and resume have in common."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable, SingleAssignmentDisposable

from ..streams.batched import Batched, BatchObserver, Serial
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
        timekeeper, now = time_of(scheduler)
        course = self._new(now)
        current = SerialDisposable()
        following: deque[Next] = deque()
        gate = threading.Lock()

        def begin(source: Observable[StreamToken]) -> None:
            def serve(items: Sequence[StreamToken] | None, error: Exception | None) -> None:
                try:
                    verdict = decided(course, items, error)
                except Exception as raised:
                    verdict = raised
                if items is not None and not isinstance(verdict, (Next, Exception)):
                    if verdict:
                        observer.on_batch(verdict)
                    return
                serial.stop()
                if isinstance(verdict, Next):
                    go_on(verdict)
                else:
                    end(verdict if isinstance(verdict, Exception) else None)

            serial: Serial[StreamToken] = Serial(serve)
            slot = SingleAssignmentDisposable()
            current.disposable = slot  # before connecting: a source that fails at once is followed from inside
            slot.disposable = serial.connect(source, scheduler)

        def go_on(then: Next) -> None:
            if then.first:
                observer.on_batch(then.first)
            slot = SingleAssignmentDisposable()
            current.disposable = slot
            if then.wait <= 0:
                start(then)
            else:

                def due(*_: object) -> None:
                    start(then)

                slot.disposable = timekeeper.schedule_relative(then.wait, due)

        def start(then: Next) -> None:
            # One that fails while it is subscribed to is followed when that is done: many of them make no deep stack.
            following.append(then)
            while following and gate.acquire(False):
                try:
                    while following:
                        subscribe(following.popleft())
                finally:
                    gate.release()

        def subscribe(then: Next) -> None:
            if current.is_disposed:
                return
            try:
                source = then.stream()
            except Exception as error:
                end(error)
                return
            begin(source)

        def end(error: Exception | None) -> None:
            if held := course.release():
                observer.on_batch(held)
            if not current.is_disposed:
                observer.on_completed() if error is None else observer.on_error(error)

        start(Next(lambda: self._first))
        return current


def decided(
    course: Course, items: Sequence[StreamToken] | None, error: Exception | None
) -> Sequence[StreamToken] | Next | Exception | None:
    if items is not None:
        return course.see(items)
    return course.complete() if error is None else course.fail(error)
