"""Providers that fail in any way at any moment, in virtual time, with a ledger of what each request has brought."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import reactivex as rx
from msgspec import Struct
from reactivex import Observable, abc, operators as ops
from reactivex.disposable import CompositeDisposable, Disposable
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.testing import TestScheduler

from tokenrill import (
    Call,
    CompletionRequest,
    ConnectError,
    ConnectionLost,
    Finish,
    InvalidRequest,
    MalformedEvent,
    Overloaded,
    RateLimited,
    Raw,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    Seam,
    StreamError,
    StreamToken,
    StreamTruncated,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.operators import transduce
from tokenrill.streams.batched import Batched, BatchObserver
from tokenrill.streams.call import Account
from tokenrill.streams.carry_on import TAIL, going_on, quoting
from tokenrill.streams.joint import Joint, Overlap

__all__ = ["ERRORS", "Actor", "Given", "Shape", "words"]

ERRORS: Final[dict[str, Any]] = {
    "connect": lambda: ConnectError("nobody there"),
    "lost": lambda: ConnectionLost("gone"),
    "truncated": StreamTruncated,
    "busy": lambda: Overloaded("busy", status=503),
    "limited": lambda: RateLimited("slower", status=429, retry_after=2),
    "long": lambda: RateLimited("much slower", status=429, retry_after=90),
    "invalid": lambda: InvalidRequest("no such model", status=404),
    "malformed": lambda: MalformedEvent("nonsense"),
    "mistake": lambda: RuntimeError("a mistake of the program"),
}
INSTANT: Final = 1e-7  # an event loop does not keep the order of timers that ring together
WORD: Final = re.compile(r"\[(\w+)\.(\d+)\]")


class Shape(Struct, frozen=True):
    """How one request is answered.

    ``steps`` are (seconds since the one before, what comes then): S a start (if it is the first), P a ping, t a word,
    r reasoning, R a refusal, c a whole call, h half a call, u what it costs. ``end`` is ``done`` (cost,
    finish, end), a key of :data:`ERRORS`, or ``silence``.
    """

    steps: tuple[tuple[int, str], ...]
    end: str
    pause: int = 0
    echo: bool = False
    batched: bool = True


class Given:
    """One request, and what has been sent in answer to it."""

    def __init__(self, serial: str, request: CompletionRequest) -> None:
        self.serial = serial
        self.request = request
        self.tokens: list[StreamToken] = []
        self.whole: list[StreamToken] = []  # what would have come, had nothing gone wrong
        self.asked = 0
        self.live = False


class Script(Batched[StreamToken]):
    def __init__(self, given: Given, moments: Sequence[tuple[int, Sequence[StreamToken]]], shape: Shape) -> None:
        super().__init__()
        self._given = given
        self._moments = moments
        self._shape = shape

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        assert isinstance(scheduler, (TestScheduler, AsyncIOScheduler))
        given, shape = self._given, self._shape
        given.live = True
        given.asked += 1

        def left() -> None:
            given.live = False

        subscription = CompositeDisposable(Disposable(left))

        def tell(tokens: Sequence[StreamToken]) -> None:
            for batch in [tokens] if shape.batched else [[token] for token in tokens]:
                if given.live:
                    given.tokens += batch
                    observer.on_batch(batch)

        def end() -> None:
            if not given.live or shape.end == "silence":
                return
            observer.on_completed() if shape.end == "done" else observer.on_error(ERRORS[shape.end]())

        due = 0.0
        for gap, tokens in self._moments:
            due += gap
            self._at(scheduler, subscription, due, partial(tell, tokens))
            if due and not isinstance(scheduler, TestScheduler):
                due += INSTANT
        self._at(scheduler, subscription, due + shape.pause, end)
        return subscription

    def _at(self, scheduler: Any, subscription: CompositeDisposable, due: float, what: Any) -> None:
        if due == 0:
            what()  # while it is subscribed to
        else:
            subscription.add(scheduler.schedule_relative(due, partial(do, what)))


def do(what: Any, *_: object) -> None:
    what()


class Actor:
    """A provider whose answers are of these shapes, the last one ever after. A source."""

    def __init__(self, name: str, shapes: Sequence[Shape], ways: Sequence[str] = ("message",)) -> None:
        self.name = name
        self.ledger: list[Given] = []
        self.shapes = list(shapes)
        self._ways = ways

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        ways = call.continuations = tuple(WAYS[way](self) for way in self._ways)

        def subscribe(_: object) -> Observable[StreamToken]:
            way = call.resuming
            answer = way.answer(call) if isinstance(way, (Kept, Writing)) else self.answer(call.request)
            if not isinstance(way, Kept):
                for one in ways:
                    one.given = self.ledger[-1]
            return answer.pipe(transduce(lambda: Account(call)))

        return rx.defer(subscribe)

    def answer(self, request: CompletionRequest) -> Observable[StreamToken]:
        shape = self.shapes.pop(0) if len(self.shapes) > 1 else self.shapes[0]
        given = Given(f"{self.name}{len(self.ledger)}", request)
        self.ledger.append(given)
        said = request.turns[-2].text if len(request.turns) > 1 else ""
        moments: list[tuple[int, list[StreamToken]]] = []
        if shape.echo and len(said) > 20:
            moments.append((0, [TextDelta(said[-14:-5]), TextDelta(said[-5:])]))
        calls = 0
        for number, (gap, what) in enumerate(shape.steps):
            word = f"[{given.serial}.{number:06}]"
            match what:
                case "S" if number == 0:
                    tokens: list[StreamToken] = [ResponseStart(given.serial, "m")]
                case "P" | "S":
                    tokens = [Raw("ping", None)]
                case "t":
                    tokens = [TextDelta(word)]
                case "r":
                    tokens = [ReasoningDelta(word)]
                case "R":
                    tokens = [RefusalDelta(word)]
                case "u":
                    tokens = [Usage(1, number, kind="partial")]
                case _:
                    calls += 1
                    tokens = [ToolCallStart(word, "tool", calls), ToolCallDelta('{"a"', calls)]
                    if what == "c":
                        tokens += [ToolCallDelta(":1}", calls), ToolCallEnd(calls)]
            moments.append((gap, tokens))
        if shape.end == "done":
            moments.append((0, END))
        given.whole = [*(token for _, tokens in moments for token in tokens if type(token) not in OVER), *END]
        script = Script(given, moments, shape)
        return script if shape.batched else script.pipe(ops.as_observable())

    async def aclose(self) -> None:
        """It holds nothing."""


class Writing:
    """The model writes on, as ``message`` of a provider's."""

    name, gapless = "message", False

    def __init__(self, actor: Actor) -> None:
        self.given: Given | None = None
        self._actor = actor
        self._broken: Any = None
        self._seam: Any = None

    def resume(self, call: Call, error: StreamError, /) -> None:
        self._broken = call.attempt
        self._seam = Seam(self._actor.name, f"message after {type(error).__name__}")

    def answer(self, call: Call) -> Observable[StreamToken]:
        broken = self._broken
        call.attempt = broken
        call.turn_to(self._actor.name, broken.request, going_on=True)
        text = broken.reply.text
        answer = self._actor.answer(quoting(going_on(broken), text))
        return answer.pipe(transduce(lambda: Joint(Same(), Overlap(text[-TAIL:]), self._seam)))


