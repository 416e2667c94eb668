"""Anthropic's Messages, as the anthropic SDK accumulates them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Citation, Raw, ReasoningSignature, Reply, StreamError, StreamToken

from .rows import Row, failure_row

__all__ = ["messages"]


def messages(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The SDK's final message. It counts input without the cache, as ``Usage.raw`` does."""
    expected = record["expected"]
    theirs = expected.get("error")
    if theirs and theirs.get("type") == "JSONDecodeError":  # which is what it makes of [DONE] after the end
        theirs = None
    finish_reason = expected.get("finish_reason")
    yield failure_row(record, theirs, error, cut=finish_reason is None)
    if expected.get("text") is not None or error is None:
        yield "text", reply.text, expected.get("text") or ""
        yield "reasoning", reply.reasoning, expected.get("reasoning_text") or ""
    signatures = [token for token in tokens if isinstance(token, ReasoningSignature)]
    if "thinking_signatures" in expected:
        signed = [signature for signature in expected["thinking_signatures"] if signature]
        yield "signatures", [token.signature for token in signatures if token.kind == "signature"], signed
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    yield (
        "tool calls",
        ours,
        [(call.get("id"), call.get("name"), arguments(call)) for call in expected.get("tool_calls") or ()],
    )
    yield from server_tools(expected, tokens)
    if "n_citations" in expected:
        yield "citations", sum(isinstance(token, Citation) for token in tokens), expected["n_citations"]
    yield "finish reason", reply.finish and reply.finish.raw_reason, None if error else finish_reason
    told = [token.data for token in tokens if isinstance(token, Raw) and token.name == "delta.stop_sequence"]
    yield "stop sequence", told, [expected["stop_sequence"]] if expected.get("stop_sequence") else []
    if error is None:
        yield from counts(reply, expected.get("usage") or {})


def arguments(call: Mapping[str, Any]) -> str:
    """The streamed text; where none came, the input that the block began with."""
    given = json.dumps(call["input"], separators=(",", ":"), ensure_ascii=False) if call.get("input") else ""
    return call.get("arguments") or given


def server_tools(expected: Mapping[str, Any], tokens: Sequence[StreamToken]) -> Iterator[Row]:
    """Blocks of the vendor's own tools, in order, and what they were asked."""
    blocks = [token.data for token in tokens if isinstance(token, Raw) and token.name == "content_block"]
    known = {"text", "thinking", "redacted_thinking", "tool_use"}
    if "block_types" in expected:
        theirs_of = [kind for kind in expected["block_types"] if kind not in known]
        yield "server blocks", [block["type"] for block in blocks], theirs_of
    theirs: list[Mapping[str, Any]] = expected.get("server_tool_calls") or []
    inputs = {block.get("id"): block.get("input") for block in blocks}
    for call in theirs:
        ours = inputs.get(call.get("id"))
        yield f"server call {call.get('id')}", ours, call.get("arguments" if isinstance(ours, str) else "input")


def counts(reply: Reply, usage: Mapping[str, Any]) -> Iterator[Row]:
    ours = reply.usage
    yield "usage", ours is not None and ours.kind, "exact"
    if ours is None or ours.raw is None or not usage:
        return
    read, created = usage.get("cached_tokens") or 0, usage.get("cache_creation_tokens") or 0
    yield "input tokens", ours.input_tokens, (usage.get("input_tokens") or 0) + read + created
    yield "output tokens", ours.output_tokens, usage.get("output_tokens") or 0
    yield "cached tokens", ours.cache_read_input_tokens, read
    yield "cache creation tokens", ours.cache_creation_input_tokens, created
    raw: Mapping[str, Any] = usage.get("raw") or {}
    details: Mapping[str, Any] = raw.get("output_tokens_details") or {}
    yield "reasoning tokens", ours.reasoning_output_tokens, details.get("thinking_tokens") or 0
    yield "raw input tokens", ours.raw.get("input_tokens"), usage.get("input_tokens")
