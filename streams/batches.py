"""The batches of an observable as items of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from reactivex import Observable, abc

from .batched import BatchObserver, subscribe_batches

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Observable[Sequence[T]]):
    """One list for all that came at once; of a stock observable's items, one each.

    >>> import reactivex as rx
    >>> subscription = Batches(rx.of(1, 2)).subscribe(print)
    [1]
    [2]
    """

    def __init__(self, source: Observable[T]) -> None:
        super().__init__()
        self._source = source

    def _subscribe_core(
        self, observer: abc.ObserverBase[Sequence[T]], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        send = observer.on_next

        def on_batch(items: Sequence[T]) -> None:
            send(list(items))  # what passes between stages may be kept by one of them

        return subscribe_batches(
            self._source, BatchObserver(on_batch, observer.on_error, observer.on_completed), scheduler
        )
