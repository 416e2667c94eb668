"""Chat completions, as the openai SDK reads them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken

from .rows import Row, failure_row, usage_rows

__all__ = ["chat_completions"]


def chat_completions(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The openai SDK's chunks, concatenated; usage is its last."""
    expected = record["expected"]
    if expected.get("non_string_content_deltas"):
        # This client cannot read content that is a list of parts: the vendor's own, which can, was asked too.
        seen: Mapping[str, Any] = record.get("expected_alt") or {}
        expected = {**expected, **{name: seen.get(name) for name in ("text", "reasoning_text")}}
    finish_reason = expected.get("finish_reason")
    cut = finish_reason is None and b"[DONE]" not in base64.b64decode(record["body_base64"])
    yield failure_row(record, expected.get("error"), error, cut=cut)
    yield "text", reply.text, expected.get("text") or ""
    reasoning = expected.get("reasoning_text") or expected.get("reasoning_details_text")
    yield "reasoning", reply.reasoning, reasoning or ""
    yield "refusal", reply.refusal, expected.get("refusal") or ""
    yield "tool calls", list(chat_calls(reply)), [expected_call(call) for call in expected.get("tool_calls") or ()]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, finish_reason
    for choice in expected.get("choices") or ():
        ours = reply.choices[int(choice["index"])]
        yield f"choice {choice['index']} text", ours.text, choice.get("text") or ""
        yield f"choice {choice['index']} finish", ours.finish and ours.finish.raw_reason, choice.get("finish_reason")
    usage = expected.get("usage")
    if usage is not None:
        yield from usage_rows(reply, usage)


def chat_calls(reply: Reply) -> Iterator[tuple[str, str, str]]:
    for call in reply.tool_calls:
        yield call.id, call.name, call.arguments


def expected_call(call: Mapping[str, Any]) -> tuple[str, str, str]:
    return call.get("id") or "", call.get("name") or "", call.get("arguments") or ""
