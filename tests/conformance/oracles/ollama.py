"""Ollama's chat, as the ollama client reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken

from .rows import Row, usage_rows

__all__ = ["ollama_chat"]


def ollama_chat(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The client's parts, concatenated; it parses arguments, and knows no ids."""
    expected = record["expected"]
    theirs = expected["error"]
    if theirs:
        yield "error", error is not None and theirs["message"] in str(error), True
    else:
        yield "error", error and f"{type(error).__name__}: {error}", None
    yield "text", reply.text, expected["text"] or ""
    yield "reasoning", reply.reasoning, expected["reasoning_text"] or ""
    ours = [(call.name, call.input) for call in reply.tool_calls]
    yield "tool calls", ours, [(call["name"], call["arguments"]) for call in expected["tool_calls"]]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, expected["finish_reason"]
    if expected["usage"] is not None:
        yield from usage_rows(reply, expected["usage"])
