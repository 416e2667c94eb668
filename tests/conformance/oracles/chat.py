"""Chat completions, as the openai SDK reads them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken, StreamTruncated

from .rows import Row, usage_rows

__all__ = ["chat_completions"]


def chat_completions(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The openai SDK's chunks, concatenated; usage is its last."""
    expected = record["expected"]
    if expected.get("non_string_content_deltas"):
        # This client cannot read content that is a list of parts: the vendor's own, which can, was asked too.
        seen = record["expected_alt"]
        expected = {**expected, "text": seen["text"], "reasoning_text": seen["reasoning_text"]}
    if expected["error"]:
        theirs = expected["error"]
        yield "error", error is not None and theirs["message"] in str(error), True
    elif expected["finish_reason"] is None and b"[DONE]" not in base64.b64decode(record["body_base64"]):
        yield "error", type(error).__name__, StreamTruncated.__name__
    else:
        yield "error", error and f"{type(error).__name__}: {error}", None
    yield "text", reply.text, expected["text"] or ""
    details = expected.get("reasoning_details_text") if not expected["reasoning_text"] else None
    yield "reasoning", reply.reasoning, expected["reasoning_text"] or details or ""
    yield "refusal", reply.refusal, expected.get("refusal") or ""
    yield "tool calls", list(chat_calls(reply)), [expected_call(call) for call in expected["tool_calls"]]
    if error is None:
        yield "finish reason", reply.finish and reply.finish.raw_reason, expected["finish_reason"]
    for choice in expected.get("choices", ()):
        ours = reply.choices[int(choice["index"])]
        yield f"choice {choice['index']} text", ours.text, choice["text"] or ""
        yield f"choice {choice['index']} finish", ours.finish and ours.finish.raw_reason, choice["finish_reason"]
    usage = expected["usage"]
    if usage is not None:
        yield from usage_rows(reply, usage)


def chat_calls(reply: Reply) -> Iterator[tuple[str, str, str]]:
    for call in reply.tool_calls:
        yield call.id, call.name, call.arguments


def expected_call(call: Mapping[str, Any]) -> tuple[str, str, str]:
    return call["id"] or "", call["name"] or "", call["arguments"] or ""
