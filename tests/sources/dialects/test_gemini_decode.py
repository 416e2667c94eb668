"""Gemini's answers, read: parts, calls, reasons, usage, errors, frames."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.canonical import words
from tests.sources.dialects.gemini_chunks import END, USAGE, chunk, content, decode, parts, raws
from tokenrill import (
    Citation,
    Finish,
    LimitExceeded,
    Logprobs,
    MalformedEvent,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    StreamToken,
    StreamTruncated,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.gemini.decode import FINISH_REASONS, GeminiDecoder

HELLO = chunk({"text": "Hi"})


def test_thoughts_text_and_usage() -> None:
    assert decode(
        chunk({"text": "Hmm.", "thought": True}, usageMetadata={"promptTokenCount": 10, "totalTokenCount": 10}),
        chunk({"text": "Hi"}, reason="MAX_TOKENS", usageMetadata=USAGE),
    ) == [
        ResponseStart("r1", "gemini-3-pro"),
        Usage(10, kind="partial", raw={"promptTokenCount": 10, "totalTokenCount": 10}),
        ReasoningDelta("Hmm."),
        TextDelta("Hi"),
        Usage(13, 12, 4, 0, 7, raw=USAGE),
        Finish("length", "MAX_TOKENS"),
    ]


def test_signatures_keep_their_part() -> None:
    assert parts(
        {"text": "a"},
        {"text": "b", "thoughtSignature": "S1"},
        {"text": "c"},
        {"text": "", "thoughtSignature": "S2"},
    ) == [
        TextDelta("a"),
        ReasoningSignature("S1", kind="thought_signature"),
        TextDelta("b"),
        TextDelta("c", 1),
        ReasoningSignature("S2", 1, kind="thought_signature"),
    ]
    assert parts(
        {"text": "x", "thought": True, "thoughtSignature": "S1"},
        {"text": "y", "thought": True},
        {"text": "z", "thoughtSignature": "S2"},
    ) == [
        ReasoningDelta("x"),
        ReasoningSignature("S1", kind="thought_signature"),
        ReasoningDelta("y", 1),
        ReasoningSignature("S2", 2, kind="thought_signature"),
        TextDelta("z", 2),
    ]


def test_calls_get_ids_where_they_have_none() -> None:
    tokens = parts(
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "S"},
        {"functionCall": {"name": "g", "id": "own"}},
    )
    assert tokens == [
        ToolCallStart("gemini_call_r1_0", "f", 0, signature="S"),
        ToolCallDelta('{"a":1}'),
        ToolCallEnd(),
        ToolCallStart("own", "g", 1),
        ToolCallEnd(1),
    ]


def test_arguments_may_come_in_pieces() -> None:
    def piece(*arguments: dict[str, Any]) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": list(arguments), "willContinue": True}}

    tokens = parts(
        {"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "S"},
        piece({"jsonPath": "$.list[0].name", "stringValue": 'a"', "willContinue": True}),
        piece({"jsonPath": "$.list[0].name", "stringValue": "b"}, {"jsonPath": "$.list[0].n", "numberValue": 1.5}),
        piece({"jsonPath": "$.list[1]['odd key']", "boolValue": False}, {"jsonPath": "$.none", "nullValue": None}),
        {"functionCall": {}},
        {"functionCall": {"name": "g", "willContinue": True}},
        piece({"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}),
        {"text": "no end was told"},
    )
    texts = {0: "", 1: ""}
    for token in tokens:
        if isinstance(token, ToolCallDelta):
            texts[token.index] += token.arguments
    assert texts[0] == '{"list":[{"name":"a\\"b","n":1.5},{"odd key":false}],"none":null}'
    assert json.loads(texts[1]) == {"city": "Par"}
    assert sum(isinstance(token, ToolCallDelta) for token in tokens) > 4
    assert tokens[-2:] == [ToolCallEnd(1), TextDelta("no end was told")]


@pytest.mark.parametrize("path", ["", "$", "$[0]", "city", "$.a..b", "$.a[-1]", "$.a[", "$.a['b"])
def test_paths_that_cannot_be_read_are_malformed(path: str) -> None:
    with pytest.raises(MalformedEvent):
        parts({"functionCall": {"name": "f", "willContinue": True, "partialArgs": [{"jsonPath": path}]}})


def test_arguments_out_of_order_and_too_deep_are_refused() -> None:
    for paths, error in {("$.a.x", "$.b", "$.a.y"): MalformedEvent, ("$" + ".a" * 65,): LimitExceeded}.items():
        arguments = [{"jsonPath": path, "numberValue": 1} for path in paths]
        with pytest.raises(error):
            parts({"functionCall": {"name": "f", "willContinue": True, "partialArgs": arguments}})


def test_other_parts_and_fields_pass_as_they_came() -> None:
    code = {"language": "PYTHON", "code": "1+1"}
    tokens = decode(
        chunk({"executableCode": code}, turnToken="T", usageMetadata={"trafficType": "ON_DEMAND"}),
        chunk({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, turnToken="T"),
        {"candidates": [{"finishReason": "STOP", "finishMessage": "Done.", "groundingMetadata": {}}]},
    )
    assert raws(tokens) == [
        ("part.executableCode", code),
        ("turnToken", "T"),
        ("part.inlineData", {"mimeType": "image/png", "data": "AAAA"}),
        ("candidate.finishMessage", "Done."),
    ]
    assert not any(isinstance(token, Usage) for token in tokens)


def test_sources_are_told_once() -> None:
    page = {"web": {"uri": "https://e.example", "title": "E"}}
    grounding = {"groundingChunks": [page], "groundingSupports": [{"groundingChunkIndices": [0]}]}
    quote = {"uri": "https://q.example", "startIndex": 3, "endIndex": 9}
    said = {**chunk({"text": "Hi"})["candidates"][0], "groundingMetadata": grounding}
    tokens = decode(
        {"candidates": [said]},
        {"candidates": [{**said, "finishReason": "STOP", "citationMetadata": {"citationSources": [quote]}}]},
    )
    assert [token for token in tokens if isinstance(token, Citation)] == [
        Citation("https://e.example", "E", raw=page),
        Citation("https://q.example", raw=quote),
    ]
    assert raws(tokens) == [("candidate.groundingMetadata", grounding)]


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [{"token": "Hi", "tokenId": 7, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Hi", "logProbability": -0.5}]}],
    }
    tokens = decode(HELLO, {"candidates": [{"finishReason": "STOP", "logprobsResult": result}]})
    assert Logprobs((TokenLogprob("Hi", -0.5, (("Hi", -0.5),)),)) in tokens


def test_several_candidates() -> None:
    tokens = decode(
        chunk({"text": "a"}), chunk({"text": "b"}, index=1, reason="SAFETY"), chunk({"text": "c"}, reason="STOP")
    )
    assert content(tokens) == [TextDelta("a"), TextDelta("b", choice=1), TextDelta("c")]
    assert tokens[-2:] == [Finish("stop", "STOP"), Finish("content_filter", "SAFETY", 1)]
    with pytest.raises(StreamTruncated):
        decode(chunk({"text": "a"}, reason="STOP"), chunk({"text": "b"}, index=1))
    with pytest.raises(LimitExceeded, match="max_choices"):
        decode(*(chunk({"text": "a"}, index=index) for index in range(129)))


@pytest.mark.parametrize(
    ("said", "reason", "raw"),
    [
        *((word, reason, word) for word, reason in FINISH_REASONS.items()),
        ("NEW_REASON", "other", "NEW_REASON"),
        (1, "stop", "STOP"),
        (2, "length", "MAX_TOKENS"),
        (3, "content_filter", "SAFETY"),
        (8, "content_filter", "8"),
        (17, "other", "17"),
    ],
)
def test_every_reason_has_its_meaning(said: str | int, reason: Any, raw: str) -> None:
    assert decode(chunk({"text": "Hi"}, reason=said))[-1] == Finish(reason, raw)


def test_a_blocked_prompt_is_filtered_content() -> None:
    feedback: dict[str, Any] = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    tokens = decode({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}})
    assert tokens[-1] == Finish("content_filter", "PROHIBITED_CONTENT")
    assert raws(tokens) == [("promptFeedback", feedback)]


def test_a_stream_without_a_reason_is_truncated_and_tells_what_it_used() -> None:
    decoder = GeminiDecoder()
    list(decoder.feed(json.dumps({**HELLO, "usageMetadata": USAGE}).encode()))
    told: list[StreamToken] = []
    with suppress(StreamTruncated):
        told.extend(decoder.close())
    assert told == [Usage(13, 12, 4, 0, 7, kind="partial", raw=USAGE)]
    with pytest.raises(StreamTruncated):
        decode()
    with pytest.raises(StreamTruncated):
        decode({"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}})


@given(st.lists(st.tuples(st.sampled_from(["text", "empty", "signed", "usage", "two", "odd"]), words), max_size=20))
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(shapes: list[tuple[str, str]]) -> None:
    payloads = [json.dumps(HELLO).encode()]
    for number, (shape, text) in enumerate(shapes):
        part = {"text": "" if shape == "empty" else text}
        if shape == "signed":
            part["thoughtSignature"] = "S"
        made = chunk(part, *([part] if shape == "two" else []))
        if shape == "usage":
            made["usageMetadata"] = {"promptTokenCount": number, "totalTokenCount": number}
        if shape == "odd":
            made["unheardOf"] = text
        payloads.append(json.dumps(made).encode())
    slow, fast = GeminiDecoder(), GeminiDecoder()
    expected = [token for payload in payloads for token in slow.feed(payload)]
    got = list(fast.feed(payloads[0]))
    for payload in payloads[1:]:
        batch = fast.feed_batch([payload])
        got.extend(fast.feed(payload) if batch is None else batch)
    end = json.dumps(chunk(reason="STOP")).encode()
    expected += [*slow.feed(end), *slow.close()]
    got += [*fast.feed(end), *fast.close()]
    assert got == expected


def test_plain_text_really_takes_the_typed_path() -> None:
    decoder = GeminiDecoder()
    recorded = {**HELLO, "usageMetadata": {**USAGE, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}]}}
    list(decoder.feed(json.dumps({**HELLO, "usageMetadata": USAGE}).encode()))
    batch = decoder.feed_batch([json.dumps(recorded).encode()] * 2)
    assert batch is not None
    assert list(batch) == [TextDelta("Hi")] * 2
    list(decoder.feed(json.dumps(END).encode()))
    assert next(iter(decoder.close())) == Usage(13, 12, 4, 0, 7, raw=recorded["usageMetadata"])
