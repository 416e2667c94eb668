"""Ollama's chat, as the ollama client reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken

from .rows import Row, failure_row, usage_rows

__all__ = ["ollama_chat"]


def ollama_chat(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The client's parts, concatenated; it parses arguments, and knows no ids."""
    expected = record["expected"]
    cut = expected.get("finish_reason") is None
    yield failure_row(record, expected.get("error"), error, cut=cut)
    yield "text", reply.text, expected.get("text") or ""
    yield "reasoning", reply.reasoning, expected.get("reasoning_text") or ""
    ours = [(call.name, call.input) for call in reply.tool_calls]
    yield "tool calls", ours, [(call["name"], call["arguments"]) for call in expected.get("tool_calls") or ()]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, expected.get("finish_reason")
    if expected.get("usage"):
        yield from usage_rows(reply, expected["usage"])
