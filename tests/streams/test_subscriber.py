"""Subscribing to one of our observables item by item is subscribing to any observable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable, abc, operators
from reactivex.disposable import Disposable
from reactivex.observer import Observer

from tokenrill.operators import transduce
from tokenrill.streams.batched import Batched, BatchObserver


class Held(Batched[int]):
    """It is told from outside what to give."""

    def __init__(self) -> None:
        super().__init__()
        self.disposed = 0

    def subscribe_batches(
        self, observer: BatchObserver[int], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self.observer = observer
        return Disposable(self._left)

    def _left(self) -> None:
        self.disposed += 1


class Passing:
    def feed(self, item: int, /) -> Sequence[int]:
        return (item,)

    def close(self) -> Sequence[int]:
        return ()


def test_whoever_leaves_in_the_middle_of_a_batch_gets_no_more_of_it() -> None:
    source, seen = Held(), list[int]()

    def see(item: int) -> None:
        seen.append(item)
        if item == 2:
            subscription.dispose()

    subscription = source.subscribe(see)
    source.observer.on_batch([1, 2, 3])
    source.observer.on_completed()
    assert (seen, source.disposed) == ([1, 2], 1)


@pytest.mark.parametrize("ending", ["completed", "failed"])
def test_nothing_comes_after_the_end_and_the_source_is_left(ending: str) -> None:
    source, seen = Held(), list[Any]()
    source.subscribe(seen.append, lambda error: seen.append("failed"), lambda: seen.append("completed"))
    end = source.observer.on_completed if ending == "completed" else lambda: source.observer.on_error(ValueError())
    end()
    end()
    source.observer.on_batch([1])
    assert (seen, source.disposed) == ([ending], 1)


def test_an_observer_may_be_given_in_place_of_callbacks() -> None:
    source, seen = Held(), list[Any]()
    source.subscribe(Observer(seen.append, seen.append, lambda: seen.append("completed")))
    source.observer.on_batch([1, 2])
    source.observer.on_completed()
    assert seen == [1, 2, "completed"]


def test_an_error_that_nobody_takes_is_raised() -> None:
    source = Held()
    source.subscribe()
    with pytest.raises(ValueError, match="unheard"):
        source.observer.on_error(ValueError("unheard"))
    assert source.disposed == 1


def test_what_subscribing_raises_is_the_stream_s_error() -> None:
    def refuse(*_: object) -> abc.DisposableBase:
        raise ValueError("refused")

    errors = list[Exception]()
    Observable[int](refuse).pipe(transduce(Passing)).subscribe(on_error=errors.append)
    assert [str(error) for error in errors] == ["refused"]


def test_an_endless_source_can_be_left_while_it_emits() -> None:
    seen = list[int]()
    rx.repeat_value(7).pipe(transduce(Passing), operators.take(3)).subscribe(seen.append)
    subscription: abc.DisposableBase = Disposable()

    def see(item: int) -> None:
        seen.append(item)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        subscription = rx.repeat_value(8).pipe(transduce(Passing)).subscribe(see)
    subscription.dispose()
    rx.of(1, 2).pipe(transduce(Passing)).subscribe(seen.append)  # the trampoline is as it was
    assert seen == [7, 7, 7, 8, 1, 2]


def test_rxpy_s_operators_share_one_lock() -> None:
    source = Held()
    assert source.lock is source.lock
    assert source.lock is not Held().lock
