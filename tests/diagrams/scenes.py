"""What is shown: each scene runs the real operators on a source that follows a script, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from tests.virtual_loop import run_virtual
from tokenrill import (
    Alternative,
    CircuitBreaker,
    CompletionRequest,
    ConnectionLost,
    Finish,
    Marbles,
    Overloaded,
    Pipeline,
    ResponseStart,
    Seam,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    buffer,
    circuit_break,
    deadline,
    fallback,
    race,
    rate_limit,
    resume,
    retry,
    transduce,
)
from tokenrill.streams.call import Account, Call
from tokenrill.streams.errors import StreamError

__all__ = ["SCENES", "draw"]

Line = Sequence[tuple[float, StreamToken | Exception]]
REQUEST: Final = CompletionRequest(model="m", messages="Hello")
END: Final = Finish("stop")


def said(text: str, *, begin: float = 0.5, apart: float = 0.4) -> list[tuple[float, StreamToken | Exception]]:
    """An answer: its start, a token for each letter, its end."""
    tokens: list[StreamToken] = [ResponseStart("r", "m"), *(TextDelta(letter) for letter in text), END]
    return [(begin + number * apart, token) for number, token in enumerate(tokens)]


class WritingOn:
    """A way to go on: the next line of the script is the rest."""

    name = "message"
    gapless = False

    def resume(self, call: Call, error: StreamError, /) -> str | None:
        call.turn_to(call.provider, call.request, going_on=True)
        return None


class Script:
    """A source that plays one line after the other, one for each time it is asked; the last repeats."""

    def __init__(self, name: str, *lines: Line) -> None:
        self.name = name
        self._lines = list(lines)

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        call.continuations = (WritingOn(),)

        def subscribe(
            observer: abc.ObserverBase[StreamToken], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            line = self._lines.pop(0) if len(self._lines) > 1 else self._lines[0]
            clock = AsyncIOScheduler(asyncio.get_running_loop())
            return CompositeDisposable([clock.schedule_relative(at, play(observer, what)) for at, what in line])

        return Observable(subscribe).pipe(transduce(lambda: Account(call)))

    async def aclose(self) -> None:
        """It holds nothing."""


def play(observer: abc.ObserverBase[StreamToken], what: StreamToken | Exception) -> Callable[..., None]:
    def signal(*_: object) -> None:
        if isinstance(what, Exception):
            observer.on_error(what)
            return
        observer.on_next(what)
        if what is END:
            observer.on_completed()

    return signal


async def ask(pipeline: Pipeline[Any]) -> None:
    with suppress(StreamError):
        await pipeline.stream(REQUEST)


async def retrying(diagram: Marbles) -> None:
    broken: Line = [(0.5, ResponseStart("r", "m")), (1.0, Overloaded("busy", retry_after=1.0))]
    source = Script("openai", broken, [(0.5, ConnectionLost("gone"))], said("Hello"))
    builder = StreamPipelineBuilder.source(source).attach(diagram.lane("openai"))
    await ask(builder.pipe(retry(base=0.0)).attach(diagram.lane("after retry")).build())


async def resuming(diagram: Marbles) -> None:
    begun: Line = [*said("Hello world")[:6], (2.9, ConnectionLost("gone"))]
    rest: Line = [(0.5, Seam("openai", "message")), *[(at + 0.1, token) for at, token in said(" world")[1:]]]
    builder = StreamPipelineBuilder.source(Script("openai", begun, rest)).attach(diagram.lane("openai"))
    await ask(builder.pipe(resume()).attach(diagram.lane("after resume")).build())


async def falling_back(diagram: Marbles) -> None:
    backup = Script("anthropic", said("Hello"))
    other = StreamPipelineBuilder.source(backup).attach(diagram.lane("anthropic")).build()
    builder = StreamPipelineBuilder.source(Script("openai", [(1.5, Overloaded("busy"))])).attach(diagram.lane("openai"))
    await ask(builder.pipe(fallback(Alternative(other, model="m"))).attach(diagram.lane("after fallback")).build())


async def racing(diagram: Marbles) -> None:
    backup = StreamPipelineBuilder.source(Script("anthropic", said("Hello"))).attach(diagram.lane("anthropic")).build()
    builder = StreamPipelineBuilder.source(Script("openai", said("Late", begin=4.0))).attach(diagram.lane("openai"))
    await ask(builder.pipe(race(backup, delay=1.0)).attach(diagram.lane("after race")).build())


async def breaking(diagram: Marbles) -> None:
    down: Line = [(0.3, Overloaded("busy"))]
    source = Script("openai", down, down, said("Hi", begin=0.2, apart=0.2))
    guard = circuit_break(CircuitBreaker(failures=2, reset_after=3.0))
    builder = StreamPipelineBuilder.source(source).attach(diagram.lane("openai")).pipe(guard)
    pipeline = builder.attach(diagram.lane("after circuit_break")).build()
    for _ in range(9):
        await ask(pipeline)
        await asyncio.sleep(0.5)


async def limiting(diagram: Marbles) -> None:
    limit = rate_limit(requests_per_second=1.0, adaptive=False)
    source = Script("openai", said("Hi", begin=0.1, apart=0.15))
    waiting: list[Awaitable[None]] = []
    for number in range(1, 5):
        builder = StreamPipelineBuilder.source(source).pipe(limit)
        waiting.append(ask(builder.attach(diagram.lane(f"call {number}")).build()))
    await asyncio.gather(*waiting)


async def waiting(diagram: Marbles) -> None:
    stalled: Line = [(0.5, ResponseStart("r", "m")), (0.9, TextDelta("H")), (1.3, TextDelta("e"))]
    builder = StreamPipelineBuilder.source(Script("openai", stalled)).attach(diagram.lane("openai"))
    await ask(builder.pipe(deadline(idle=2.0)).attach(diagram.lane("after deadline")).build())


async def buffering(diagram: Marbles) -> None:
    slow = Slow(asyncio.get_running_loop(), 0.5)
    builder = StreamPipelineBuilder.source(Script("openai", said("abcdefghij", apart=0.12)))
    builder = builder.attach(diagram.lane("openai")).pipe(buffer(3, overflow="drop_oldest", scheduler=slow))
    await ask(builder.attach(diagram.lane("to the screen")).build())
    await asyncio.sleep(3)


class Slow(AsyncIOScheduler):
    """A consumer's loop that has a turn for us every so many seconds only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        super().__init__(loop)
        self._seconds = seconds

    def schedule(self, action: Any, state: Any = None) -> abc.DisposableBase:
        return self.schedule_relative(self._seconds, action, state)


SCENES: Final[dict[str, Callable[[Marbles], Awaitable[None]]]] = {
    "retry": retrying,
    "resume": resuming,
    "fallback": falling_back,
    "race": racing,
    "circuit_break": breaking,
    "rate_limit": limiting,
    "deadline": waiting,
    "buffer": buffering,
}


def draw(name: str) -> Marbles:
    """Run a scene."""

    async def main() -> Marbles:
        diagram = Marbles(words=True, clock=asyncio.get_running_loop().time)
        await SCENES[name](diagram)
        return diagram

    return run_virtual(main())
