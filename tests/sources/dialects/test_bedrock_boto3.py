"""What boto3, which nobody here wrote, makes of the answers that we write."""

from __future__ import annotations

import json

import pytest

from tests.sources.boto import converse, invoke
from tests.sources.dialects.bedrock import START
from tokenrill import (
    BEDROCK_CONVERSE,
    BEDROCK_INVOKE,
    Citation,
    Finish,
    RateLimited,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.bedrock_converse.encode import event_message
from tokenrill.sources.dialects.bedrock_converse.errors import encode_exception


def test_boto3_reads_every_block() -> None:
    tokens: list[StreamToken] = [
        ResponseStart("", ""),
        ReasoningDelta("Hm"),
        ReasoningSignature("c2ln"),
        ReasoningSignature("AAEC", 1, kind="redacted"),
        TextDelta("Hé", 2),
        TextDelta("llo", 2),
        Citation("https://a.example", "T", "q", 2),
        ToolCallStart("t1", "add"),
        ToolCallDelta('{"a":1}'),
        ToolCallEnd(),
        Usage(10, 5, cache_read_input_tokens=4),
        Finish("tool_calls", "tool_use"),
    ]
    encoder = BEDROCK_CONVERSE.encode({})
    events = converse(b"".join(piece for token in tokens for piece in encoder.feed(token)))
    assert [next(iter(event)) for event in events[:2]] == ["messageStart", "contentBlockDelta"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(it.get("text", "") for it in deltas) == "Héllo"
    assert {"reasoningContent": {"signature": "c2ln"}} in deltas
    assert {"reasoningContent": {"redactedContent": b"\x00\x01\x02"}} in deltas
    assert {"toolUse": {"input": '{"a":1}'}} in deltas
    assert [it["citation"]["location"]["web"]["url"] for it in deltas if "citation" in it] == ["https://a.example"]
    assert {"messageStop": {"stopReason": "tool_use"}} in events
    assert events[-1]["metadata"]["usage"] == {
        "inputTokens": 6,
        "outputTokens": 5,
        "totalTokens": 15,
        "cacheReadInputTokens": 4,
        "cacheWriteInputTokens": 0,
    }


def test_boto3_raises_the_exception_that_we_write() -> None:
    from botocore.exceptions import EventStreamError  # pyright: ignore[reportMissingTypeStubs]

    wire = event_message(*START) + encode_exception(RateLimited("Slow down"))
    with pytest.raises(EventStreamError, match=r"throttlingException.*Slow down"):
        converse(wire)


def test_boto3_reads_claudes_chunks() -> None:
    encoder = BEDROCK_INVOKE.encode({"model": "anthropic.claude-sonnet-4-5"})
    tokens: list[StreamToken] = [ResponseStart("m", "claude"), TextDelta("Hé"), Usage(3, 2), Finish("stop", "end_turn")]
    wire = b"".join(piece for token in tokens for piece in encoder.feed(token)) + b"".join(encoder.close())
    payloads = [json.loads(event["chunk"]["bytes"]) for event in invoke(wire)]
    assert [payload["type"] for payload in payloads] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert payloads[2]["delta"] == {"type": "text_delta", "text": "Hé"}
    assert payloads[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == 3
