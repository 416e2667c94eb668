"""Leave Rx: read a stream with ``async for``, at the reader's pace."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.scheduler.eventloop import AsyncIOScheduler

from .batched import BatchObserver, subscribe_batches
from .demand import Demand
from .loops import wake

__all__ = ["Reader"]

T = TypeVar("T")


class Inbox(Generic[T]):
    """What has come and has not been read. The stream holds this, and not the reader, which can so be let go."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.items: deque[T] = deque()
        self.wake: asyncio.Future[None] | None = None
        self.subscription: abc.DisposableBase | None = None
        self.done = False
        self.closed = False
        self.error: Exception | None = None

    def close(self) -> None:
        self.closed = True
        self.error = None
        self.on_completed()
        self.discard()
        if self.subscription is not None:
            self.subscription.dispose()

    def on_batch(self, items: Sequence[T]) -> None:
        if not self.done:
            self.demand.buffered(len(items))
            self.items.extend(items)
            if self.closed:
                self.discard()
            self.notify()

    def on_error(self, error: Exception) -> None:
        if not self.done:
            self.error = error
            self.on_completed()

    def on_completed(self) -> None:
        self.done = True
        self.notify()

    def notify(self) -> None:
        waiter = self.wake
        if waiter is not None and not waiter.done():
            wake(waiter)

    def discard(self) -> None:
        """Drop what waits; each item is counted out once, whichever thread finds it."""
        items = self.items
        count = 0
        while items:
            try:
                items.popleft()
            except IndexError:
                break
            count += 1
        if count:
            self.demand.taken(count)


class Reader(Generic[T]):
    """An ``async for`` over an observable that hangs up when it is left.

    It subscribes when entered or first read, and disposes at the end, on ``break`` out of the ``async with``,
    on an exception and on cancellation; without an ``async with``, as soon as nothing refers to it any more.
    At most ``demand.high`` items plus what one socket read decodes to wait in memory: past that, the socket is
    not read, and TCP slows the provider.

    One task reads at a time. Inside the ``async with`` a single item may be waited for with a time limit
    (``asyncio.timeout``) and reading goes on after it; a bare ``async for`` that is cancelled hangs up.
    The observable may signal from any thread. A reader is for one stream: each call needs its own.
    """

    def __init__(self, connect: Callable[[Demand], Observable[T]], demand: Demand | None = None) -> None:
        self.demand = demand or Demand()
        self._connect = connect
        self._inbox: Inbox[T] = Inbox(self.demand)
        self._entered = False

    async def __aenter__(self) -> Reader[T]:
        if self._inbox.closed:
            raise RuntimeError("this reader has been left: make another, such as with pipeline.open(request)")
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
        items = inbox.items
        if not items:
            self._open()
            await self._arrival()
        if items and not inbox.closed:
            item = items.popleft()
            self.demand.taken()
            return item
        if inbox.error is not None:
            error, inbox.error = inbox.error, None
            raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hang up; reading on ends at once. It may be called twice."""
        self._inbox.close()
        # One turn of the loop lets the source's cancelled task close its connection.
        await asyncio.sleep(0)

    def _open(self) -> None:
        inbox = self._inbox
        if inbox.subscription is None and not inbox.done:
            loop = asyncio.get_running_loop()
            weakref.finalize(self, let_go, loop, inbox).atexit = False
            observer = BatchObserver(inbox.on_batch, inbox.on_error, inbox.on_completed)
            # Timers of RxPY's own operators then run on this loop too, not on threads.
            inbox.subscription = subscribe_batches(self._connect(self.demand), observer, AsyncIOScheduler(loop))

    async def _arrival(self) -> None:
        inbox = self._inbox
        if inbox.wake is not None:
            raise RuntimeError("another task is reading this stream: give each its own, or share the items it reads")
        try:
            while True:
                # First the future, then the look: whoever signals in between, from another thread, finds it.
                inbox.wake = asyncio.get_running_loop().create_future()
                if inbox.items or inbox.done:
                    return
                await inbox.wake
        except asyncio.CancelledError:
            if not self._entered:
                inbox.close()
            raise
        finally:
            inbox.wake = None


def let_go(loop: asyncio.AbstractEventLoop, inbox: Inbox[Any]) -> None:
    """Hang up for a reader that is no more. A collector may call this anywhere, so the loop is asked to do it."""
    if not inbox.closed:
        with suppress(RuntimeError):  # the loop has been closed, and its connections with it
            loop.call_soon_threadsafe(inbox.close)
