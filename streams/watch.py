"""Let an observer watch a stream without being able to break it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from .batched import Batched, BatchObserver, Serial
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

    def __init__(self, source: Observable[T], observer: abc.ObserverBase[T]) -> None:
        super().__init__()
        self._source = source
        self._observer = observer

    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        watcher = self._observer
        see, see_all = watcher.on_next, getattr(watcher, "on_batch", None)
        complained, ended = False, False

        def show(items: Sequence[T]) -> None:
            if see_all is not None:
                attempt(see_all, items)
                return
            for item in items:
                attempt(see, item)

        def attempt(signal: Callable[[Any], Any], what: Any) -> None:
            nonlocal complained
            try:
                signal(what)
            except Exception as failure:
                if not complained:  # once: a broken sink must not fill the disk with a line for each token
                    complained = True
                    complain(watcher, failure)

        def serve(items: Sequence[T] | None, error: Exception | None) -> None:
            nonlocal ended
            if items is not None:
                show(items)
            else:
                ended = True
                guarded(watcher, watcher.on_completed) if error is None else guarded(watcher, watcher.on_error, error)
            if serial.stopped:  # the watcher itself has hung up
                return
            if items is not None:
                observer.on_batch(items)
            elif error is not None:
                observer.on_error(error)
            else:
                observer.on_completed()

        serial: Serial[T] = Serial(serve)
        subscription = serial.connect(self._source, scheduler)

        def dispose() -> None:
            nonlocal ended
            subscription.dispose()
            if not ended:
                ended = True
                guarded(watcher, getattr(watcher, "on_dispose", nothing))

        return Disposable(dispose)


def guarded(watcher: object, signal: Callable[..., Any], *args: Any) -> None:
    try:
        signal(*args)
    except Exception as error:
        complain(watcher, error)


def complain(watcher: object, error: Exception) -> None:
    # Not log.exception: a traceback quotes source lines and messages, and a sink's message may hold a prompt.
    log.error("a %s sink failed with %s; the stream goes on", type(watcher).__name__, type(error).__name__)


def nothing() -> None:
    """For observers that do not care about being left."""
