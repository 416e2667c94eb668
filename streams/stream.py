"""One pipeline and one request, as an observable that can be awaited."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from reactivex import abc
from reactivex.internal.exceptions import SequenceContainsNoElementsError

from .batched import Batched, BatchObserver, subscribe_batches
from .call import Call
from .demand import Demand
from .loops import require_no_loop, run_on_background
from .reader import Reader
from .request import CompletionRequest
from .subscriber import Subscriber

if TYPE_CHECKING:
    from .pipeline import Pipeline

__all__ = ["Stream"]

T = TypeVar("T")


class Blaming(Generic[T]):
    """Writes on an error whose call it ended."""

    __slots__ = ("_call", "_observer", "on_batch")

    def __init__(self, call: Call, observer: BatchObserver[T]) -> None:
        self._call = call
        self._observer = observer
        self.on_batch = observer.on_batch  # as it is: a token need not come by here

    def on_error(self, error: Exception) -> None:
        self._call.blame(error)
        self._observer.on_error(error)

    def on_completed(self) -> None:
        self._observer.on_completed()


class Stream(Batched[T]):
    """One pipeline and one request. Each subscription is a call of its own."""

    composes = True

    def __init__(self, pipeline: Pipeline[T], request: CompletionRequest, demand: Demand | None) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._request = request
        self._demand = demand

    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        call = Call(self._pipeline.source.name, self._request, self._demand)
        subscriber = cast(Any, observer)
        if type(subscriber) is Subscriber:
            subscriber.blamed = call
        else:
            observer = cast("BatchObserver[T]", Blaming(call, observer))  # it has the three methods
        return subscribe_batches(self._pipeline.serve(call), observer, scheduler)

    def __await__(self) -> Generator[Any, None, T]:
        """The last item. A cancelled wait hangs up, and ends after the connection is closed."""
        return self._last().__await__()

    def run(self, scheduler: abc.SchedulerBase | None = None) -> T:
        """Wait for the last item, in a script without a loop; Ctrl-C hangs up.

        Raises:
            RuntimeError: Inside a running event loop, which it would block.
        """
        require_no_loop()
        return run_on_background(self._last)

    async def _last(self) -> T:
        items: deque[T] = deque(maxlen=1)
        async with Reader(self._with_demand, self._demand) as reader:
            async for item in reader:
                items.append(item)
        if not items:
            raise SequenceContainsNoElementsError
        return items[0]

    def _with_demand(self, demand: Demand) -> Stream[T]:
        return Stream(self._pipeline, self._request, demand)
