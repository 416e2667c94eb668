"""Tokens to lines of Ollama's chat: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import StreamError
from ....streams.tokens import (
    Finish,
    Logprobs,
    Raw,
    ReasoningDelta,
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
from ..openai_chat import errors as openai_errors
from ..openai_chat.encode import render_logprobs

__all__ = ["OllamaEncoder", "encode_error"]


class OllamaEncoder:
    """Write one answer as Ollama does, given the body of its request. A transducer.

    A call is written when it ends, since its arguments are an object here.
    """

    def __init__(self, asked: Json, *, created: int = 0) -> None:
        time = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._head: Json = {"model": asked.get("model") or "", "created_at": time}
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self._usage: Usage | None = None
        self._finish: Finish | None = None

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if getattr(token, "choice", 0):
            return  # there is one answer here
        match token:
            case ResponseStart():
                self._head["model"] = token.model or self._head["model"]
                yield self._line({"content": ""})
            case TextDelta(text) | RefusalDelta(text):
                yield self._line({"content": text})
            case ReasoningDelta(text):
                yield self._line({"content": "", "thinking": text})
            case ToolCallStart():
                self._calls[token.index] = token, []
            case ToolCallDelta():
                if token.index in self._calls:
                    self._calls[token.index][1].append(token.arguments)
            case ToolCallEnd():
                yield from self._call(token.index)
            case Logprobs():
                yield self._line({"content": ""}, logprobs=render_logprobs(token))
            case Raw():
                holder, _, name = token.name.rpartition(".")
                yield self._line(
                    {"content": "", name: token.data} if holder else {"content": ""},
                    **({} if holder else {name: token.data}),
                )
            case Usage():
                self._usage = token
            case Finish():
                self._finish = token
            case _:
                pass

    def close(self) -> Iterator[bytes]:
        for index in tuple(self._calls):
            yield from self._call(index)
        if self._finish is not None:
            reason = "length" if self._finish.reason == "length" else "stop"
            counts = render_usage(self._usage) if self._usage else {}
            last: Json = {**self._head, "message": {"role": "assistant", "content": ""}, "done": True}
            yield codec.dumps({**last, "done_reason": reason, **counts}) + b"\n"

    def _call(self, index: int) -> Iterator[bytes]:
        if index in self._calls:
            start, written = self._calls.pop(index)
            function = {"index": index, "name": start.name, "arguments": arguments_of("".join(written))}
            yield self._line({"content": "", "tool_calls": [{"id": start.id, "function": function}]})

    def _line(self, message: Json, **fields: Any) -> bytes:
        body: Json = {**self._head, "message": {"role": "assistant", **message}, **fields, "done": False}
        return codec.dumps(body) + b"\n"


def arguments_of(text: str) -> Json:
    """Arguments as the object they are; what is none is kept whole, under ``arguments``."""
    if not text.strip():
        return {}
    try:
        value = codec.loads(text)
    except StreamError:
        return {"arguments": text}
    return object_of(value) or ({} if value == {} else {"arguments": value})


def render_usage(usage: Usage) -> Json:
    if usage.raw and "eval_count" in usage.raw:
        return usage.raw
    return {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}


def encode_error(error: StreamError) -> tuple[int, dict[str, str], bytes]:
    """An error the way Ollama says it: (status, headers, body)."""
    status, headers, _ = openai_errors.encode_error(error)
    return status, headers, codec.dumps({"error": str(error)})
