"""Blocking work off the event loop, once for all who want it at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Run a function that blocks in a thread; whoever asks while it runs gets the same answer, on any event loop.

    The thread is a daemon: a look-up that hangs keeps no process alive. Nobody's cancellation stops it.
    """

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._work = work
        self._name = name
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    def start(self) -> Future[T]:
        """Begin, unless it has begun already."""
        with self._lock:
            if self._running is not None:
                return self._running
            future = self._running = Future[T]()
            future.set_running_or_notify_cancel()
        threading.Thread(target=self._run, args=(future,), name=self._name, daemon=True).start()
        return future

    async def result(self) -> T:
        """Wait for what is running, or for a new run."""
        return await asyncio.wrap_future(self.start())

    def _run(self, future: Future[T]) -> None:
        try:
            value = self._work()
        except BaseException as error:
            self._running = None
            future.set_exception(error)
        else:
            self._running = None
            future.set_result(value)
