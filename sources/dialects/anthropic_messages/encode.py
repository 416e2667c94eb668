"""Tokens to the events of a Messages stream: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
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
from ...shape import object_of, text_of
from .content import call_extras
from .decode import FINISH_REASONS
from .usage import render_usage

__all__ = ["MessagesEncoder"]

STOP_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "other": "end_turn",
}
CALL: Final = "tool_use"


class MessagesEncoder:
    """Write one answer as the vendor does. A transducer.

    One block is open at a time, and blocks are numbered as they come. What this dialect cannot say is left out:
    log probabilities, retractions, seams, other choices than the first, and reasoning items of other vendors.
    ``message_start`` waits for the second token, which may say what it holds.
    """

    def __init__(self, asked: Json) -> None:
        self._message: Json = {"id": "", "type": "message", "role": "assistant", "model": text_of(asked.get("model"))}
        self._extras: Json = {}
        self._delta: Json = {}
        self._event: Json = {}
        self._early: Usage | None = None
        self._usage: Usage | None = None
        self._greeted = False
        self._blocks = 0
        self._open: tuple[str, int] | None = None
        self._calls: dict[int, int] = {}

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if getattr(token, "choice", 0):
            return
        match token:
            case ResponseStart():
                self._message |= {"id": token.id, "model": token.model}
            case Usage(kind="partial") if not self._greeted:
                self._early = token
            case Usage():
                self._usage = token
            case Raw(name) if not self._greeted and name.startswith("message."):
                self._extras[name.removeprefix("message.")] = token.data
            case _:
                yield from self._greet()
                yield from self._content(token)

    def close(self) -> Iterator[bytes]:
        return iter(())

    def _greet(self) -> Iterator[bytes]:
        if not self._greeted:
            self._greeted = True
            empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None}
            usage = render_usage(self._early)
            yield event("message_start", message={**self._message, **empty, "usage": usage, **self._extras})

    def _content(self, token: StreamToken) -> Iterator[bytes]:
        match token:
            case TextDelta(text) | RefusalDelta(text):
                yield from self._in("text", token.index, {"text": ""})
                yield self._say("text_delta", text=text)
            case ReasoningDelta(text):
                yield from self._in("thinking", token.index, {"thinking": "", "signature": ""})
                yield self._say("thinking_delta", thinking=text)
            case ReasoningSignature():
                yield from self._sign(token)
            case Citation():
                yield from self._in("text", token.index, {"text": ""})
                yield self._say("citations_delta", citation=token.raw or render_citation(token))
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                yield from self._call(token)
            case Raw():
                yield from self._raw(token)
            case Finish():
                yield from self._finish(token)
            case _:
                pass

    def _call(self, token: ToolCallStart | ToolCallDelta | ToolCallEnd) -> Iterator[bytes]:
        match token:
            case ToolCallStart():
                call: Json = {"id": token.id, "name": token.name, "input": {}, **call_extras(token.signature)}
                yield from self._begin(CALL, token.index, call)
                self._calls[token.index] = self._blocks - 1
                yield self._say("input_json_delta", partial_json="")
            case ToolCallDelta():
                # A call that goes on after another block began, as no vendor sends it, still reaches its own block.
                block = self._calls.get(token.index, self._blocks - 1)
                delta = {"type": "input_json_delta", "partial_json": token.arguments}
                yield event("content_block_delta", index=block, delta=delta)
            case ToolCallEnd():
                if self._open == (CALL, token.index):
                    yield from self._end()

    def _sign(self, token: ReasoningSignature) -> Iterator[bytes]:
        match token.kind:
            case "signature":
                yield from self._in("thinking", token.index, {"thinking": "", "signature": ""})
                yield self._say("signature_delta", signature=token.signature)
                yield from self._end()
            case "redacted":
                yield from self._begin("redacted_thinking", token.index, {"data": token.signature})
                yield from self._end()
            case _:  # our own hand-back of a block that was written when it came as Raw, or another vendor's
                pass

    def _raw(self, token: Raw) -> Iterator[bytes]:
        data = object_of(token.data)
        match token.name.partition("."):
            case "content_block", "", _:
                given = data.get("input")
                start: Json = {**data, "input": {}} if isinstance(given, dict) else data
                yield from self._begin(text_of(data.get("type")), -1, start)
                if given and isinstance(given, dict):
                    yield self._say("input_json_delta", partial_json=codec.dumps(given).decode())
                yield from self._end()
            case "delta", ".", name:
                self._delta[name] = token.data
            case name, "", _ if data.get("type") == name and name.isprintable():
                yield event(name, **data)
            case name, "", _:
                self._event[name] = token.data
            case _:
                pass

    def _finish(self, token: Finish) -> Iterator[bytes]:
        yield from self._end()
        if token.reason == "error":
            told = {"type": "api_error", "message": "the model broke off with an error"}
            yield event("error", error=told)
            return
        raw = token.raw_reason
        told = raw if raw and FINISH_REASONS.get(raw, "other") == token.reason else STOP_REASONS[token.reason]
        delta: Json = {"stop_reason": told, "stop_sequence": None, **self._delta}
        usage = render_usage(self._usage or self._early)
        yield event("message_delta", **{**self._event, "delta": delta, "usage": usage})
        yield event("message_stop")

    def _in(self, kind: str, index: int, empty: Json) -> Iterator[bytes]:
        """See that a block of this kind and index is the open one."""
        if self._open != (kind, index):
            yield from self._begin(kind, index, empty)

    def _begin(self, kind: str, index: int, block: Json) -> Iterator[bytes]:
        yield from self._end()
        self._open = kind, index
        self._blocks += 1
        yield event("content_block_start", index=self._blocks - 1, content_block={"type": kind, **block})
        if self._blocks == 1:
            yield event("ping")

    def _end(self) -> Iterator[bytes]:
        if self._open is not None:
            self._open = None
            yield event("content_block_stop", index=self._blocks - 1)

    def _say(self, kind: str, **delta: Any) -> bytes:
        return event("content_block_delta", index=self._blocks - 1, delta={"type": kind, **delta})


def event(type: str, /, **fields: Any) -> bytes:
    data = {"type": type, **fields} | {"type": type}
    return b"event: " + type.encode() + b"\ndata: " + codec.dumps(data) + b"\n\n"


def render_citation(token: Citation) -> Json:
    return {
        "type": "web_search_result_location",
        "cited_text": token.text or "",
        "encrypted_index": "",
        "title": token.title,
        "url": token.url or "",
    }
