"""Sources in the hand of a test, and a notebook for what comes out at the other end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from tokenrill.streams.batched import Batched, BatchObserver

__all__ = ["InTurn", "PushedBatches", "PushedItems", "Seen"]


class PushedItems(Observable[Any]):
    """A stock observable that emits what a test pushes; it counts who is subscribed."""

    def __init__(self) -> None:
        super().__init__()
        self.observers: list[abc.ObserverBase[Any]] = []
        self.live = 0
        self.subscribed = 0

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self.observers.append(observer)  # and clings to it, even when disposed
        self.live += 1
        self.subscribed += 1
        return Disposable(self._leave)

    def _leave(self) -> None:
        self.live -= 1

    def push(self, *items: Any) -> None:
        for observer in tuple(self.observers):
            for item in items:
                observer.on_next(item)

    def fail(self, error: Exception) -> None:
        for observer in tuple(self.observers):
            observer.on_error(error)

    def complete(self) -> None:
        for observer in tuple(self.observers):
            observer.on_completed()


class PushedBatches(Batched[Any]):
    """The same for batches, and with no guard in front: it emits even what nobody may emit."""

    def __init__(self) -> None:
        super().__init__()
        self.observers: list[BatchObserver[Any]] = []
        self.live = 0

    def subscribe_batches(
        self, observer: BatchObserver[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self.observers.append(observer)
        self.live += 1
        return Disposable(self._leave)

    def _leave(self) -> None:
        self.live -= 1

    def push(self, batch: Sequence[Any]) -> None:
        for observer in tuple(self.observers):
            observer.on_batch(batch)

    def fail(self, error: Exception) -> None:
        for observer in tuple(self.observers):
            observer.on_error(error)

    def complete(self) -> None:
        for observer in tuple(self.observers):
            observer.on_completed()


class InTurn(PushedBatches):
    """One whose signals come in turn, as its test sees to."""

    in_turn = True


class Seen:
    """All signals of one subscription, as values that compare; it can leave after so many items."""

    def __init__(self, stream: Observable[Any], leave_after: int | None = None) -> None:
        self.signals: list[tuple[Any, ...]] = []
        self.items: list[Any] = []
        self.error: Exception | None = None
        self._leave_after = leave_after
        self.subscription = stream.subscribe(self._on_next, self._on_error, self._on_completed)

    @property
    def ended(self) -> bool:
        return bool(self.signals) and self.signals[-1][0] != "next"

    def _on_next(self, item: Any) -> None:
        self.signals.append(("next", item))
        self.items.append(item)
        if len(self.items) == self._leave_after:
            self.subscription.dispose()

    def _on_error(self, error: Exception) -> None:
        self.error = error
        self.signals.append(("error", type(error), error.args))

    def _on_completed(self) -> None:
        self.signals.append(("completed",))
