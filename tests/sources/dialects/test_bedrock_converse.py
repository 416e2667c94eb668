"""Converse: what each event means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.bedrock import CLAUDE, END, START, STOP, content, decoded, delta
from tests.sources.dialects.canonical import names, recode, words
from tokenrill import (
    BEDROCK_CONVERSE,
    Citation,
    CompletionRequest,
    Finish,
    LimitExceeded,
    Message,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    ReplyBuilder,
    ResponseStart,
    StreamToken,
    StreamTruncated,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.bedrock_converse.decode import FINISH_REASONS, ConverseDecoder
from tokenrill.sources.dialects.bedrock_converse.encode import event_message


@st.composite
def answers(draw: st.DrawFn) -> list[StreamToken]:
    """Blocks one after the other, numbered as they come, with the calls among them numbered by themselves."""
    tokens: list[StreamToken] = [ResponseStart("", "")]
    calls = 0
    for index, kind in enumerate(draw(st.lists(st.sampled_from(["text", "thought", "redacted", "call"]), max_size=5))):
        parts = draw(st.lists(words, min_size=1, max_size=3))
        if kind == "text":
            tokens += [TextDelta(part, index) for part in parts]
        elif kind == "thought":
            tokens += [ReasoningDelta(part, index) for part in parts]
            tokens.append(ReasoningSignature(draw(words), index))
        elif kind == "redacted":
            tokens.append(ReasoningSignature("AAEC", index, kind="redacted"))
        else:
            tokens.append(ToolCallStart(draw(names), draw(names), calls))
            tokens += [ToolCallDelta(part, calls) for part in parts]
            tokens.append(ToolCallEnd(calls))
            calls += 1
    return tokens


@given(
    answers(), st.integers(0, 999), st.integers(0, 999), st.sampled_from(sorted(FINISH_REASONS)), st.integers(1, 999)
)
def test_what_is_encoded_decodes_to_the_same_tokens(
    tokens: list[StreamToken], read: int, cached: int, reason: str, cut: int
) -> None:
    usage = Usage(read + cached, 7, cache_read_input_tokens=cached)
    ours = [*tokens, usage, Finish(FINISH_REASONS[reason], reason)]
    theirs = recode(BEDROCK_CONVERSE, ours, {}, cut)
    last = theirs[len(tokens)]
    assert theirs[: len(tokens)] == tokens
    assert isinstance(last, Usage)
    assert (last.input_tokens, last.cache_read_input_tokens, last.output_tokens) == (read + cached, cached, 7)
    assert theirs[len(tokens) + 1 :] == [Raw("metadata.metrics", {"latencyMs": 0}), ours[-1]]


@given(st.lists(st.sampled_from(["text", "call", "start", "stop", "odd", "empty", "null"]), max_size=12))
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(kinds: list[str]) -> None:
    shapes: dict[str, tuple[str, dict[str, Any]]] = {
        "text": delta({"text": "a"}),
        "call": delta({"toolUse": {"input": "{"}}, 1),
        "start": ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}),
        "stop": ("contentBlockStop", {"contentBlockIndex": 1}),
        "odd": delta({"text": "x", "more": 1}),
        "empty": delta({"text": ""}),
        "null": delta({"text": None}),
    }
    wire = b"".join(event_message(*shapes[kind]) for kind in kinds)
    messages = [*BEDROCK_CONVERSE.framer().feed(event_message(*START) + wire)]
    slow, fast = ConverseDecoder(), ConverseDecoder()
    general = [token for message in messages for token in slow.feed(message)]
    mixed = [token for token in fast.feed(messages[0])]
    for message in messages[1:]:
        tokens = fast.feed_batch([message])
        mixed.extend(fast.feed(message) if tokens is None else tokens)
    assert mixed == general


def test_plain_text_and_arguments_really_take_the_typed_path() -> None:
    decoder = ConverseDecoder()
    call = {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}
    wire = [event_message(*event) for event in (START, ("contentBlockStart", call))]
    (first, second) = BEDROCK_CONVERSE.framer().feed(b"".join(wire))
    assert decoder.feed_batch([first]) is None
    assert [type(token) for message in (first, second) for token in decoder.feed(message)] == [
        ResponseStart,
        ToolCallStart,
    ]
    batch = event_message(*delta({"text": "a"})) + event_message(*delta({"toolUse": {"input": "{}"}}, 1))
    assert decoder.feed_batch([*BEDROCK_CONVERSE.framer().feed(batch)]) == [TextDelta("a"), ToolCallDelta("{}")]


def test_reasoning_its_signature_and_redacted_reasoning_go_back_byte_for_byte() -> None:
    tokens = decoded(
        START,
        delta({"reasoningContent": {"text": "Hm"}}),
        delta({"reasoningContent": {"signature": "c2ln"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        delta({"reasoningContent": {"redactedContent": "/wD+"}}, 1),
        delta({"text": "Hi"}, 2),
        STOP,
        END,
    )
    assert ReasoningSignature("/wD+", 1, kind="redacted") in tokens
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    again = CompletionRequest(model=CLAUDE, messages=[Message.user("Hi"), builder.reply().message, Message.user("?")])
    assert BEDROCK_CONVERSE.render(again)["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "/wD+"}},
        {"text": "Hi"},
    ]


def test_usage_comes_after_the_stop_and_counts_the_cache() -> None:
    usage = {"inputTokens": 6, "outputTokens": 3, "totalTokens": 14931, "cacheReadInputTokens": 14922}
    *_, counted, metrics, trace, finish = decoded(
        START, STOP, ("metadata", {"usage": usage, "metrics": {"latencyMs": 5}, "trace": {"guardrail": {"a": 1}}})
    )
    assert counted == Usage(14928, 3, cache_read_input_tokens=14922, raw=usage)
    assert metrics == Raw("metadata.metrics", {"latencyMs": 5})
    assert trace == Raw("metadata.trace", {"guardrail": {"a": 1}})
    assert finish == Finish("stop", "end_turn")


def test_citations_images_and_tools_of_the_server_pass() -> None:
    web = {
        "citation": {"title": "T", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "https://a.example"}}}
    }
    assert content(delta(web)) == [Citation("https://a.example", "T", "q", raw=web["citation"])]
    served = [
        (
            "contentBlockStart",
            {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "g", "type": "server_tool_use"}}},
        ),
        delta({"toolUse": {"input": "{}"}}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 1, "start": {"toolResult": {"toolUseId": "t", "status": "success"}}},
        ),
        delta({"toolResult": [{"text": "r"}]}, 1),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"image": {"format": "png"}}}),
        delta({"image": {"source": {"bytes": "AA=="}}}, 2),
        ("somethingNew", {"a": 1}),
    ]
    assert content(*served) == [Raw(name, data) for name, data in served]


def test_every_documented_reason_is_mapped_and_others_pass() -> None:
    documented = (
        "end_turn tool_use max_tokens stop_sequence guardrail_intervened content_filtered malformed_model_output "
        "malformed_tool_use model_context_window_exceeded"
    )
    assert set(documented.split()) == set(FINISH_REASONS)
    assert decoded(START, ("messageStop", {"stopReason": "bored"}), END)[-1] == Finish("other", "bored")


def test_a_stop_without_metadata_is_complete_and_neither_is_truncated() -> None:
    assert decoded(START, STOP)[-1] == Finish("stop", "end_turn")
    with pytest.raises(StreamTruncated):
        decoded(START, delta({"text": "Hal"}))
    with pytest.raises(StreamTruncated):
        decoded()


def test_nothing_after_the_end_counts() -> None:
    assert decoded(START, STOP, END, delta({"text": "late"}))[-1] == Finish("stop", "end_turn")


def test_calls_may_not_be_many() -> None:
    start = {"toolUse": {"toolUseId": "t", "name": "n"}}
    events = [("contentBlockStart", {"contentBlockIndex": n, "start": start}) for n in range(4097)]
    with pytest.raises(LimitExceeded, match="max_blocks"):
        decoded(START, *events)
