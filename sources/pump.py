"""What pushes to an observer: a task that pulls, or callbacks of the loop; and that ends when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from reactivex import abc

from ..streams.batched import BatchObserver
from ..streams.loops import running_loop

__all__ = ["Flowing", "Pump", "Push", "Work"]

T = TypeVar("T")
Push: TypeAlias = Callable[[T], bool]
Work: TypeAlias = Callable[["Pump[T]"], Coroutine[Any, Any, Exception | None]]


class Flowing(Protocol):
    """Work that goes on without a task: callbacks of the loop push."""

    def cancel(self) -> object:
        """End it at once; it is asked on the loop, and not from inside its own push."""


class Pump(abc.DisposableBase, Generic[T]):
    """Between a coroutine that pulls and an observer that is pushed to.

    The work calls ``push`` with each item, ends when that answers False, and returns the error that ended it
    (None: it is complete). Cancelling it is how it is stopped from outside. What the observer raises itself
    cannot be told to it: it goes to the loop's exception handler, and the work is ended.

    Where callbacks of the loop can push, no task need wait: the work says :meth:`rest` and returns, and whoever
    pushes then says :meth:`go_on` when there is something to wait for, or :meth:`finish`.

    Attributes:
        left_at: ``time.monotonic()`` of the moment at which it was stopped, if it was.
        context: What all signals run in. A callback of the loop pushes, and finishes, by way of ``run``.
    """

    __slots__ = ("_flow", "_loop", "_observer", "_pushing", "_task", "_work", "context", "left_at")

    def __init__(self, observer: BatchObserver[T], work: Work[T]) -> None:
        self._observer: BatchObserver[T] | None = observer
        self._work: Work[T] | None = work
        self._task: asyncio.Task[Exception | None] | None = None
        self._flow: Flowing | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pushing = False
        self.left_at: float | None = None
        self.context: Context = copy_context()

    def start(self) -> None:
        """Begin, on the running loop."""
        work, self._work = self._work, None
        if work is not None:
            task = self._begin(asyncio.get_running_loop(), work)
            if self._observer is None:  # stopped by another thread while the task was being made
                task.cancel()

    def go_on(self, work: Work[T]) -> None:
        """Have a task do the rest, even when nobody wants another item; its first word is to :meth:`rest` no more."""
        if self._loop is not None:
            self._begin(self._loop, work)

    def rest(self, flow: Flowing | None) -> None:
        """Let the task end: ``flow`` pushes by itself from here on. Or not any more."""
        self._flow = flow

    def finish(self, failure: Exception | None) -> None:
        """Tell the observer of the end, unless nobody wants to know."""
        self._flow = None
        observer, self._observer = self._observer, None
        if observer is None:
            return
        try:
            if failure is None:
                observer.on_completed()
            else:
                observer.on_error(failure)
        except Exception as error:
            report(error)

    def stop(self) -> None:
        """End without another signal, from any thread, at any time, as often as one likes."""
        if self._observer is not None:
            self.left_at = monotonic()
        self._observer = self._work = None
        loop = self._loop
        if loop is None or (self._task is None and self._flow is None):
            return
        if running_loop() is not loop:
            with suppress(RuntimeError):  # the loop has been closed, and its tasks with it
                loop.call_soon_threadsafe(self._interrupt)
        elif not self._pushing:
            self._interrupt()
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

    def _interrupt(self) -> None:
        flow, task = self._flow, self._task
        if flow is not None:
            self._flow = None
            flow.cancel()
        if task is not None and asyncio.current_task() is not task:
            task.cancel()

    def _begin(self, loop: asyncio.AbstractEventLoop, work: Work[T]) -> asyncio.Task[Exception | None]:
        self._loop = loop
        self._task = task = loop.create_task(work(self), name="tokenrill stream", context=self.context)
        task.add_done_callback(self._ended, context=self.context)
        return task

    def _ended(self, task: asyncio.Task[Exception | None]) -> None:
        if self._task is task:
            self._task = None
        # What an observer raises to end the program has ended it: asyncio need not complain of it again.
        failure = None if task.cancelled() else task.exception() or task.result()
        if task.cancelled() or not (failure is None or isinstance(failure, Exception)):
            self._observer = None
        elif self._flow is None:
            self.finish(failure)


def report(error: Exception) -> None:
    message = f"an observer of a stream raised {type(error).__name__}; the stream was closed"
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
