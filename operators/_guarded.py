"""Ask before subscribing, and tell afterwards how it went: what a limiter and a breaker have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeAlias

from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ..streams.batched import NOBODY, Batched, BatchObserver, Serial
from ..streams.loops import on_loop, running_loop
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
    """The permit is not here yet: ``arrive`` is called once, on the event loop, and what it answers is awaited.

    That is cancelled when the consumer leaves. Of what comes of it ``admit`` makes the permit, or ``give_back`` takes
    it, when its consumer has left all the same.
    """

    arrive: Callable[[], Awaitable[Any]]
    admit: Callable[[Any], Permit]
    give_back: Callable[[Any], None]


Enter: TypeAlias = Callable[[], Permit | Wait]


class Guarded(Batched[StreamToken]):
    """A source that is subscribed to when ``enter`` permits it, at once or after a wait on the event loop.

    ``enter`` may raise: the stream then errors, and the source was never asked.
    """

    in_turn = True

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

    __slots__ = ("_left", "_observer", "_permit", "_scheduler", "_serial", "_source", "_waiting")

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
        self._waiting: asyncio.Future[Any] | None = None
        self._left = False

    def wait(self, wait: Wait) -> None:
        """Subscribe when the permit is here."""

        def start() -> None:
            if self._left:
                return
            try:
                waiting = asyncio.ensure_future(wait.arrive())  # a place in a queue is taken now, in turn
            except Exception as error:
                self._observer.on_error(error)
                return
            self._waiting = waiting
            waiting.add_done_callback(partial(self._arrived, wait))
            if self._left:  # in another thread, meanwhile
                waiting.cancel()

        on_loop(start, self._scheduler)

    def _arrived(self, wait: Wait, waiting: asyncio.Future[Any]) -> None:
        self._waiting = None
        if waiting.cancelled():
            return  # the consumer has left, or the loop ends
        try:
            arrived = waiting.result()
            if self._left:
                wait.give_back(arrived)
            else:
                self.open(wait.admit(arrived), partial(wait.give_back, arrived))
        except Exception as error:
            self._serial.stop()
            if (permit := self._taken()) is not None:
                permit.failed(error)
            if not self._left:
                self._observer.on_error(error)

    def open(self, permit: Permit, give_back: Callable[[], None] | None = None) -> None:
        """Subscribe to the source; or ``give_back`` what was waited for."""
        self._permit = permit
        if self._left and (taken := self._taken()) is not None:  # on hearing that it came, or in another thread
            (give_back or taken.left)()
            return
        self._serial.connect(self._source, self._scheduler)

    def leave(self) -> None:
        """The consumer has gone, from any thread, at any time."""
        self._left = True
        self._serial.stop()
        self._observer = NOBODY
        if (permit := self._taken()) is not None:
            permit.left()
        waiting = self._waiting
        if waiting is not None:
            loop = waiting.get_loop()
            if running_loop() is loop:
                waiting.cancel()
            else:
                with suppress(RuntimeError):  # the loop has been closed, and what waited in it
                    loop.call_soon_threadsafe(waiting.cancel)

    def _serve(self, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        observer = self._observer
        if items is not None:
            if self._permit is not None:
                self._permit.see(items)
            observer.on_batch(items)
            return
        self._observer = NOBODY  # what is over holds nothing
        permit = self._taken()
        if error is None:
            if permit is not None:
                permit.completed()
            observer.on_completed()
        else:
            if permit is not None:
                permit.failed(error)
            observer.on_error(error)

    def _taken(self) -> Permit | None:
        permit, self._permit = self._permit, None
        return permit
