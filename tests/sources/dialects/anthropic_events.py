"""A whole answer in Anthropic's Messages dialect, event by event, beside its tokens; and short ways to write others."""

from __future__ import annotations

import json
from typing import Any

from tokenrill import (
    ANTHROPIC_MESSAGES,
    Citation,
    Finish,
    Raw,
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
from tokenrill.sources.dialects.anthropic_messages.decode import MessagesDecoder

__all__ = [
    "ANSWER",
    "CITED",
    "FOUND",
    "SEARCH",
    "STOP",
    "TOKENS",
    "begin",
    "decode",
    "delta",
    "encode",
    "end",
    "message",
    "payloads",
    "stop",
]

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Ruby"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "Eo8"}]}
CITED = {"type": "char_location", "cited_text": "1993.", "document_title": "facts.txt", "start_char_index": 0}
STOP: dict[str, Any] = {"type": "message_stop"}


def message(**fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 9, "cache_read_input_tokens": 5, "output_tokens": 1}
    return {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": usage, **fields}}


def begin(index: int, kind: str, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **block}}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def stop(reason: str | None = "end_turn", *, output: int = 30, **fields: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **fields}, "usage": {"output_tokens": output}}


ANSWER: list[dict[str, Any]] = [
    message(),
    {"type": "ping"},
    begin(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="Let me"),
    delta(0, "thinking_delta", thinking=" see"),
    delta(0, "signature_delta", signature="EqQB+/="),
    end(0),
    begin(1, "redacted_thinking", data="Emw"),
    end(1),
    begin(2, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    delta(2, "input_json_delta", partial_json=""),
    delta(2, "input_json_delta", partial_json='{"query": '),
    delta(2, "input_json_delta", partial_json='"Ruby"}'),
    end(2),
    begin(3, "web_search_tool_result", **{name: value for name, value in FOUND.items() if name != "type"}),
    end(3),
    begin(4, "text", text="", citations=[]),
    delta(4, "text_delta", text="It is "),
    delta(4, "text_delta", text="1993"),
    delta(4, "citations_delta", citation=CITED),
    end(4),
    begin(5, "tool_use", id="toolu_1", name="weather", input={}),
    delta(5, "input_json_delta", partial_json=""),
    delta(5, "input_json_delta", partial_json='{"city":'),
    delta(5, "input_json_delta", partial_json='"Bern"}'),
    end(5),
    begin(6, "tool_use", id="toolu_2", name="now", input={}),
    end(6),
    stop("tool_use", stop_details=None, container={"id": "container_1"}),
    STOP,
]
TOKENS: list[StreamToken] = [
    ResponseStart("msg_1", "claude"),
    Usage(14, 1, 5, kind="partial", raw={"input_tokens": 9, "cache_read_input_tokens": 5, "output_tokens": 1}),
    ReasoningDelta("Let me"),
    ReasoningDelta(" see"),
    ReasoningSignature("EqQB+/="),
    ReasoningSignature("Emw", 1, kind="redacted"),
    Raw("content_block", SEARCH),
    ReasoningSignature(json.dumps(SEARCH, separators=(",", ":")), 2, kind="block"),
    Raw("content_block", FOUND),
    ReasoningSignature(json.dumps(FOUND, separators=(",", ":")), 3, kind="block"),
    TextDelta("It is ", 4),
    TextDelta("1993", 4),
    Citation(None, "facts.txt", "1993.", 4, raw=CITED),
    ToolCallStart("toolu_1", "weather"),
    ToolCallDelta('{"city":'),
    ToolCallDelta('"Bern"}'),
    ToolCallEnd(),
    ToolCallStart("toolu_2", "now", 1),
    ToolCallEnd(1),
    Usage(14, 30, 5, raw={"input_tokens": 9, "cache_read_input_tokens": 5, "output_tokens": 30}),
    Raw("delta.container", {"id": "container_1"}),
    Finish("tool_calls", "tool_use"),
]


def payloads(*events: dict[str, Any] | bytes) -> list[bytes]:
    return [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]


def decode(*events: dict[str, Any] | bytes) -> list[StreamToken]:
    decoder = MessagesDecoder()
    tokens = [token for payload in payloads(*events) for token in decoder.feed(payload)]
    return [*tokens, *decoder.close()]


def encode(*tokens: StreamToken) -> list[dict[str, Any]]:
    encoder = ANTHROPIC_MESSAGES.encode({"model": "claude"})
    wire = b"".join(piece for token in tokens for piece in encoder.feed(token)) + b"".join(encoder.close())
    blocks = [block.split(b"\n") for block in wire.split(b"\n\n")[:-1]]
    events = [json.loads(data.removeprefix(b"data: ")) for _, data in blocks]
    assert [name for name, _ in blocks] == [b"event: " + event["type"].encode() for event in events]
    return events
