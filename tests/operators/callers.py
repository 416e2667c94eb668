"""Callers that come and leave on one virtual event loop, and answers as marble diagrams: a limiter lives on a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import reactivex as rx
from msgspec import Struct
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from tests.marbles import messages
from tests.stage import ASKED, VALUES, Scripted, Stage
from tests.virtual_loop import run_virtual
from tokenrill import Call, LocalLimiter, StreamPipelineBuilder, StreamToken

__all__ = ["Caller", "GoesOn", "Stand", "asking", "built", "per_second"]


class Caller(Struct):
    """One who asks ``at`` some second, and leaves at another, or stays."""

    at: float = 0.0
    leaves: float | None = None


class GoesOn(Scripted):
    """A provider that goes on with what broke off."""

    name, gapless = "message", False

    def stream(self, call: Call, /) -> Any:
        call.continuations = (self,)
        return super().stream(call)

    def resume(self, call: Call, error: Exception, /) -> None:
        del error
        call.turn_to("one", call.request, going_on=True)


class Stand:
    """One run in virtual time; it begins at 0.

    Attributes:
        asked: When each provider was asked, by its name.
        live: How many answers somebody listens to.
        ends: The error of each caller, None while there is none.
        at_leaving: How many of them were left, each time that somebody had gone.
        late: What somebody heard who had gone.
        left: What still waited, or was on its way, when all was over.
    """

    def __init__(self) -> None:
        self.asked: dict[str, list[float]] = {}
        self.live = 0
        self.ends: list[Exception | None] = []
        self.left: list[Any] = []
        self.at_leaving: list[int] = []
        self.late: list[Any] = []

    def answer(self, diagram: str, error: Exception | None = None, name: str = "one") -> Observable[StreamToken]:
        """An answer; ``#`` is the error."""
        said = messages(diagram, VALUES, error or RuntimeError("boom"))

        def subscribe(
            observer: abc.ObserverBase[StreamToken], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            loop = asyncio.get_running_loop()
            self.asked.setdefault(name, []).append(round(loop.time(), 3))
            self.live += 1

            def tell(together: list[Any]) -> None:
                for message in together:
                    message.value.accept(observer)

            timers = [
                loop.call_later(at, tell, list(together))
                for at, together in groupby(said, lambda message: message.time)
            ]

            def leave() -> None:
                self.live -= 1
                for timer in timers:
                    timer.cancel()

            return Disposable(leave)

        return rx.create(subscribe)

    def play(self, stream: Callable[[], Observable[Any]], callers: Sequence[Caller], until: float = 100.0) -> list[str]:
        """What each caller heard, as diagrams with a letter or a bracket for each second."""
        seen: list[list[tuple[float, Any]]] = [[] for _ in callers]
        self.ends = [None for _ in callers]

        async def scenario() -> None:
            loop = asyncio.get_running_loop()
            subscriptions: dict[int, abc.DisposableBase] = {}
            gone: set[int] = set()

            def come(number: int) -> None:
                def hear(what: Any) -> None:
                    if number in gone:
                        self.late.append(what)
                    seen[number].append((loop.time() + 0.01, what))

                def fail(error: Exception) -> None:
                    self.ends[number] = error
                    hear((type(error), str(error)))

                subscriptions[number] = stream().subscribe(hear, fail, lambda: hear("completed"))

            def leave(number: int) -> None:
                subscriptions[number].dispose()
                gone.add(number)
                self.at_leaving.append(self.live)

            moments: list[tuple[float, int, bool]] = []
            for number, caller in enumerate(callers):
                moments.append((caller.at, number, False))
                if caller.leaves is not None:
                    moments.append((caller.leaves, number, True))
            for at, number, leaves in sorted(moments):
                if at > loop.time():
                    await asyncio.sleep(at - loop.time())
                (leave if leaves else come)(number)
            await asyncio.sleep(until - loop.time())
            self.left = [timer for timer in vars(loop)["_scheduled"] if not timer.cancelled()]
            self.left += asyncio.all_tasks() - {asyncio.current_task()}

        run_virtual(scenario())
        return [Stage().drawn(said) for said in seen]


def built(source: Any, *operators: Any) -> Any:
    """A pipeline."""
    builder: Any = StreamPipelineBuilder.source(source)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build()


def asking(source: Any, *operators: Any) -> Callable[[], Observable[Any]]:
    """One pipeline for all callers."""
    pipeline = built(source, *operators)
    return lambda: pipeline.stream(ASKED)


def per_second(rate: float = 1.0) -> LocalLimiter:
    """A limiter that learns nothing."""
    return LocalLimiter(requests_per_second=rate, adaptive=False)
