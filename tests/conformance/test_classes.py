"""Kinds of recordings that are rare, written by hand in the corpus's format: decoder and oracle agree on each."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import Case
from tests.conformance.corpus import judge
from tests.conformance.oracles import ORACLES
from tokenrill import Finish, Reply, ReplyBuilder, ResponseStart, TextDelta, Usage
from tokenrill.streams.eventstream import encode_message

EMPTY: Mapping[str, Any] = {
    "text": None, "reasoning_text": None, "tool_calls": [], "finish_reason": None, "usage": None, "error": None
}  # fmt: skip
COUNTS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
COUNTED = {"input_tokens": 3, "output_tokens": 2, "cached_tokens": None, "reasoning_tokens": None, "raw": COUNTS}
USED = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def case(api: str, body: bytes | str, provider: str = "any", **expected: Any) -> Case:
    data = body.encode() if isinstance(body, str) else body
    record = {"provider": provider, "api": api, "body_base64": base64.b64encode(data).decode()}
    return Case(Path("made.json"), {**record, "expected": {**EMPTY, **expected}})


def sse(*payloads: Any, end: str = "\n\n", names: bool = False) -> str:
    texts = [payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads]
    heads = [f"event: {payload['type']}\n" if names and isinstance(payload, dict) else "" for payload in payloads]
    return "\n\n".join(f"{head}data: {text}" for head, text in zip(heads, texts, strict=True)) + end


def chunk(delta: Mapping[str, Any] | None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": reason, **({} if delta is None else {"delta": delta})}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


def candidate(text: str | None, reason: str | int | None = None, **more: Any) -> dict[str, Any]:
    content: Any = {} if text is None else {"role": "model", "parts": [{"text": text}]}
    return {"candidates": [{"content": content, **({"finishReason": reason} if reason else {})}], **more}


def frame(event: str, body: Any, kind: str = "event") -> bytes:
    headers = {f":{kind}-type": event, ":content-type": "application/json", ":message-type": kind}
    return encode_message(headers, json.dumps(body).encode())


def native(body: Any) -> bytes:
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(body).encode()).decode(), "p": "abc"})


AUDIO: list[Any] = [
    chunk({"role": "assistant", "content": None, "audio": {"id": "a", "transcript": "Hi"}}),
    {"id": "c", "choices": [], "usage": COUNTS},
    {"id": "c", "choices": [{"index": 0, "delta": {"audio": {"data": "UklGRg=="}}}]},
    "[DONE]",
]
FILTERED = [
    {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    chunk({"content": "Hi"}),
    chunk(None, content_filter_results={}, content_filter_offsets={"check_offset": 3}),
    chunk({}, "stop"),
    "[DONE]",
]
ITEM = {"id": "ig", "type": "image_generation_call", "status": "in_progress"}
MADE = {**ITEM, "status": "completed", "result": "iVBORw0KGgo="}
RESPONSE: dict[str, Any] = {"id": "r", "model": "m", "output": [MADE], "status": "completed"}
RESPONSE["usage"] = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
IMAGE: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "r", "model": "m", "output": []}},
    {"type": "keepalive", "sequence_number": 1},
    {"type": "response.output_item.added", "output_index": 0, "item": ITEM},
    {"type": "response.image_generation_call.partial_image", "item_id": "ig", "partial_image_b64": "iVBO" * 20_000},
    {"type": "response.output_item.done", "output_index": 0, "item": MADE},
    {"type": "response.completed", "response": RESPONSE},
]
MESSAGE: dict[str, Any] = {"id": "m", "model": "c", "role": "assistant", "content": [], "usage": {"input_tokens": 3}}
CLAUDE: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
SAID: dict[str, Any] = {"text": "Hi", "block_types": ["text"], "event_types": {}, "usage": None}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
FAILED = {"message": "The model's stream broke.", "originalStatusCode": 500}
BROKE = "An error occurred (modelStreamErrorException) when calling the operation: The model's stream broke."
BAD = {"type": "ValueError", "message": "Bad response code, expected 200: {'body': b'…'}"}
NUMBERED = [candidate("Hi"), candidate(" there", 2, usageMetadata=USED)]
STARTED = {"messageStart": {"role": "assistant"}}
LLAMA = {"generation": "Hi", "generation_token_count": 1, "stop_reason": None}
OLLAMA = {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": False}
KEPT = ": keepalive\n\n" + sse(chunk({"content": "Hi"}), chunk({}, "stop"), "[DONE]")
SURPRISING = {"stage": "decode", "type": "APIError", "message": "An error occurred during streaming"}

CASES = {
    "audio without a finish reason": case("chat_completions", sse(*AUDIO), usage=COUNTED),
    "truncated": case("chat_completions", sse(chunk({"content": "Hi"})), text="Hi"),
    "a comment to keep it alive": case("chat_completions", KEPT, "xai", text="Hi", finish_reason="stop"),
    "no blank line at the end": case(
        "chat_completions", sse(chunk({"content": "Hi"}), chunk({}, "stop"), "[DONE]", end="\n"),
        text="Hi", finish_reason="stop",
    ),
    "costs after the end": case(
        "chat_completions", sse(chunk({"content": "Hi"}, "stop"), "[DONE]", {"choices": [], "cost": "0"}),
        text="Hi", finish_reason="stop",
    ),
    "an error that is a text": case("chat_completions", sse({"error": "Out of memory."}), error=SURPRISING),
    "an error beside choices": case(
        "chat_completions",
        sse(chunk({"content": "Hi"}), chunk({"content": ""}, "error", error={"code": 502, "message": "Upstream."})),
        text="Hi", error={"type": "APIError", "message": "Upstream."},
    ),
    "a filter's choice without delta": case(
        "chat_completions", sse(*FILTERED), "azure_openai", text="Hi", finish_reason="stop"
    ),
    "a generated image": case("responses", sse(*IMAGE, names=True), "azure_openai", text="", finish_reason="completed"),
    "an unfinished response": case("responses", sse(*IMAGE[:4], names=True), text=""),
    "pause_turn": case("messages", sse(*CLAUDE, names=True), **SAID, finish_reason="pause_turn"),
    "the last event unterminated": case(
        "messages", sse(*CLAUDE, end="\n", names=True), **SAID, finish_reason="pause_turn"
    ),
    "Claude cut off": case("stream_raw_predict", sse(*CLAUDE[:3], names=True), **SAID),
    "Claude's error": case(
        "messages", sse(*CLAUDE[:3], OVERLOADED, names=True), **SAID,
        error={"type": "APIStatusError", "message": str(OVERLOADED)},
    ),
    "nothing at all in the content": case("stream_generate_content", sse(candidate(None)), text=""),
    "Gemini cut off": case("stream_generate_content", sse(candidate("Hi")), text="Hi"),
    "what is no JSON": case(
        "stream_generate_content", sse(candidate("Hi"), '{"candidates": [{"content'), text="Hi",
        error={"type": "UnknownApiResponseError", "message": "Failed to parse response as JSON."},
    ),
    "numbered enums, as an array": case(
        "stream_generate_content", json.dumps(NUMBERED), error={"type": "AttributeError", "message": "int"}
    ),
    "an unknown reason": case("stream_generate_content", sse(candidate("Hi", "NEW")), text="Hi", finish_reason="NEW"),
    "an exception inside Converse": case(
        "converse_stream", frame("messageStart", {"role": "assistant", "p": "a"})
        + frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
        + frame("modelStreamErrorException", FAILED, "exception"),
        text="Hi", error={"type": "EventStreamError", "message": BROKE},
    ),
    "an exception inside Claude's InvokeModel": case(
        "invoke_with_response_stream",
        b"".join(map(native, CLAUDE[:3])) + frame("modelStreamErrorException", FAILED, "exception"),
        **SAID, error=BAD,
    ),
    "an exception inside another's InvokeModel": case(
        "invoke_with_response_stream", native(LLAMA) + frame("throttlingException", FAILED, "exception"), error=BAD
    ),
    "another's InvokeModel cut off": case("invoke_with_response_stream", native(LLAMA), payloads=[LLAMA]),
    "lines of JSON, cut off": case("ollama_chat", json.dumps(OLLAMA) + "\n", text="Hi"),
    "lines of JSON with an error": case(
        "ollama_chat", json.dumps(OLLAMA) + '\n{"error": "the runner stopped"}\n', text="Hi",
        error={"type": "ResponseError", "message": "the runner stopped (status code: 200)"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_decoder_and_oracle_agree_on_a_rare_kind(name: str) -> None:
    assert judge(CASES[name]) is None


@pytest.mark.parametrize("api", ORACLES)
@pytest.mark.parametrize("expected", [{}, EMPTY, {**EMPTY, "usage": {}}, {**EMPTY, "usage": {"raw": None}}])
def test_an_oracle_can_do_without_any_key(api: str, expected: Mapping[str, Any]) -> None:
    record = {"provider": "any", "api": api, "body_base64": "", "expected": expected}
    used = Usage(1, 1, raw={"input_tokens": 1, "totalTokenCount": 2})
    rows = list(ORACLES[api](record, reply(used), (), None))
    assert rows


def reply(*more: Any) -> Reply:
    builder = ReplyBuilder()
    tokens: Sequence[Any] = (ResponseStart("r", "m"), TextDelta("Hi"), *more, Finish("stop", "stop"))
    for token in tokens:
        builder.feed(token)
    return builder.reply()
