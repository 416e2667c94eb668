"""Ask before subscribing, and tell afterwards how it went: what a limiter and a breaker have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ..streams.batched import Batched, BatchObserver, Serial
from ..streams.loops import on_loop
from ..streams.tokens import StreamToken

__all__ = ["Enter", "Guarded", "Permit", "Wait"]


class Permit(Protocol):
    """The right to subscribe once. Of the last three methods exactly one is called, once."""

    def see(self, tokens: Sequence[StreamToken], /) -> None:
        """Tokens have come, and are passed on after this."""
        ...

    def completed(self) -> None:
        """The stream is over, and all is well."""
        ...

    def failed(self, error: Exception, /) -> None:
        """The stream has failed."""
        ...

    def left(self) -> None:
        """The consumer has gone: that says nothing about the provider."""
        ...


class Wait(Struct, frozen=True):
    """The permit is not here yet: ``arrive`` is awaited on the event loop, and cancelled when the consumer leaves."""

    arrive: Callable[[], Awaitable[Permit]]


Enter: TypeAlias = Callable[[], Permit | Wait]


class Guarded(Batched[StreamToken]):
    """A source that is subscribed to when ``enter`` permits it, at once or after a wait on the event loop.

    ``enter`` may raise: the stream then errors, and the source was never asked.
    """

    def __init__(self, source: Observable[StreamToken], enter: Enter) -> None:
        super().__init__()
        self._source = source
        self._enter = enter

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        passage = Passage(self._source, observer, scheduler)
        try:
            permit = self._enter()
        except Exception as error:
            observer.on_error(error)
            return Disposable()
        if isinstance(permit, Wait):
            passage.wait(permit)
        else:
            passage.open(permit)
        return Disposable(passage.leave)


class Passage:
    """One subscription: waiting, then open, then told how it went."""

    __slots__ = ("_left", "_loop", "_observer", "_permit", "_scheduler", "_serial", "_source", "_task")

    def __init__(
        self,
        source: Observable[StreamToken],
        observer: BatchObserver[StreamToken],
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        self._source = source
        self._observer = observer
        self._scheduler = scheduler
        self._permit: Permit | None = None
        self._serial: Serial[StreamToken] = Serial(self._serve)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._left = False

    def wait(self, permit: Wait) -> None:
        """Subscribe when the permit is here."""

        def start() -> None:
            if self._left:
                return
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._arrive(permit.arrive), name="tokenrill permit")

        on_loop(start, self._scheduler)

    async def _arrive(self, arrive: Callable[[], Awaitable[Permit]]) -> None:
        try:
            permit = await arrive()
        except Exception as error:
            if not self._left:
                self._observer.on_error(error)
            return
        finally:
            self._task = None
        self.open(permit)

    def open(self, permit: Permit) -> None:
        """Subscribe to the source."""
        if self._left:
            permit.left()
            return
        self._permit = permit
        self._serial.connect(self._source, self._scheduler)

    def leave(self) -> None:
        """The consumer has gone, from any thread, at any time."""
        self._left = True
        self._serial.stop()
        if (permit := self._taken()) is not None:
            permit.left()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with suppress(RuntimeError):  # the loop has been closed, and its tasks with it
                loop.call_soon_threadsafe(task.cancel)

    def _serve(self, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        observer = self._observer
        if items is not None:
            if self._permit is not None:
                self._permit.see(items)
            observer.on_batch(items)
        elif error is None:
            if (permit := self._taken()) is not None:
                permit.completed()
            observer.on_completed()
        else:
            if (permit := self._taken()) is not None:
                permit.failed(error)
            observer.on_error(error)

    def _taken(self) -> Permit | None:
        permit, self._permit = self._permit, None
        return permit
