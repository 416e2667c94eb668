"""Let an observer watch a stream without being able to break it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from reactivex import Observable, abc

from .batched import NOBODY, Batched, BatchObserver, Serial
from .types import Operator

__all__ = ["watch"]

T = TypeVar("T")
log = logging.getLogger("tokenrill")


def watch(observer: abc.ObserverBase[T]) -> Operator[T, T]:
    """Mirror the stream to ``observer``; log and forget whatever it raises.

    .. marble::
        ---a---b---|
        [ watch(o) ]
        ---a---b---|

    An observer with a method ``on_dispose`` is told when the consumer hangs up before the end. It has then
    seen the whole of the network read that the consumer left in the middle. One with a method ``on_batch``
    is given all the items of a read at once, in place of ``on_next`` for each.

    Returns:
        An operator that passes every signal on, each after ``observer`` has seen it.
    """
    return lambda source: Watched(source, observer)


class Watched(Batched[T]):
    """A source whose signals an observer sees first."""

    in_turn = True

    def __init__(self, source: Observable[T], observer: abc.ObserverBase[T]) -> None:
        super().__init__()
        self._source = source
        self._observer = observer

    @property
    def on_loop(self) -> bool:
        return getattr(self._source, "on_loop", False)

    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Watch(self._observer, observer).follow(self._source, scheduler)


class Watch(Serial[T]):
    """One subscription that is watched."""

    __slots__ = ("_complained", "_ended", "_observer", "_takes_batches", "_watcher")

    def __init__(self, watcher: abc.ObserverBase[T], observer: BatchObserver[T]) -> None:
        super().__init__()
        self._watcher: Any = watcher
        self._observer = observer
        self._takes_batches = hasattr(watcher, "on_batch")
        self._complained = False
        self._ended = False

    def serve(self, items: Sequence[T] | None, error: Exception | None) -> None:
        observer = self._observer
        if items is None:
            watcher, self._ended = self._watcher, True
            guarded(watcher, watcher.on_completed) if error is None else guarded(watcher, watcher.on_error, error)
            if not self.stopped:
                observer.on_completed() if error is None else observer.on_error(error)
            return
        try:
            if self._takes_batches:
                self._watcher.on_batch(items)
            else:
                self._each(items)
        except Exception as failure:
            self._unheard(failure)
        if not self.stopped:  # the watcher itself may have hung up
            observer.on_batch(items)

    def dispose(self) -> None:
        self.stop()
        if not self._ended:
            watcher, self._ended = self._watcher, True
            self.let_go()
            guarded(watcher, getattr(watcher, "on_dispose", nothing))

    def let_go(self) -> None:
        self._observer = NOBODY
        if self._ended:  # else it has yet to be told that the consumer hung up
            self._watcher = DEAF

    def _each(self, items: Sequence[T]) -> None:
        see = self._watcher.on_next
        for item in items:
            try:
                see(item)
            except Exception as failure:
                self._unheard(failure)

    def _unheard(self, failure: Exception) -> None:
        if not self._complained:  # once: a broken sink must not fill the disk with a line for each token
            self._complained = True
            complain(self._watcher, failure)


def guarded(watcher: object, signal: Callable[..., Any], *args: Any) -> None:
    try:
        signal(*args)
    except Exception as error:
        complain(watcher, error)


def complain(watcher: object, error: Exception) -> None:
    # Not log.exception: a traceback quotes source lines and messages, and a sink's message may hold a prompt.
    log.error("a %s sink failed with %s; the stream goes on", type(watcher).__name__, type(error).__name__)


def nothing(*_: object) -> None:
    """For observers that do not care about being left."""


class Deaf:
    """In place of a watcher that has been told everything."""

    on_batch = staticmethod(nothing)


DEAF: Final = Deaf()
