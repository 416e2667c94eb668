"""Anthropic's Messages, read: what is particular to its stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sources.dialects.anthropic_events import (
    ANSWER,
    FOUND,
    SEARCH,
    STOP,
    TOKENS,
    begin,
    decode,
    delta,
    end,
    message,
    payloads,
    stop,
)
from tokenrill import (
    ANTHROPIC_MESSAGES,
    CompletionRequest,
    Finish,
    Message,
    Raw,
    ReasoningSignature,
    ReplyBuilder,
    StreamTruncated,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.anthropic_messages.decode import FINISH_REASONS, MessagesDecoder


def test_every_kind_of_block_becomes_its_tokens() -> None:
    assert decode(*ANSWER) == TOKENS


def test_a_reply_handed_back_holds_every_block_as_the_vendor_sent_it() -> None:
    builder = ReplyBuilder()
    for token in TOKENS:
        builder.feed(token)
    turn = ANTHROPIC_MESSAGES.render(
        CompletionRequest(model="claude", messages=(Message.user("When?"), builder.reply().message))
    )["messages"][1]
    assert turn["content"] == [
        {"type": "thinking", "thinking": "Let me see", "signature": "EqQB+/="},
        {"type": "redacted_thinking", "data": "Emw"},
        SEARCH,
        FOUND,
        {"type": "text", "text": "It is 1993"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ]


def test_thinking_that_is_not_shown_still_hands_its_signature_back() -> None:
    tokens = decode(message(), begin(0, "thinking", thinking="", signature="Eq"), end(0), stop(), STOP)
    assert ReasoningSignature("Eq") in tokens


def test_plain_deltas_in_a_batch_give_what_they_give_one_by_one() -> None:
    for event in ANSWER:
        whole, batched = MessagesDecoder(), MessagesDecoder()
        for before in payloads(*ANSWER[: ANSWER.index(event)]):
            list(whole.feed(before))
            list(batched.feed(before))
        payload = json.dumps(event).encode()
        together = batched.feed_batch([payload, payload])
        if together is not None:
            assert list(together) == [*whole.feed(payload), *whole.feed(payload)]
        plain = event["type"] == "content_block_delta" and event["index"] in (0, 4, 5)
        assert (together is not None) == (
            plain and event["delta"]["type"] not in ("signature_delta", "citations_delta")
        )


@pytest.mark.parametrize(
    "event",
    [
        delta(0, "text_delta", text="x", why="more than plain"),
        delta(1, "text_delta", text="x"),
        delta(0, "thinking_delta", thinking="x"),
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 1}},
        {"index": 0, "delta": {"type": "text_delta", "text": "x"}},
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}',
    ],
)
def test_a_delta_that_is_not_plain_goes_the_general_way(event: dict[str, Any] | bytes) -> None:
    decoder = MessagesDecoder()
    for payload in payloads(message(), begin(0, "text", text="")):
        list(decoder.feed(payload))
    assert decoder.feed_batch(payloads(event)) is None


def test_a_call_whose_input_stands_in_its_start_is_told_once() -> None:
    given = begin(0, "tool_use", id="c", name="f", input={"a": 1})
    told = [ToolCallStart("c", "f"), ToolCallDelta('{"a":1}'), ToolCallEnd()]
    assert decode(message(), given, end(0), stop(), STOP)[2:5] == told
    again = decode(message(), given, delta(0, "input_json_delta", partial_json='{"a":2}'), end(0), stop(), STOP)
    assert again[3:5] == [ToolCallDelta('{"a":2}'), ToolCallEnd()]


def test_what_code_execution_calls_is_handed_back_with_its_caller() -> None:
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    tokens = decode(message(), begin(0, "tool_use", id="c", name="f", input={}, caller=caller), end(0), stop(), STOP)
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    request = CompletionRequest(model="m", messages=(Message.user("Hi"), builder.reply().message))
    rendered = ANTHROPIC_MESSAGES.render(request)["messages"][1]["content"]
    assert rendered == [{"type": "tool_use", "id": "c", "name": "f", "input": {}, "caller": caller}]
    parsed = ANTHROPIC_MESSAGES.parse(ANTHROPIC_MESSAGES.render(request)).turns[1].parts[0]
    assert isinstance(parsed, ToolCall)
    assert parsed.signature == builder.reply().tool_calls[0].signature


def test_a_compaction_is_gathered_and_handed_back() -> None:
    block = {"type": "compaction", "content": "So far: hello."}
    told = delta(0, "compaction_delta", content="So far: hello.")
    tokens = decode(message(), begin(0, "compaction", content=None), told, end(0), stop("compaction"), STOP)
    assert Raw("content_block", block) in tokens
    assert tokens[-1] == Finish("other", "compaction")


@pytest.mark.parametrize("reason", sorted(FINISH_REASONS))
def test_every_stop_reason_is_mapped_and_kept(reason: str) -> None:
    assert decode(message(), stop(reason), STOP)[-1] == Finish(FINISH_REASONS[reason], reason)


def test_an_unknown_stop_reason_passes_as_other() -> None:
    assert decode(message(), stop("tired"), STOP)[-1] == Finish("other", "tired")


def test_counts_are_merged_not_summed() -> None:
    more = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 40, "input_tokens": None}}
    last = {
        "type": "message_delta",
        "delta": {},
        "usage": {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 7}},
    }
    usages = [token for token in decode(message(), more, stop(), last, STOP) if isinstance(token, Usage)]
    assert [(usage.kind, usage.input_tokens, usage.output_tokens) for usage in usages] == [
        ("partial", 14, 1),
        ("exact", 14, 40),
        ("exact", 14, 30),
        ("exact", 14, 50),
    ]
    assert usages[-1].reasoning_output_tokens == 7
    assert (usages[-1].raw or {})["input_tokens"] == 9


def test_a_gateway_that_begins_with_zeros_has_told_nothing() -> None:
    tokens = decode(message(usage={"input_tokens": 0, "output_tokens": 0}), stop(), STOP)
    assert [token.kind for token in tokens if isinstance(token, Usage)] == ["exact"]


def test_done_after_the_stream_and_whatever_follows_it_are_ignored() -> None:
    plain = decode(message(), stop(), STOP)
    assert decode(message(), stop(), STOP, b"[DONE]", delta(0, "text_delta", text="late"), b"{") == plain
    assert decode(message(), stop(), b"[DONE]", b"{") == plain


def test_a_missing_last_blank_line_loses_nothing() -> None:
    wire = b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in ANSWER)
    assert ANTHROPIC_MESSAGES.decode([wire[:-2]]) == TOKENS
    nameless = b"".join(b"data: %s\n\n" % payload for payload in payloads(*ANSWER))
    assert ANTHROPIC_MESSAGES.decode([nameless]) == TOKENS


@pytest.mark.parametrize("length", [0, 1, 4, 12, 20, 28])
def test_a_stream_that_is_cut_before_its_stop_reason_is_truncated(length: int) -> None:
    with pytest.raises(StreamTruncated):
        decode(*ANSWER[:length])
    with pytest.raises(StreamTruncated):
        decode(*ANSWER[:length], b"[DONE]")


def test_blocks_that_nobody_ended_end_with_the_answer() -> None:
    tokens = decode(message(), begin(0, "tool_use", id="c", name="f", input={}), stop("tool_use"), STOP)
    assert tokens[-2:] == [ToolCallEnd(), Finish("tool_calls", "tool_use")]


def test_what_is_not_known_passes_as_it_came_and_repetitions_once() -> None:
    new = {"type": "weather_report", "sky": "blue"}
    odd = delta(0, "hum_delta", hum="la")
    tokens = decode(
        message(provider="Amazon Bedrock"),
        begin(0, "text", text="", mood="calm"),
        {**delta(0, "text_delta", text="a"), "p": "x"},
        {**delta(0, "text_delta", text="b"), "p": "x"},
        odd,
        end(0),
        new,
        {**stop(stop_sequence="END"), "context_management": {"applied_edits": []}},
        {**STOP, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
    )
    assert [token for token in tokens if isinstance(token, Raw)] == [
        Raw("message.provider", "Amazon Bedrock"),
        Raw("content_block.mood", "calm"),
        Raw("content_block_delta.p", "x"),
        Raw("content_block_delta", odd),
        Raw("weather_report", new),
        Raw("delta.stop_sequence", "END"),
        Raw("context_management", {"applied_edits": []}),
        Raw("amazon-bedrock-invocationMetrics", {"inputTokenCount": 1}),
    ]
