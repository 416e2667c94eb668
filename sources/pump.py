"""One task that pushes what it pulls, and that ends when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context, copy_context
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

from reactivex import abc

from ..streams.batched import BatchObserver

__all__ = ["Pump", "Push", "Work"]

T = TypeVar("T")
Push: TypeAlias = Callable[[T], bool]
Work: TypeAlias = Callable[["Pump[T]"], Awaitable[Exception | None]]


class Pump(abc.DisposableBase, Generic[T]):
    """Between a coroutine that pulls and an observer that is pushed to.

    The work calls ``push`` with each item, ends when that answers False, and returns the error that ended it
    (None: it is complete). Cancelling it is how it is stopped from outside. What the observer raises itself
    cannot be told to it: it goes to the loop's exception handler, and the work is ended.

    Attributes:
        left_at: ``time.monotonic()`` of the moment at which it was stopped, if it was.
        context: What all signals run in. A callback of the loop, while the work waits, pushes by way of ``run``.
    """

    __slots__ = ("_loop", "_observer", "_pushing", "_task", "_work", "context", "left_at")

    def __init__(self, observer: BatchObserver[T], work: Work[T]) -> None:
        self._observer: BatchObserver[T] | None = observer
        self._work: Work[T] | None = work
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pushing = False
        self.left_at: float | None = None
        self.context: Context = copy_context()

    def start(self) -> None:
        """Begin, on the running loop."""
        if self._work is not None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run(), name="tokenrill stream", context=self.context)
            self._task.add_done_callback(look_away, context=self.context)

    def stop(self) -> None:
        """End without another signal, from any thread, at any time, as often as one likes."""
        if self._observer is not None:
            self.left_at = monotonic()
        self._observer = self._work = None
        loop, task = self._loop, self._task
        if loop is None or task is None or task.done():
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not loop:
            with suppress(RuntimeError):  # the loop has been closed, and its tasks with it
                loop.call_soon_threadsafe(task.cancel)
        elif not self._pushing and asyncio.current_task() is not task:
            task.cancel()
        # Else we are inside our own on_next, and push answers False when that returns.

    def dispose(self) -> None:
        """The consumer has left."""
        self.stop()

    @property
    def wanted(self) -> bool:
        """Whether anybody wants another item."""
        return self._observer is not None

    def __call__(self, item: T) -> bool:
        """Hand one item on; False when nobody wants another."""
        observer = self._observer
        if observer is None:
            return False
        self._pushing = True
        try:
            observer.on_batch((item,))
        except Exception as error:
            self.stop()
            report(error)
        finally:
            self._pushing = False
        return self._observer is not None

    push = __call__

    async def _run(self) -> None:
        work, self._work = self._work, None
        if work is None:  # stopped by another thread while the task was being made
            return
        failure: Exception | None = None
        try:
            try:
                working = work(self)
                del work  # what it was made of is its own, to keep or to let go
                failure = await working
            except Exception as error:
                failure = error
            self._finish(failure)
        finally:
            failure = None  # else its traceback and this frame hold each other
            self._observer = self._task = None

    def _finish(self, failure: Exception | None) -> None:
        observer = self._observer
        if observer is None:
            return
        try:
            if failure is None:
                observer.on_completed()
            else:
                observer.on_error(failure)
        except Exception as error:
            report(error)


def look_away(task: asyncio.Task[None]) -> None:
    # What an observer raises to end the program has ended it: asyncio need not complain of it again.
    if not task.cancelled():
        task.exception()


def report(error: Exception) -> None:
    message = f"an observer of a stream raised {type(error).__name__}; the stream was closed"
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
