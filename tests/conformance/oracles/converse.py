"""ConverseStream, as boto3 reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Citation, Raw, Reply, StreamError, StreamToken

from .rows import Row, failure_row

__all__ = ["converse_stream"]


def converse_stream(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The client's deltas, concatenated; it counts input without the cache, as ``Usage.raw`` does.

    Calls of tools that the provider runs itself are calls to it too; with us they are Raw, since nobody is to
    answer them.
    """
    expected = record["expected"]
    cut = expected.get("finish_reason") is None
    yield failure_row(record, expected.get("error"), error, cut=cut)
    yield "text", reply.text, expected.get("text") or ""
    yield "reasoning", reply.reasoning, expected.get("reasoning_text") or ""
    served = server_calls(tokens)
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    calls = [
        (call.get("id") or "", call.get("name") or "", call.get("arguments") or "")
        for call in expected.get("tool_calls") or ()
    ]
    yield "tool calls", ours, [call for call in calls if call not in served]
    yield "server's tool calls", served, [call for call in calls if call in served]
    if "n_citations" in expected:
        yield "citations", sum(isinstance(token, Citation) for token in tokens), expected["n_citations"]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, expected.get("finish_reason")
    usage: Mapping[str, Any] = expected.get("usage") or {}
    raw: Mapping[str, Any] = usage.get("raw") or {}
    if raw:
        yield from counts(reply, raw)


def server_calls(tokens: Sequence[StreamToken]) -> list[tuple[str, str, str]]:
    """Calls of the provider's own tools, from the events that came as they are."""
    calls: dict[int, tuple[str, str, str]] = {}
    for token in tokens:
        if not isinstance(token, Raw) or "contentBlockIndex" not in (token.data or {}):
            continue
        index: int = token.data["contentBlockIndex"]
        begun = token.data.get("start", {}).get("toolUse")
        if begun:
            calls[index] = (begun["toolUseId"], begun["name"], "")
        elif index in calls:
            id, name, arguments = calls[index]
            calls[index] = (id, name, arguments + token.data.get("delta", {}).get("toolUse", {}).get("input", ""))
    return list(calls.values())


def counts(reply: Reply, raw: Mapping[str, Any]) -> Iterator[Row]:
    ours = reply.usage
    yield "usage", ours is not None, True
    if ours is None or ours.raw is None:
        return
    read, written = raw.get("cacheReadInputTokens") or 0, raw.get("cacheWriteInputTokens") or 0
    yield "input tokens", ours.input_tokens, (raw.get("inputTokens") or 0) + read + written
    yield "output tokens", ours.output_tokens, raw.get("outputTokens") or 0
    if "totalTokens" in raw:
        yield "total tokens", ours.input_tokens + ours.output_tokens, raw["totalTokens"]
    yield "cached tokens", ours.cache_read_input_tokens, read
    yield "raw", [ours.raw.get(name) for name in raw], list(raw.values())
