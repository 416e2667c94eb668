"""Anthropic's Messages, written: the vendor's own events, and they read back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from tests.sources.dialects.anthropic_events import (
    STOP,
    begin,
    delta,
    encode,
    end,
)
from tests.sources.dialects.canonical import answer, names, recode, words
from tokenrill import (
    ANTHROPIC_MESSAGES,
    Citation,
    Finish,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.anthropic_messages.decode import FINISH_REASONS
from tokenrill.sources.dialects.anthropic_messages.usage import parse_usage


@st.composite
def contents(draw: st.DrawFn) -> list[StreamToken]:
    tokens: list[StreamToken] = []
    calls = 0
    for index in range(draw(st.integers(0, 5))):
        parts = draw(st.lists(words, min_size=1, max_size=3))
        match draw(st.sampled_from(["text", "cited", "thinking", "redacted", "call", "opaque", "event"])):
            case "text":
                tokens += [TextDelta(part, index) for part in parts]
            case "cited":
                raw = {"type": "web_search_result_location", "cited_text": "c", "title": "t", "url": "https://e.com"}
                tokens += [
                    *(TextDelta(part, index) for part in parts),
                    Citation("https://e.com", "t", "c", index, raw=raw),
                ]
            case "thinking":
                tokens += [*(ReasoningDelta(part, index) for part in parts), ReasoningSignature(parts[0], index)]
            case "redacted":
                tokens.append(ReasoningSignature(parts[0], index, kind="redacted"))
            case "call":
                tokens += [ToolCallStart(f"toolu_{calls}", draw(names), calls)]
                tokens += [*(ToolCallDelta(part, calls) for part in parts), ToolCallEnd(calls)]
                calls += 1
            case "opaque":
                block = {"type": "mcp_tool_use", "id": "m", "input": {"q": parts[0]}, "server_name": "s"}
                held = json.dumps(block, ensure_ascii=False, separators=(",", ":"))
                tokens += [Raw("content_block", block), ReasoningSignature(held, index, kind="block")]
            case _:
                tokens += [TextDelta(parts[0], index), Raw("hum", {"type": "hum", "of": parts[0]})]
    return tokens


counted = st.fixed_dictionaries(
    {
        "input_tokens": st.integers(1, 10**6),
        "cache_creation_input_tokens": st.integers(0, 10**4),
        "cache_read_input_tokens": st.integers(0, 10**4),
        "output_tokens": st.integers(1, 10**6),
    }
)


@settings(max_examples=200, deadline=None)
@given(contents(), counted, st.booleans(), st.sampled_from(sorted(FINISH_REASONS)), st.integers(1, 60))
def test_what_it_writes_reads_back(
    content: list[StreamToken], counts: dict[str, int], early: bool, reason: str, cut: int
) -> None:
    partial = [parse_usage({**counts, "output_tokens": 1}, "partial")] if early else []
    rest: list[StreamToken] = [Raw("message.speed", "fast"), *content]
    finish = Finish(FINISH_REASONS[reason], reason)
    tokens = answer(ResponseStart("msg_1", "claude"), [*partial, *rest], parse_usage(counts), finish)
    assert recode(ANTHROPIC_MESSAGES, tokens, {"model": "claude"}, cut) == tokens


def test_it_writes_the_events_in_the_vendors_order() -> None:
    # https://platform.claude.com/docs/en/build-with-claude/streaming#basic-streaming-request
    usage = {"input_tokens": 25, "output_tokens": 15}
    start: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    zero = {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0}}
    events = encode(
        ResponseStart("msg_1", "claude"),
        TextDelta("Hello"),
        TextDelta("!"),
        parse_usage(usage),
        Finish("stop", "end_turn"),
    )
    assert events == [
        {"type": "message_start", "message": {**start, **zero}},
        begin(0, "text", text=""),
        {"type": "ping"},
        delta(0, "text_delta", text="Hello"),
        delta(0, "text_delta", text="!"),
        end(0),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        STOP,
    ]
    assert list(events[0]["message"]) == [*start, *zero]


def test_another_vendors_answer_is_written_in_this_vendors_words() -> None:
    events = encode(
        ResponseStart("chatcmpl-1", "gpt"),
        RefusalDelta("No."),
        ToolCallStart("a", "f"),
        ToolCallStart("b", "g", 1),
        ToolCallDelta("{}", 0),
        ToolCallDelta("{}", 1),
        ToolCallEnd(0),
        ToolCallEnd(1),
        TextDelta("another choice", 0, 1),
        ReasoningSignature("rs_1", kind="id"),
        Usage(100, 7, 60, 10, 5),
        Finish("tool_calls", "tool_calls"),
    )
    kinds = [(event["type"], event.get("index")) for event in events if event["type"].startswith("content")]
    assert [index for kind, index in kinds if kind == "content_block_start"] == [0, 1, 2]
    assert [index for kind, index in kinds if kind == "content_block_stop"] == [0, 1, 2]
    assert delta(1, "input_json_delta", partial_json="{}") in events
    assert "another choice" not in json.dumps(events)
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"] == {
        "input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 60,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 5},
    }
    broken = encode(ResponseStart("1", "gpt"), TextDelta("x"), Finish("error", "error"))
    assert broken[-1]["type"] == "error"
