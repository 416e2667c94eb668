"""Tokens to ``chat.completion.chunk`` events: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.tokens import (
    Citation,
    Finish,
    Logprobs,
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
from ...shape import object_of

__all__ = ["ChatEncoder"]

DONE: Final = b"data: [DONE]\n\n"


class ChatEncoder:
    """Write one answer as the vendor does, given the body of its request. A transducer.

    The usage goes into a last chunk without choices, when ``stream_options.include_usage`` asks for it.
    """

    def __init__(self, asked: Json, *, created: int = 0) -> None:
        self._include_usage = bool(object_of(asked.get("stream_options")).get("include_usage"))
        self._head: Json = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": asked.get("model") or "",
        }
        self._usage: Usage | None = None
        self._greeted: set[int] = set()

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        match token:
            case ResponseStart():
                self._head |= {"id": token.id, "model": token.model}
                yield self._chunk(0, {"content": ""})
            case TextDelta(text):
                yield self._chunk(token.choice, {"content": text})
            case ReasoningDelta(text):
                yield self._chunk(token.choice, {"reasoning_content": text})
            case ReasoningSignature(kind="signature" | "encrypted"):
                yield self._chunk(token.choice, {"reasoning_details": [render_signature(token)]})
            case RefusalDelta(text):
                yield self._chunk(token.choice, {"refusal": text})
            case ToolCallStart():
                function = {"name": token.name, "arguments": ""}
                call = {"index": token.index, "id": token.id, "type": "function", "function": function}
                yield self._chunk(token.choice, {"tool_calls": [call]})
            case ToolCallDelta():
                call = {"index": token.index, "function": {"arguments": token.arguments}}
                yield self._chunk(token.choice, {"tool_calls": [call]})
            case Citation():
                yield self._chunk(token.choice, {"annotations": [token.raw or render_citation(token)]})
            case Logprobs():
                yield self._chunk(token.choice, {}, logprobs={"content": render_logprobs(token), "refusal": None})
            case Usage():
                self._usage = token
            case Finish():
                yield self._chunk(token.choice, {}, finish_reason=token.raw_reason or token.reason)
            case Raw():
                yield from self._raw(token)
            case ToolCallEnd() | _:
                pass

    def close(self) -> Iterator[bytes]:
        if self._usage is not None and self._include_usage:
            yield event({**self._head, "choices": [], "usage": render_usage(self._usage)})
        yield DONE

    def _chunk(self, choice: int, delta: Json, **fields: Any) -> bytes:
        if choice not in self._greeted:
            self._greeted.add(choice)
            delta = {"role": "assistant", **delta}
        body: Json = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": None, **fields}
        chunk: Json = {**self._head, "choices": [body]}
        if self._include_usage:
            chunk["usage"] = None
        return event(chunk)

    def _raw(self, token: Raw) -> Iterator[bytes]:
        holder, _, name = token.name.rpartition(".")
        if holder == "delta":
            yield self._chunk(token.choice, {name: token.data})
        elif holder == "choice":
            yield self._chunk(token.choice, {}, **{name: token.data})
        else:
            yield event({**self._head, "choices": [], token.name: token.data})


def event(chunk: Json) -> bytes:
    return b"data: " + codec.dumps(chunk) + b"\n\n"


def render_signature(token: ReasoningSignature) -> Json:
    if token.kind == "encrypted":
        return {"type": "reasoning.encrypted", "data": token.signature}
    return {"type": "reasoning.text", "text": "", "signature": token.signature}


def render_citation(token: Citation) -> Json:
    return {"type": "url_citation", "url_citation": {"url": token.url, "title": token.title}}


def render_logprobs(token: Logprobs) -> list[Json]:
    return [
        {
            "token": entry.token,
            "logprob": entry.logprob,
            "bytes": list(entry.token.encode()),
            "top_logprobs": [
                {"token": text, "logprob": logprob, "bytes": list(text.encode())} for text, logprob in entry.top
            ],
        }
        for entry in token.content
    ]


def render_usage(usage: Usage) -> Json:
    return usage.raw or {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_input_tokens,
            "cache_write_tokens": usage.cache_creation_input_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
    }
