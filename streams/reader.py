"""Leave Rx: read a stream with ``async for``, at the reader's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from reactivex import Observable, abc
from reactivex.scheduler.eventloop import AsyncIOScheduler

from .batched import BatchObserver, subscribe_batches
from .demand import Demand
from .loops import wake

__all__ = ["Reader"]

T = TypeVar("T")


class Reader(Generic[T]):
    """An ``async for`` over an observable that hangs up when it is left.

    It subscribes when entered or first read, and disposes at the end, on ``break`` out of the ``async with``,
    on an exception and on cancellation. At most ``demand.high`` items plus what one socket read decodes to
    wait in memory: past that, the socket is not read, and TCP slows the provider.

    One task reads at a time. Inside the ``async with`` a single item may be waited for with a time limit
    (``asyncio.timeout``) and reading goes on after it; a bare ``async for`` that is cancelled hangs up.
    The observable may signal from any thread.
    """

    def __init__(self, connect: Callable[[Demand], Observable[T]], demand: Demand | None = None) -> None:
        self.demand = demand or Demand()
        self._connect = connect
        self._inbox: deque[T] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._subscription: abc.DisposableBase | None = None
        self._entered = False
        self._done = False
        self._closed = False
        self._error: Exception | None = None

    async def __aenter__(self) -> Reader[T]:
        self._entered = True
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
        if inbox and not self._closed:
            item = inbox.popleft()
            self.demand.taken()
            return item
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hang up; reading on ends at once. It may be called twice."""
        self._close()
        # One turn of the loop lets the source's cancelled task close its connection.
        await asyncio.sleep(0)

    def _open(self) -> None:
        if self._subscription is None and not self._done:
            observer = BatchObserver(self._on_batch, self._on_error, self._on_completed)
            # Timers of RxPY's own operators then run on this loop too, not on threads.
            scheduler = AsyncIOScheduler(asyncio.get_running_loop())
            self._subscription = subscribe_batches(self._connect(self.demand), observer, scheduler)

    def _close(self) -> None:
        self._closed = True
        self._error = None
        self._on_completed()
        self._discard()
        if self._subscription is not None:
            self._subscription.dispose()

    async def _arrival(self) -> None:
        if self._wake is not None:
            raise RuntimeError("another task is reading this stream: give each its own, or share the items it reads")
        try:
            while True:
                # First the future, then the look: whoever signals in between, from another thread, finds it.
                self._wake = asyncio.get_running_loop().create_future()
                if self._inbox or self._done:
                    return
                await self._wake
        except asyncio.CancelledError:
            if not self._entered:
                self._close()
            raise
        finally:
            self._wake = None

    def _on_batch(self, items: Sequence[T]) -> None:
        if not self._done:
            self.demand.buffered(len(items))
            self._inbox.extend(items)
            if self._closed:
                self._discard()
            self._notify()

    def _on_error(self, error: Exception) -> None:
        if not self._done:
            self._error = error
            self._on_completed()

    def _on_completed(self) -> None:
        self._done = True
        self._notify()

    def _notify(self) -> None:
        waiter = self._wake
        if waiter is not None and not waiter.done():
            wake(waiter)

    def _discard(self) -> None:
        """Drop what waits; each item is counted out once, whichever thread finds it."""
        inbox = self._inbox
        count = 0
        while inbox:
            try:
                inbox.popleft()
            except IndexError:
                break
            count += 1
        if count:
            self.demand.taken(count)
