"""InvokeModelWithResponseStream: each model's own shape, both ways, and what boto3 makes of what we write."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.canonical import recode, words
from tokenrill import (
    BEDROCK_INVOKE,
    Finish,
    MalformedEvent,
    RateLimited,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    StreamError,
    StreamToken,
    StreamTruncated,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.bedrock_converse.encode import event_message
from tokenrill.sources.dialects.bedrock_converse.errors import encode_exception
from tokenrill.sources.dialects.bedrock_invoke.decode import InvokeDecoder
from tokenrill.streams.eventstream import EventStreamMessage

METRICS = "amazon-bedrock-invocationMetrics"
COUNTED = {METRICS: {"inputTokenCount": 3, "outputTokenCount": 2, "invocationLatency": 9, "firstByteLatency": 5}}
MODELS = {
    "anthropic": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic_text": "anthropic.claude-v2:1",
    "nova": "amazon.nova-lite-v1:0",
    "titan": "amazon.titan-text-express-v1",
    "llama": "meta.llama3-1-8b-instruct-v1:0",
    "mistral": "mistral.mistral-7b-instruct-v0:2",
    "cohere": "cohere.command-light-text-v14",
    "command_r": "cohere.command-r-v1:0",
    "openai": "openai.gpt-oss-20b-1:0",
}
PROMPTED = ("titan", "llama", "mistral", "cohere", "command_r")


def chunks(*payloads: dict[str, Any]) -> bytes:
    return b"".join(
        event_message("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode()})
        for payload in payloads
    )


def decoded(*payloads: dict[str, Any]) -> list[StreamToken]:
    return list(BEDROCK_INVOKE.decode([chunks(*payloads)]))


ANSWERS: list[tuple[list[dict[str, Any]], str]] = [
    (
        [
            {"outputText": "He", "index": 0, "completionReason": None},
            {"outputText": "y", "index": 0, "completionReason": "FINISH", **COUNTED},
        ],
        "FINISH",
    ),
    (
        [
            {"generation": "He", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": None},
            {
                "generation": "y",
                "prompt_token_count": None,
                "generation_token_count": 2,
                "stop_reason": "stop",
                **COUNTED,
            },
        ],
        "stop",
    ),
    (
        [
            {"outputs": [{"text": "He", "stop_reason": None}]},
            {"outputs": [{"text": "y", "stop_reason": "stop"}], **COUNTED},
        ],
        "stop",
    ),
    (
        [
            {"is_finished": False, "text": "He"},
            {"is_finished": False, "text": "y"},
            {"is_finished": True, "finish_reason": "COMPLETE", **COUNTED},
        ],
        "COMPLETE",
    ),
    (
        [{"id": "g", "generations": [{"id": "1", "text": "Hey", "finish_reason": "COMPLETE"}], **COUNTED}],
        "COMPLETE",
    ),
    (
        [
            {"event_type": "text-generation", "is_finished": False, "text": "Hey"},
            {
                "event_type": "stream-end",
                "is_finished": True,
                "finish_reason": "COMPLETE",
                "response": {"text": "Hey"},
                **COUNTED,
            },
        ],
        "COMPLETE",
    ),
    (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hey"}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {}, "trace": {}}, **COUNTED},
        ],
        "end_turn",
    ),
    (
        [
            {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hey"}, "finish_reason": None}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **COUNTED},
        ],
        "stop",
    ),
]
ANSWER_IDS = ["titan", "llama", "mistral", "cohere", "cohere at once", "command_r", "nova", "openai"]


@pytest.mark.parametrize(("payloads", "reason"), ANSWERS, ids=ANSWER_IDS)
def test_the_first_chunk_tells_the_shape(payloads: list[dict[str, Any]], reason: str) -> None:
    tokens = decoded(*payloads)
    assert isinstance(tokens[0], ResponseStart)
    assert "".join(token.text for token in tokens if isinstance(token, TextDelta)) == "Hey"
    (usage,) = [token for token in tokens if isinstance(token, Usage) and token.raw is not None]
    assert (usage.input_tokens, usage.output_tokens) == (3, 2)
    assert tokens[-1] == Finish("stop", reason)
    with pytest.raises(StreamTruncated):
        decoded(payloads[0] if len(payloads) > 1 else {"is_finished": False, "text": "x"})


def test_what_a_guardrail_stops_before_the_model_is_blocked() -> None:
    trace: dict[str, Any] = {"guardrail": {"input": {}}}
    blocked: dict[str, Any] = {
        "outputText": "Input blocked",
        "index": 0.0,
        "totalOutputTextTokenCount": 3.0,
        "inputTextTokenCount": 6.0,
        "amazon-bedrock-guardrailAction": "INTERVENED",
        "amazon-bedrock-trace": trace,
    }
    assert decoded(blocked) == [
        ResponseStart("", ""),
        TextDelta("Input blocked"),
        Raw("amazon-bedrock-guardrailAction", "INTERVENED"),
        Raw("amazon-bedrock-trace", trace),
        Usage(6, 3),
        Finish("content_filter", "INTERVENED"),
    ]


def test_a_field_that_amazon_repeats_is_told_once() -> None:
    action = {"amazon-bedrock-guardrailAction": "NONE"}
    tokens = decoded(
        {"outputText": "a", **action},
        {"outputText": "b", **action},
        {"outputText": "", "completionReason": "LENGTH", **COUNTED},
    )
    assert [token for token in tokens if isinstance(token, Raw) and token.data == "NONE"] == [Raw(*action.popitem())]
    assert tokens[-1] == Finish("length", "LENGTH")


def test_claude_streams_with_reasoning_and_tools_and_ends_with_its_metrics() -> None:
    tokens = decoded(
        {
            "type": "message_start",
            "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop", **COUNTED},
    )
    assert TextDelta("Hi") in tokens
    assert Raw(METRICS, COUNTED[METRICS]) in tokens
    assert tokens[-1] == Finish("stop", "end_turn")


def test_exceptions_and_chunks_of_no_shape_are_typed() -> None:
    with pytest.raises(RateLimited, match="Slow"):
        BEDROCK_INVOKE.decode([chunks({"outputText": "a"}), encode_exception(RateLimited("Slow"))])
    with pytest.raises(MalformedEvent, match="no known"):
        decoded({"strange": 1})
    with pytest.raises(MalformedEvent, match="base64"):
        BEDROCK_INVOKE.decode([event_message("chunk", {"bytes": "!"})])
    with pytest.raises(StreamTruncated):
        decoded()
    whole = chunks({"outputText": "a", "completionReason": "FINISH", **COUNTED})
    assert BEDROCK_INVOKE.decode([whole + encode_exception(RateLimited("Late"))])[-1] == Finish("stop", "FINISH")


@given(st.lists(words, min_size=1, max_size=4), st.sampled_from(sorted(MODELS)), st.integers(1, 500))
def test_what_is_encoded_for_a_model_decodes_to_the_same_text(parts: list[str], family: str, cut: int) -> None:
    says: list[StreamToken] = [TextDelta(part) for part in parts]
    ours = [ResponseStart("", ""), *says, Usage(9, 4), Finish("stop")]
    theirs = recode(BEDROCK_INVOKE, ours, {"model": MODELS[family]}, cut)
    assert [token for token in theirs if isinstance(token, TextDelta)] == says
    (*_, usage) = [token for token in theirs if isinstance(token, Usage)]
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)
    assert isinstance(theirs[-1], Finish)
    assert theirs[-1].reason == "stop"


@pytest.mark.parametrize("family", ["anthropic", "nova", "openai"])
def test_calls_and_reasoning_go_through_the_shapes_that_know_them(family: str) -> None:
    content: list[StreamToken] = [
        ReasoningDelta("Hm"),
        ToolCallStart("t1", "add"),
        ToolCallDelta('{"a":1}'),
        ToolCallEnd(),
    ]
    theirs = recode(
        BEDROCK_INVOKE,
        [ResponseStart("m", ""), *content, Usage(9, 4), Finish("tool_calls")],
        {"model": MODELS[family]},
        50,
    )
    found = [
        token for token in theirs if not isinstance(token, (ResponseStart, Usage, Raw, Finish, ReasoningSignature))
    ]
    assert found == content
    assert isinstance(theirs[-1], Finish)
    assert theirs[-1].reason == "tool_calls"


def test_plain_text_takes_the_typed_path() -> None:
    decoder = InvokeDecoder()
    framer = BEDROCK_INVOKE.framer()
    start: dict[str, Any] = {"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {}}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for message in framer.feed(chunks(start, block)):
        assert decoder.feed_batch([message]) is None or decoder.feed_batch([message]) == []
        list(decoder.feed(message))
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    assert decoder.feed_batch([*framer.feed(chunks(delta, delta))]) == [TextDelta("Hi"), TextDelta("Hi")]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "outputText completionReason generation stop_reason outputs text is_finished generations "
                "event_type type choices delta messageStart contentBlockDelta metadata completion "
                "amazon-bedrock-invocationMetrics amazon-bedrock-guardrailAction inputTokenCount "
                "inputTextTokenCount error".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.lists(values, max_size=6))
def test_no_json_makes_it_raise_anything_but_a_stream_error(payloads: list[Any]) -> None:
    messages = [
        EventStreamMessage(
            {":event-type": "chunk", ":message-type": "event"},
            json.dumps({"bytes": base64.b64encode(json.dumps(payload).encode()).decode()}).encode(),
        )
        for payload in payloads
    ]
    for batch in (False, True):
        decoder = InvokeDecoder()
        with contextlib.suppress(StreamError):
            for message in messages:
                if not batch or decoder.feed_batch([message]) is None:
                    list(decoder.feed(message))
            list(decoder.close())
