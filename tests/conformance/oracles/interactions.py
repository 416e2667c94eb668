"""Gemini's Interactions, as google-genai reads them: it passes events on, and their deltas were put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import ReasoningSignature, Reply, StreamError, StreamToken

from .rows import Row, failure_row, usage_rows

__all__ = ["interactions"]


def interactions(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The SDK counts thoughts and what tools read apart."""
    expected = record["expected"]
    cut = expected.get("finish_reason") is None
    yield failure_row(record, expected.get("error"), error, cut=cut)
    yield "text", reply.text, expected.get("text") or ""
    yield "reasoning", reply.reasoning, expected.get("reasoning_text") or ""
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    yield (
        "tool calls",
        ours,
        [(call["id"], call["name"], call["arguments"]) for call in expected.get("tool_calls") or ()],
    )
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, expected.get("finish_reason")
    deltas: list[Mapping[str, Any]] = [event.get("delta") or {} for event in expected.get("events") or ()]
    signatures = [delta["signature"] for delta in deltas if delta.get("signature")]
    yield "signatures", [token.signature for token in tokens if isinstance(token, ReasoningSignature)], signatures
    usage: Mapping[str, Any] = expected.get("usage") or {}
    raw: Mapping[str, int | None] = usage.get("raw") or {}
    if not raw:
        return
    read, used, written, thought, cached = (
        raw.get(f"total_{what}_tokens") or 0 for what in ("input", "tool_use", "output", "thought", "cached")
    )
    counted = {"input_tokens": read + used, "output_tokens": written + thought}
    yield from usage_rows(reply, {**counted, "cached_tokens": cached, "reasoning_tokens": thought})
