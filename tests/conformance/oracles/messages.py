"""Anthropic's Messages, as the anthropic SDK accumulates them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Citation, Raw, ReasoningSignature, Reply, StreamError, StreamToken, StreamTruncated

from .rows import Row

__all__ = ["messages"]


def messages(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The SDK's final message. It counts input without the cache, as ``Usage.raw`` does."""
    expected = record["expected"]
    theirs = expected["error"]
    if theirs and theirs["type"] != "JSONDecodeError":  # which is what it makes of [DONE] after the end
        yield "error", error is not None and str(error) in theirs["message"], True
    elif expected["finish_reason"] is None:
        yield "error", type(error).__name__, StreamTruncated.__name__
    else:
        yield "error", error and f"{type(error).__name__}: {error}", None
    yield "text", reply.text, expected["text"] or ""
    yield "reasoning", reply.reasoning, expected["reasoning_text"] or ""
    signatures = [token for token in tokens if isinstance(token, ReasoningSignature)]
    if "thinking_signatures" in expected:
        signed = [signature for signature in expected["thinking_signatures"] if signature]
        yield "signatures", [token.signature for token in signatures if token.kind == "signature"], signed
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    yield "tool calls", ours, [(call["id"], call["name"], arguments(call)) for call in expected["tool_calls"]]
    yield from server_tools(expected, tokens)
    if "n_citations" in expected:
        yield "citations", sum(isinstance(token, Citation) for token in tokens), expected["n_citations"]
    yield "finish reason", reply.finish and reply.finish.raw_reason, expected["finish_reason"] if not error else None
    told = [token.data for token in tokens if isinstance(token, Raw) and token.name == "delta.stop_sequence"]
    yield "stop sequence", told, [expected["stop_sequence"]] if expected["stop_sequence"] else []
    if error is None:
        yield from counts(reply, expected["usage"])


def arguments(call: Mapping[str, Any]) -> str:
    """The streamed text; where none came, the input that the block began with."""
    given = json.dumps(call["input"], separators=(",", ":"), ensure_ascii=False) if call["input"] else ""
    return call["arguments"] or given


def server_tools(expected: Mapping[str, Any], tokens: Sequence[StreamToken]) -> Iterator[Row]:
    """Blocks of the vendor's own tools, in order, and what they were asked."""
    blocks = [token.data for token in tokens if isinstance(token, Raw) and token.name == "content_block"]
    known = {"text", "thinking", "redacted_thinking", "tool_use"}
    yield (
        "server blocks",
        [block["type"] for block in blocks],
        [kind for kind in expected["block_types"] if kind not in known],
    )
    theirs: list[Mapping[str, Any]] = expected.get("server_tool_calls") or []
    inputs = {block.get("id"): block.get("input") for block in blocks}
    for call in theirs:
        ours = inputs.get(call["id"])
        yield f"server call {call['id']}", ours, call["arguments"] if isinstance(ours, str) else call["input"]


def counts(reply: Reply, usage: Mapping[str, Any]) -> Iterator[Row]:
    ours = reply.usage
    yield "usage", ours is not None and ours.kind, "exact"
    if ours is None or ours.raw is None:
        return
    read, created = usage.get("cached_tokens") or 0, usage.get("cache_creation_tokens") or 0
    yield "input tokens", ours.input_tokens, usage["input_tokens"] + read + created
    yield "output tokens", ours.output_tokens, usage["output_tokens"]
    yield "cached tokens", ours.cache_read_input_tokens, read
    yield "cache creation tokens", ours.cache_creation_input_tokens, created
    details: Mapping[str, Any] = usage["raw"].get("output_tokens_details") or {}
    yield "reasoning tokens", ours.reasoning_output_tokens, details.get("thinking_tokens") or 0
    yield "raw input tokens", ours.raw["input_tokens"], usage["input_tokens"]
