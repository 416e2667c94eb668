"""Whoever subscribes to an observable of ours from outside, and wants an item at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from reactivex import abc
from reactivex.internal import default_error, noop
from reactivex.scheduler import CurrentThreadScheduler

__all__ = ["Subscriber", "in_trampoline"]

T = TypeVar("T")


class Blamed(Protocol):
    """What an error may have ended."""

    def blame(self, error: Exception, /) -> None:
        """Write on it what is known of it here. It must not raise."""


class Subscriber(abc.DisposableBase, Generic[T]):
    """Hand batches on item by item; after a terminal, or when disposed, nothing more, and the upstream is disposed.

    It is what RxPY's ``AutoDetachObserver`` is, its disposable and the one given to the user, in one object, and
    an item costs one call less.

    Attributes:
        blamed: Writes on an error what it ended, before it is handed on; set by whoever is subscribed to.
    """

    __slots__ = ("_on_completed", "_on_error", "_on_next", "_upstream", "blamed", "stopped")

    def __init__(
        self,
        on_next: abc.ObserverBase[T] | abc.OnNext[T] | None,
        on_error: abc.OnError | None,
        on_completed: abc.OnCompleted | None,
    ) -> None:
        given: Any = on_next
        if callable(getattr(given, "on_next", None)):
            given, on_error, on_completed = given.on_next, given.on_error, given.on_completed
        self._on_next: abc.OnNext[T] = given or noop
        self._on_error: abc.OnError = on_error or default_error
        self._on_completed: abc.OnCompleted = on_completed or noop
        self._upstream: abc.DisposableBase | None = None
        self.blamed: Blamed | None = None
        self.stopped = False

    def begin(self, subscribe: Callable[[Any, abc.SchedulerBase | None], Any], scheduler: Any) -> None:
        """Subscribe; what that raises is the stream's error, unless the stream is over."""
        try:
            upstream = subscribe(self, scheduler)
        except Exception as error:
            if self.stopped:
                raise
            self.stopped = True
            self._on_error(error)
            return
        self._upstream = upstream
        if self.stopped:  # looked at after setting it: another thread may be disposing
            self.dispose()

    def on_batch(self, items: Sequence[T]) -> None:
        on_next = self._on_next
        for item in items:
            if self.stopped:
                return
            on_next(item)

    def on_error(self, error: Exception) -> None:
        if not self.stopped:
            self.stopped = True
            try:
                if self.blamed is not None:
                    self.blamed.blame(error)
                self._on_error(error)
            finally:
                self.dispose()

    def on_completed(self) -> None:
        if not self.stopped:
            self.stopped = True
            try:
                self._on_completed()
            finally:
                self.dispose()

    def dispose(self) -> None:
        self.stopped = True
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.dispose()


def in_trampoline(action: Callable[[], object]) -> None:
    """Do it at once, and before all that it schedules in this thread, as ``Observable.subscribe`` does."""
    trampoline = CurrentThreadScheduler.singleton().get_trampoline()
    if trampoline.idle():
        trampoline.run(cast(Any, AtOnce(action)))
    else:
        action()


class AtOnce:
    """An item for RxPY's trampoline that is always due: its own is made of five objects, and asks for the time."""

    __slots__ = ("invoke",)

    duetime = now = 0

    def __init__(self, invoke: Callable[[], object]) -> None:
        self.invoke = invoke

    @property
    def scheduler(self) -> AtOnce:
        """Whose clock ``duetime`` is held against."""
        return self

    def is_cancelled(self) -> bool:
        return False