class Kept:
    """The server has kept the answer, and gives the rest of it, as ``sequence`` of a provider's."""

    name, gapless = "sequence", True

    def __init__(self, actor: Actor) -> None:
        del actor
        self.given: Given | None = None
        self._broken: Any = None

    def resume(self, call: Call, error: StreamError, /) -> str | None:
        del error
        self._broken = call.attempt
        return None if self.given is not None and self.given.tokens else "nothing had come"

    def answer(self, call: Call) -> Observable[StreamToken]:
        call.attempt, given = self._broken, self.given
        assert given is not None
        call.attempt.begun = False
        rest = [token for token in given.whole if token not in given.tokens]
        return Script(given, [(1, [token]) for token in rest], Shape((), "done"))


END: Final[list[StreamToken]] = [Usage(100, 10), Finish("stop")]
OVER: Final = (Usage, Finish)
WAYS: Final[dict[str, Any]] = {"message": Writing, "sequence": Kept}


class Same:
    """A decoder of tokens."""

    def feed(self, token: StreamToken, /) -> tuple[StreamToken]:
        return (token,)

    def close(self) -> tuple[StreamToken, ...]:
        return ()


def words(text: str) -> list[tuple[str, int]]:
    """Which answer's which words a text is made of."""
    found = [(match[1], int(match[2])) for match in WORD.finditer(text)]
    assert "".join(f"[{serial}.{number:06}]" for serial, number in found) == text, text
    return found
