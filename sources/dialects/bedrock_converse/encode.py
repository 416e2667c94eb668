"""Tokens to the messages of a ConverseStream answer: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import Overloaded
from ....streams.eventstream import encode_message
from ....streams.tokens import (
    Citation,
    Finish,
    FinishReason,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from ...shape import count_of, object_of
from .decode import FINISH_REASONS
from .errors import encode_exception
from .usage import render_usage

__all__ = ["ConverseEncoder", "ConverseWriter", "event_message"]

Event: TypeAlias = tuple[str, Json]
STOP_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
    "other": "end_turn",
}
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class ConverseWriter:
    """Write one answer as events, each a name and its data. A transducer.

    One block is open at a time, and blocks are numbered as they come. What this dialect cannot say is left out.
    """

    def __init__(self) -> None:
        self._greeted = False
        self._blocks = 0
        self._open: tuple[str, int] | None = None
        self._calls: dict[int, int] = {}
        self._usage: Usage | None = None
        self._metadata: Json = {}
        self._stop: Json = {}

    def feed(self, token: StreamToken, /) -> Iterator[Event]:
        if getattr(token, "choice", 0):
            return
        if not self._greeted:
            self._greeted = True
            yield "messageStart", {"role": "assistant"}
        match token:
            case TextDelta(text) | RefusalDelta(text):
                yield from self._say("text", token.index, {"text": text})
            case ReasoningDelta(text):
                yield from self._say("reasoning", token.index, {"reasoningContent": {"text": text}})
            case ReasoningSignature(kind="signature"):
                yield from self._say("reasoning", token.index, {"reasoningContent": {"signature": token.signature}})
            case ReasoningSignature(kind="redacted"):
                yield from self._end()
                content = {"reasoningContent": {"redactedContent": token.signature}}
                yield from self._say("redacted", token.index, content)
            case Citation():
                yield from self._say("text", token.index, {"citation": token.raw or render_citation(token)})
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                yield from self._call(token)
            case Raw():
                yield from self._raw(token)
            case Usage():
                self._usage = token
            case Finish():
                yield from self._finish(token)
            case ResponseStart() | _:
                pass

    def close(self) -> Iterator[Event]:
        return iter(())

    def _call(self, token: ToolCallStart | ToolCallDelta | ToolCallEnd) -> Iterator[Event]:
        match token:
            case ToolCallStart():
                yield from self._begin("call", token.index)
                index = self._calls[token.index] = self._blocks - 1
                start = {"toolUse": {"toolUseId": token.id, "name": token.name}}
                yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
            case ToolCallDelta():
                # A call that goes on after another block began, as no vendor sends it, still reaches its own block.
                index = self._calls.get(token.index, max(0, self._blocks - 1))
                delta = {"toolUse": {"input": token.arguments}}
                yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
            case ToolCallEnd():
                if self._open == ("call", token.index):
                    yield from self._end()

    def _raw(self, token: Raw) -> Iterator[Event]:
        data = object_of(token.data)
        match token.name.partition("."):
            case "metadata", ".", name:
                self._metadata[name] = token.data
            case ("contentBlockStart" | "contentBlockDelta") as name, "", _ if data:
                index = count_of(data.get("contentBlockIndex"))
                if self._open != ("raw", index):
                    yield from self._begin("raw", index)
                yield name, {**data, "contentBlockIndex": self._blocks - 1}
            case "additionalModelResponseFields", "", _:
                self._stop["additionalModelResponseFields"] = token.data
            case _:
                pass

    def _finish(self, token: Finish) -> Iterator[Event]:
        yield from self._end()
        raw = token.raw_reason
        known = raw is not None and FINISH_REASONS.get(raw, "other") == token.reason
        yield "messageStop", {"stopReason": raw if known else STOP_REASONS[token.reason], **self._stop}
        yield "metadata", {"usage": render_usage(self._usage), "metrics": {"latencyMs": 0}, **self._metadata}

    def _say(self, kind: str, index: int, delta: Json) -> Iterator[Event]:
        """A delta, in the open block when it is one of this kind and index, else in a new one."""
        if self._open != (kind, index):
            yield from self._begin(kind, index)
        yield "contentBlockDelta", {"contentBlockIndex": self._blocks - 1, "delta": delta}

    def _begin(self, kind: str, index: int) -> Iterator[Event]:
        yield from self._end()
        self._open = kind, index
        self._blocks += 1

    def _end(self) -> Iterator[Event]:
        if self._open is not None:
            self._open = None
            yield "contentBlockStop", {"contentBlockIndex": self._blocks - 1}


class ConverseEncoder:
    """Write one answer as the vendor does, in the frames of an AWS event stream. A transducer."""

    def __init__(self, asked: Json) -> None:
        self._events = ConverseWriter()

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if isinstance(token, Finish) and token.reason == "error" and token.raw_reason not in FINISH_REASONS:
            yield encode_exception(Overloaded("The model broke off with an error.", kind="modelStreamErrorException"))
            return
        for name, data in self._events.feed(token):
            yield event_message(name, data)

    def close(self) -> Iterator[bytes]:
        return iter(())


def event_message(name: str, data: Json) -> bytes:
    """One event in its frame, with the padding that hides how long it is."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    padding = ALPHABET[: 1 + len(repr(data)) % len(ALPHABET)]
    return encode_message(headers, codec.dumps({**data, "p": padding}))


def render_citation(token: Citation) -> Json:
    citation: Json = {}
    if token.title:
        citation["title"] = token.title
    if token.text:
        citation["sourceContent"] = [{"text": token.text}]
    if token.url:
        citation["location"] = {"web": {"url": token.url}}
    return citation
