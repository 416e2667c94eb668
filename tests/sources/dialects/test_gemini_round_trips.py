"""Gemini, both ways: tokens through its wire, requests through its body, answers into the next request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from tests.sources.dialects.canonical import answer, names, reasonings, recode, texts, usages, words
from tests.sources.dialects.gemini_chunks import chunk, decode
from tests.sources.requests.gemini import GOLDEN
from tests.sources.requests.gemini_interactions import INTERACTIONS
from tokenrill import (
    GEMINI,
    GEMINI_ARRAY,
    GEMINI_INTERACTIONS,
    AuthenticationError,
    CompletionRequest,
    ContentBlocked,
    Finish,
    MalformedEvent,
    Message,
    Overloaded,
    PermissionDenied,
    RateLimited,
    ReasoningDelta,
    ReasoningSignature,
    ReplyBuilder,
    ResponseStart,
    StreamError,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolResult,
    Usage,
)

objects = st.dictionaries(words, st.integers(0, 9) | words, max_size=3)
signatures = st.none() | words


@st.composite
def calls(draw: st.DrawFn, signed: bool = True) -> list[StreamToken]:
    """Calls one after the other, each told whole, as Gemini does."""
    tokens: list[StreamToken] = []
    for index in range(draw(st.integers(0, 3))):
        signature = draw(signatures) if signed else None
        tokens.append(ToolCallStart(f"call_{index}", draw(names), index, signature=signature))
        if given_arguments := draw(objects):
            arguments = json.dumps(given_arguments, separators=(",", ":"), ensure_ascii=False)
            tokens.append(ToolCallDelta(arguments, index))
        tokens.append(ToolCallEnd(index))
    return tokens


def without_raw(tokens: list[StreamToken]) -> list[StreamToken]:
    return [replace(token, raw=None) if isinstance(token, Usage) else token for token in tokens]


def counted(usage: Usage) -> Usage:
    """Thoughts are part of the output; a count of nothing is no count."""
    return replace(
        usage, output_tokens=usage.output_tokens + usage.reasoning_output_tokens, input_tokens=usage.input_tokens + 1
    )


@given(
    content=st.lists(texts | reasonings, max_size=8),
    tools=calls(),
    usage=usages.map(counted),
    reason=st.sampled_from([("stop", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY")]),
    cut=st.integers(1, 400),
    dialect=st.sampled_from([GEMINI, GEMINI_ARRAY]),
)
def test_what_is_encoded_decodes_to_the_same_tokens(
    content: list[StreamToken], tools: list[StreamToken], usage: Usage, reason: Any, cut: int, dialect: Any
) -> None:
    finish = Finish("tool_calls" if tools and reason[0] == "stop" else reason[0], reason[1])
    tokens = answer(ResponseStart("r1", "gemini-3-pro"), content + tools, usage, finish)
    again = [token for token in recode(dialect, tokens, {}, cut) if getattr(token, "kind", "") != "partial"]
    assert without_raw(again) == tokens


def signed_part(text: str, thought: bool, signature: str | None) -> dict[str, Any]:
    part: dict[str, Any] = {"text": text, **({"thought": True} if thought else {})}
    return {**part, "thoughtSignature": signature} if signature else part


signed_parts = st.builds(signed_part, st.just("") | words, st.booleans(), signatures)


@given(st.lists(signed_parts, max_size=8), st.integers(1, 400))
def test_what_gemini_says_with_signatures_is_encoded_the_same(given_parts: list[dict[str, Any]], cut: int) -> None:
    said = decode(*(chunk(part) for part in given_parts), chunk(reason="STOP"))
    assert recode(GEMINI, said, {}, cut) == said


@given(
    content=st.lists(texts | reasonings, max_size=8),
    tools=calls(signed=False),
    usage=usages.map(counted),
    reason=st.sampled_from(["completed", "requires_action", "incomplete"]),
    cut=st.integers(1, 400),
)
def test_interactions_too(
    content: list[StreamToken], tools: list[StreamToken], usage: Usage, reason: Any, cut: int
) -> None:
    meaning: Any = {"completed": "stop", "requires_action": "tool_calls", "incomplete": "length"}
    tokens = answer(ResponseStart("v1_1", "gemini-3-pro"), content + tools, usage, Finish(meaning[reason], reason))
    again = recode(GEMINI_INTERACTIONS, tokens, {}, cut)
    assert [replace(token, index=0) if hasattr(token, "text") else token for token in without_raw(again)] == tokens
    assert recode(GEMINI_INTERACTIONS, again, {}, cut) == again


@pytest.mark.parametrize("feature", GOLDEN)
def test_what_is_rendered_parses_to_the_same_request(feature: str) -> None:
    request = GOLDEN[feature][1]
    body = {**GEMINI.render(request), **request.extra, "model": request.model}
    again = GEMINI.parse(json.loads(json.dumps(body)))
    assert GEMINI.render(again) == GEMINI.render(request)
    if feature not in ("effort on 2.5", "foreign reasoning"):
        assert again == request


@pytest.mark.parametrize("feature", INTERACTIONS)
def test_what_is_rendered_for_interactions_parses_to_the_same_request(feature: str) -> None:
    request = INTERACTIONS[feature][1]
    assert GEMINI_INTERACTIONS.parse(json.loads(json.dumps(GEMINI_INTERACTIONS.render(request)))) == request


def test_signatures_and_calls_go_back_on_their_parts_byte_for_byte() -> None:
    given_parts: list[dict[str, Any]] = [
        {"text": "Thinking.", "thought": True, "thoughtSignature": "S+/=1"},
        {"text": "Let me look.", "thoughtSignature": "S2"},
        {"functionCall": {"name": "f", "args": {"city": "Zürich"}}, "thoughtSignature": "S3"},
        {"functionCall": {"name": "g", "args": {}, "id": "own"}},
        {"text": "", "thoughtSignature": "S4"},
    ]
    builder = ReplyBuilder()
    for token in decode(*(chunk(part) for part in given_parts), chunk(reason="STOP")):
        builder.feed(token)
    reply = builder.reply()
    results = [ToolResult(call.id, "sunny") for call in reply.tool_calls]
    body = GEMINI.render(
        CompletionRequest(model="gemini-3-pro", messages=[Message.user("Hi"), reply.message, Message.tool(*results)])
    )
    assert body["contents"][1] == {"role": "model", "parts": given_parts}
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "sunny"}}},
        {"functionResponse": {"name": "g", "response": {"output": "sunny"}, "id": "own"}},
    ]


def test_arguments_that_are_no_object_cannot_be_said() -> None:
    encoder = GEMINI.encode({})
    for token in (ToolCallStart("c", "f"), ToolCallDelta("[1]")):
        list(encoder.feed(token))
    with pytest.raises(MalformedEvent):
        list(encoder.feed(ToolCallEnd()))


def test_what_others_say_is_left_out_of_the_wire() -> None:
    tokens = [
        ReasoningDelta("a"),
        ReasoningSignature("x", kind="encrypted"),
        TextDelta("b"),
        Finish("stop", "end_turn"),
    ]
    again = recode(GEMINI, [ResponseStart("r", "m"), *tokens], {}, 50)
    assert again[1:] == [ReasoningDelta("a"), TextDelta("b"), Finish("stop", "STOP")]


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down", status=429, kind="RESOURCE_EXHAUSTED", code="RATE_LIMIT_EXCEEDED", retry_after=34.5),
        AuthenticationError("no key", status=401),
        PermissionDenied("not you", status=403),
        Overloaded("busy", status=503, kind="UNAVAILABLE"),
    ],
)
def test_errors_are_read_as_they_were_written(error: Any) -> None:
    again: Any = GEMINI.refuse(*GEMINI.encode_error(error))
    assert (type(again), str(again), again.status) == (type(error), str(error), error.status)
    assert (again.retry_after, again.retryable) == (error.retry_after, error.retryable)
    assert error.code in (None, again.code)


def test_an_array_of_one_error_and_a_retry_delay_are_understood() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"}
    error = {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": [retry]}
    refused = GEMINI.refuse(429, {}, json.dumps([{"error": error}]).encode())
    assert (type(refused), str(refused), refused.retry_after) == (RateLimited, "Quota.", 34.074824224)
    assert GEMINI.encode_error(ContentBlocked("no"))[0] == 400
    assert GEMINI.encode_error(StreamError("?"))[0] == 500
