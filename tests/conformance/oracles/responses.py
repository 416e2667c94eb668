"""Responses, as the openai SDK reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken

from .chat import expected_call
from .rows import Row, failure_row, usage_rows

__all__ = ["responses"]


def responses(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The SDK's final response; what it streamed, where some server leaves the final one empty."""
    expected = record["expected"]
    status = expected.get("incomplete_reason") or expected.get("finish_reason")
    yield failure_row(record, expected.get("error"), error, cut=status is None)
    yield "text", reply.text, expected.get("text") or expected.get("delta_text") or ""
    yield "reasoning", reply.reasoning, expected.get("delta_reasoning_text") or expected.get("reasoning_text") or ""
    yield "refusal", reply.refusal, expected.get("refusal") or ""
    ours = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    yield "tool calls", ours, [expected_call(call) for call in expected.get("tool_calls") or ()]
    if expected.get("n_annotations") is not None:
        yield "citations", len(reply.citations), expected["n_annotations"]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, status
    if expected.get("usage"):
        yield from usage_rows(reply, expected["usage"])
