"""Observables that can hand over all the items of one network read at once.

Between operators of ours the item is a list, the tokens of one read: one when the model is slow, hundreds
when it is fast; nothing ever waits for a list to fill. To everyone else such an observable is an ordinary
one, an item at a time, and nobody can tell but the clock. (Project Reactor calls this operator fusion.)
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from reactivex import Observable, abc

__all__ = ["BatchObserver", "Batched", "Serial", "subscribe_batches"]

T = TypeVar("T")
OnBatch: TypeAlias = Callable[[Sequence[T]], None]


class BatchObserver(Generic[T]):
    """Three callbacks; ``on_batch`` takes at least one item, in order."""

    __slots__ = ("on_batch", "on_completed", "on_error")

    def __init__(self, on_batch: OnBatch[T], on_error: abc.OnError, on_completed: abc.OnCompleted) -> None:
        self.on_batch = on_batch
        self.on_error = on_error
        self.on_completed = on_completed


class Batched(Observable[T]):
    """An observable of items that arrive in batches; subclasses say how in :meth:`subscribe_batches`."""

    @abstractmethod
    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        """Subscribe to whole batches. The observer must expect no further signal after disposing."""

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        send = observer.on_next

        def on_batch(items: Sequence[T]) -> None:
            for item in items:
                send(item)

        return self.subscribe_batches(BatchObserver(on_batch, observer.on_error, observer.on_completed), scheduler)


def subscribe_batches(
    source: Observable[T], observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
) -> abc.DisposableBase:
    """Subscribe to any observable, batch-wise where it can, else with batches of one."""
    if isinstance(source, Batched):
        return source.subscribe_batches(observer, scheduler)
    on_batch = observer.on_batch
    return source.subscribe(
        lambda item: on_batch((item,)), observer.on_error, observer.on_completed, scheduler=scheduler
    )


class Serial(Generic[T]):
    """Hand signals on one after another, whoever sends them, from whatever thread (Reactive Streams §1.3).

    Whoever comes while another is being served leaves the signal in the queue and goes; who serves,
    serves until the queue is empty. The first terminal signal is the last of all (§1.7).
    """

    __slots__ = ("_gate", "_queue", "_serve", "stopped")

    def __init__(self, serve: Callable[[Sequence[T] | None, Exception | None], None]) -> None:
        self._serve = serve
        self._gate = threading.Lock()
        self._queue: deque[tuple[Sequence[T] | None, Exception | None]] = deque()
        self.stopped = False

    def on_batch(self, items: Sequence[T]) -> None:
        if not self.stopped:
            self._queue.append((items, None))
            self._drain()

    def on_error(self, error: Exception) -> None:
        self._queue.append((None, error))
        self._drain()

    def on_completed(self) -> None:
        self._queue.append((None, None))
        self._drain()

    def stop(self) -> None:
        """Hand on nothing more, and let go of what waits."""
        self.stopped = True
        self._queue.clear()

    def _drain(self) -> None:
        queue, gate, serve = self._queue, self._gate, self._serve
        while queue:
            if not gate.acquire(blocking=False):
                return
            try:
                while queue:
                    items, error = queue.popleft()
                    if self.stopped:
                        return
                    if items is None:
                        self.stopped = True
                    serve(items, error)
            except BaseException:
                self.stop()
                raise
            finally:
                gate.release()
