"""Sources that break off, and ways to go on with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import reactivex as rx
from reactivex import Observable
from reactivex.scheduler import ImmediateScheduler

from tokenrill import (
    CompletionRequest,
    ConnectionLost,
    Finish,
    Pipeline,
    ReasoningDelta,
    ResponseStart,
    Seam,
    StreamError,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    resume,
    transduce,
)
from tokenrill.streams.call import Account, Call
from tokenrill.streams.decisions import Decision

__all__ = [
    "CALL",
    "REQUEST",
    "SEAM",
    "VALUES",
    "A",
    "B",
    "C",
    "Scripted",
    "Way",
    "broken",
    "notes",
    "run",
    "text_in",
    "whole",
]

REQUEST = CompletionRequest(model="any", messages="Count.")
SEAM = Seam("scripted", "again")
VALUES: dict[str, Any] = {
    "S": ResponseStart("r", "any"),
    "a": TextDelta("a"),
    "b": TextDelta("b"),
    "c": TextDelta("c"),
    "r": ReasoningDelta("hm"),
    "t": ToolCallStart("c1", "add"),
    "d": ToolCallDelta('{"x'),
    "e": ToolCallEnd(),
    "F": Finish("stop"),
    "U": Usage(1, 1),
}


class Way:
    """A continuation that is open, or says why it is not."""

    def __init__(self, name: str = "message", *, gapless: bool = False, why: str | None = None) -> None:
        self.name = name
        self.gapless = gapless
        self.why = why
        self.asked: list[StreamError] = []

    def resume(self, call: Call, error: StreamError, /) -> str | None:
        self.asked.append(error)
        if self.why is None and self.gapless:
            call.attempt.begun = False
        elif self.why is None:
            call.turn_to("scripted", call.request, going_on=True)
        return self.why


class Scripted:
    """A source whose first subscription is answered by the first stream, and so on."""

    name = "scripted"

    def __init__(self, *streams: Observable[StreamToken], ways: Sequence[Way]) -> None:
        self.ways = ways
        self.calls: list[Call] = []
        self.resumed: list[str | None] = []
        self._streams = iter(streams)

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        self.calls.append(call)
        call.continuations = tuple(self.ways)

        def following(_: object) -> Observable[StreamToken]:
            self.resumed.append(call.resuming.name if call.resuming else None)
            return next(self._streams)

        return rx.defer(following).pipe(transduce(lambda: Account(call)))

    async def aclose(self) -> None:
        pass


def broken(*tokens: StreamToken, error: Exception | None = None) -> Observable[StreamToken]:
    """Tokens, and then a fault."""
    return rx.concat(rx.from_iterable(tokens), rx.throw(error or ConnectionLost("gone")))


def whole(*tokens: StreamToken) -> Observable[StreamToken]:
    return rx.from_iterable((*tokens, Finish("stop")))


def run(
    source: Scripted, request: CompletionRequest = REQUEST, **options: Any
) -> tuple[list[StreamToken], Exception | None, list[Decision]]:
    """All tokens, the error if one came, and what was decided."""
    pipeline: Pipeline[StreamToken] = StreamPipelineBuilder.source(source).pipe(resume(wait=[0], **options)).build()
    tokens: list[StreamToken] = []
    errors: list[Exception] = []
    decisions: list[Decision] = []
    stream = rx.defer(lambda _: pipeline.stream(request))
    watching = source.stream

    def watched(call: Call, /) -> Observable[StreamToken]:
        call.decisions.subscribe(decisions.append)
        return watching(call)

    source.stream = watched  # pyright: ignore[reportAttributeAccessIssue]
    stream.subscribe(tokens.append, errors.append, scheduler=ImmediateScheduler.singleton())
    return tokens, errors[0] if errors else None, decisions


def text_in(tokens: Sequence[StreamToken]) -> str:
    return "".join(token.text for token in tokens if isinstance(token, TextDelta))


def notes(error: Exception | None) -> str:
    return " ".join(getattr(error, "__notes__", []))


A, B, C = TextDelta("a"), TextDelta("b"), TextDelta("c")
CALL = ToolCallStart("c1", "add"), ToolCallDelta('{"x'), ToolCallDelta('":1}'), ToolCallEnd()
