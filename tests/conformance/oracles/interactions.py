"""Gemini's Interactions, as google-genai reads them: it passes events on, and their deltas were put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import ReasoningSignature, Reply, StreamError, StreamToken

from .rows import Row, usage_rows

__all__ = ["interactions"]


def interactions(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The SDK counts thoughts and what tools read apart."""
    expected = record["expected"]
    yield "error", error and f"{type(error).__name__}: {error}", None
    yield "text", reply.text, expected["text"]
    yield "reasoning", reply.reasoning, expected["reasoning_text"] or ""
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    yield "tool calls", ours, [(call["id"], call["name"], call["arguments"]) for call in expected["tool_calls"]]
    yield "finish reason", reply.finish and reply.finish.raw_reason, expected["finish_reason"]
    deltas: list[Mapping[str, Any]] = [event.get("delta") or {} for event in expected["events"]]
    signatures = [delta["signature"] for delta in deltas if delta.get("signature")]
    yield "signatures", [token.signature for token in tokens if isinstance(token, ReasoningSignature)], signatures
    usage: Mapping[str, Any] = expected["usage"]
    raw: Mapping[str, int] = usage["raw"]
    counted = {
        "input_tokens": raw["total_input_tokens"] + raw["total_tool_use_tokens"],
        "output_tokens": raw["total_output_tokens"] + raw["total_thought_tokens"],
        "cached_tokens": raw["total_cached_tokens"],
        "reasoning_tokens": raw["total_thought_tokens"],
    }
    yield from usage_rows(reply, counted)
