"""Let an observer watch a stream without being able to break it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from reactivex import abc

from .call import Call
from .fused import Fused
from .types import Operator, Sink
from .witness import Witness

__all__ = ["watch", "watching"]

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
    return lambda source: Fused(source, (partial(Watch, observer),))


def watching(sink: Sink[T], call: Call, name: str) -> Operator[T, T] | None:
    """Mirror the stream to what ``sink`` makes for this call; None when it makes nothing, or fails."""
    try:
        observer: Any = sink(call)
    except Exception as error:
        complain(name, error)
        return None
    return None if observer is None else watch(observer)


class Watch(Witness):
    """One subscription that is watched."""

    __slots__ = ("_complained", "_takes_batches", "_watcher")

    def __init__(self, watcher: abc.ObserverBase[Any]) -> None:
        self._watcher: Any = watcher  # None when it has been told all
        self._takes_batches = hasattr(watcher, "on_batch")
        self._complained = False

    def feed_batch(self, items: Sequence[Any], /) -> Sequence[Any]:
        watcher = self._watcher
        if watcher is None:
            return ()
        try:
            if self._takes_batches:
                watcher.on_batch(items)
            else:
                self._each(watcher, items)
        except Exception as failure:
            self._unheard(watcher, failure)
        return items if self._watcher is not None else ()  # it may have hung up itself

    def over(self, error: Exception | None) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            guarded(watcher, "on_completed") if error is None else guarded(watcher, "on_error", error)

    def left(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and hasattr(watcher, "on_dispose"):
            guarded(watcher, "on_dispose")

    def _each(self, watcher: abc.ObserverBase[Any], items: Sequence[Any]) -> None:
        see = watcher.on_next
        for item in items:
            try:
                see(item)
            except Exception as failure:
                self._unheard(watcher, failure)

    def _unheard(self, watcher: object, failure: Exception) -> None:
        if not self._complained:  # once: a broken sink must not fill the disk with a line for each token
            self._complained = True
            complain(type(watcher).__name__, failure)


def guarded(watcher: object, signal: str, *args: Any) -> None:
    try:
        getattr(watcher, signal)(*args)
    except Exception as error:
        complain(type(watcher).__name__, error)


def complain(name: str, error: Exception) -> None:
    # Not log.exception: a traceback quotes source lines and messages, and a sink's message may hold a prompt.
    log.error("the sink %s failed with %s; the stream goes on", name, type(error).__name__)
