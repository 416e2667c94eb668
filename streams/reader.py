"""Leave Rx: read a stream with ``async for``, at the reader's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from reactivex import Observable, abc

from .batched import BatchObserver, subscribe_batches
from .demand import Demand

__all__ = ["Reader"]

T = TypeVar("T")


class Reader(Generic[T]):
    """An ``async for`` over an observable that hangs up when it is left.

    It subscribes when entered or first read, and disposes at the end, on ``break`` out of the ``async with``,
    on an exception and on cancellation. At most ``demand.high`` items plus what one socket read decodes to
    wait in memory: past that, the socket is not read, and TCP slows the provider.

    One task reads at a time.
    """

    def __init__(self, connect: Callable[[Demand], Observable[T]], demand: Demand | None = None) -> None:
        self.demand = demand or Demand()
        self._connect = connect
        self._inbox: deque[T] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._subscription: abc.DisposableBase | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = False
        self._error: Exception | None = None

    async def __aenter__(self) -> Reader[T]:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Reader[T]:
        return self

    async def __anext__(self) -> T:
        inbox = self._inbox
        if not inbox:
            self._open()
            await self._arrival()
        if inbox:
            item = inbox.popleft()
            self.demand.taken()
            return item
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hang up; reading on ends at once. It may be called twice."""
        self._done = True
        if self._inbox:
            self.demand.taken(len(self._inbox))
            self._inbox.clear()
        if self._subscription is not None:
            self._subscription.dispose()
            # One turn of the loop lets the source's cancelled task close its connection.
            await asyncio.sleep(0)

    def _open(self) -> None:
        if self._subscription is None and not self._done:
            self._loop = asyncio.get_running_loop()
            observer = BatchObserver(self._on_batch, self._on_error, self._on_completed)
            self._subscription = subscribe_batches(self._connect(self.demand), observer)

    async def _arrival(self) -> None:
        try:
            while not self._inbox and not self._done:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
        except asyncio.CancelledError:
            if self._subscription is not None:
                self._subscription.dispose()
            raise
        finally:
            self._wake = None

    def _on_batch(self, items: Sequence[T]) -> None:
        if not self._done:
            self._inbox.extend(items)
            self.demand.buffered(len(items))
            self._notify()

    def _on_error(self, error: Exception) -> None:
        self._error = error
        self._on_completed()

    def _on_completed(self) -> None:
        self._done = True
        self._notify()

    def _notify(self) -> None:
        wake = self._wake
        if wake is not None and not wake.done():
            wake.set_result(None)
