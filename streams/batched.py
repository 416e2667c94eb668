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
from reactivex.disposable import Disposable, SingleAssignmentDisposable
from reactivex.scheduler import CurrentThreadScheduler

__all__ = ["BatchObserver", "Batched", "Serial", "subscribe_batches"]

T = TypeVar("T")
OnBatch: TypeAlias = Callable[[Sequence[T]], None]
Serve: TypeAlias = Callable[[Sequence[T] | None, Exception | None], None]


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
        """Subscribe to whole batches; call the function of this name rather than this method.

        Signals come one after another, with one terminal, the last, and none after disposing; going through
        :class:`Serial` makes it so. A batch that is being handed over when its consumer disposes is not recalled.
        """

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
    if not isinstance(source, Batched):
        on_batch = observer.on_batch
        return source.subscribe(
            lambda item: on_batch((item,)), observer.on_error, observer.on_completed, scheduler=scheduler
        )
    trampoline = CurrentThreadScheduler.singleton()
    if not trampoline.schedule_required():
        return source.subscribe_batches(observer, scheduler)
    subscription = SingleAssignmentDisposable()

    def subscribe(*_: object) -> None:
        subscription.disposable = source.subscribe_batches(observer, scheduler)

    # As Observable.subscribe does: a source that emits at once begins when every stage can dispose it.
    trampoline.schedule(subscribe)
    return subscription


class Serial(Generic[T]):
    """Hand signals on one after another, whoever sends them, from whatever thread (Reactive Streams §1.3).

    Whoever comes while another is being served leaves the signal in the queue and goes; who serves,
    serves until the queue is empty. The first terminal signal is the last of all (§1.7). When it is over,
    by a terminal, by :meth:`stop` or because ``serve`` raised, the upstream is disposed, and nothing that
    was held is kept, not even by a source that never lets go of its observer (§3.13).
    """

    __slots__ = ("_gate", "_queue", "_serve", "_upstream", "stopped")

    def __init__(self, serve: Serve[T]) -> None:
        self._serve: Serve[T] | None = serve
        self._gate = threading.Lock()
        self._queue: deque[tuple[Sequence[T] | None, Exception | None]] = deque()
        self._upstream = SingleAssignmentDisposable()
        self.stopped = False

    def connect(self, source: Observable[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Subscribe to ``source``, and serve its signals; disposing what this answers stops it all."""
        observer = BatchObserver(self.on_batch, self.on_error, self.on_completed)
        self._upstream.disposable = subscribe_batches(source, observer, scheduler)
        return Disposable(self.stop)

    def on_batch(self, items: Sequence[T]) -> None:
        if not self.stopped:
            self._queue.append((items, None))
            self._drain()

    def on_error(self, error: Exception) -> None:
        if not self.stopped:
            self._queue.append((None, error))
            self._drain()

    def on_completed(self) -> None:
        if not self.stopped:
            self._queue.append((None, None))
            self._drain()

    def stop(self) -> None:
        """Hand on nothing more, let go of what waits, and dispose the upstream."""
        self.stopped = True
        self._serve = None
        self._queue.clear()
        self._upstream.dispose()

    def _drain(self) -> None:
        queue, gate = self._queue, self._gate
        # Whoever finds the gate shut has left its signal first, and who opens it looks once more: none is lost.
        while queue and gate.acquire(blocking=False):
            try:
                self._serve_waiting()
            except BaseException:
                self.stop()
                raise
            finally:
                gate.release()

    def _serve_waiting(self) -> None:
        queue = self._queue
        while queue:
            serve = self._serve
            if serve is None:
                queue.clear()
                return
            try:
                items, error = queue.popleft()
            except IndexError:  # another thread has stopped us since we looked
                return
            serve(items, error)
            if items is None:
                self.stop()
