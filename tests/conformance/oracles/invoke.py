"""InvokeModelWithResponseStream: Claude as AnthropicBedrock reads it, other models by their recorded payloads."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Reply, StreamError, StreamToken
from tokenrill.streams.eventstream import EventStreamParser

from .messages import messages
from .rows import Row, failure_row

__all__ = ["invoke_with_response_stream"]

METRICS = "amazon-bedrock-invocationMetrics"


def invoke_with_response_stream(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """Claude's final message; of other models, for which there is no official reading, what their chunks say."""
    expected = record["expected"]
    if "event_types" in expected:
        yield from messages(record, reply, tokens, error)
        return
    payloads: list[dict[str, Any]] = expected.get("payloads") or recorded_payloads(record)
    stopped = last(stops(payload) for payload in payloads)
    yield failure_row(record, expected.get("error"), error, cut=stopped is None)
    yield "text", reply.text, "".join(text for payload in payloads for text in texts(payload))
    if error is not None:
        return
    yield "finish reason", reply.finish and reply.finish.raw_reason, stopped
    counted = [payload[METRICS] for payload in payloads if METRICS in payload]
    if counted and reply.usage:
        yield "output tokens", reply.usage.output_tokens, counted[-1]["outputTokenCount"]
        cached = [counted[-1].get(f"cache{what}InputTokenCount") or 0 for what in ("Read", "Write")]
        yield "input tokens", reply.usage.input_tokens, counted[-1]["inputTokenCount"] + sum(cached)


def recorded_payloads(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a long answer, which the record has only in its body."""
    messages_in = EventStreamParser().feed(base64.b64decode(record["body_base64"]))
    chunks = [json.loads(message.payload) for message in messages_in if message.payload]
    return [json.loads(base64.b64decode(chunk["bytes"])) for chunk in chunks if "bytes" in chunk]


def texts(payload: Mapping[str, Any]) -> Iterator[str]:
    """The text in a chunk, wherever its model keeps it."""
    if payload.get("event_type") == "stream-end":
        return
    for holder in (payload, *payload.get("outputs", ()), *payload.get("generations", ())):
        for name in ("outputText", "generation", "text", "completion"):
            if isinstance(holder.get(name), str):
                yield holder[name]
    for choice in payload.get("choices", ()):
        yield choice["delta"].get("content") or ""
    delta = payload.get("contentBlockDelta", {}).get("delta", {})
    yield delta.get("text") or ""


def stops(payload: Mapping[str, Any]) -> str | None:
    """Why a chunk says that its model stopped."""
    holders = (payload, *payload.get("outputs", ()), *payload.get("generations", ()), *payload.get("choices", ()))
    names = ("completionReason", "stop_reason", "finish_reason")
    found = last(holder.get(name) for holder in holders for name in names)
    blocked = "INTERVENED" if "completionReason" not in payload and "outputText" in payload else None
    guarded = blocked if payload.get("amazon-bedrock-guardrailAction") == "INTERVENED" else None
    return found or payload.get("messageStop", {}).get("stopReason") or guarded


def last(values: Iterator[str | None]) -> str | None:
    return next((value for value in reversed([*values]) if value), None)
