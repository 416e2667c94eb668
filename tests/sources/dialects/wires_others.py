"""Answers of Google's, Amazon's and Ollama's dialects as servers stream them."""

from __future__ import annotations

import base64
from typing import Any, Final

from tests.sources.dialects.wire import TEXT_BLOCK, Wire, padding, sse, written
from tokenrill.sources.dialects.bedrock_converse import BEDROCK_CONVERSE
from tokenrill.sources.dialects.bedrock_invoke import BEDROCK_INVOKE
from tokenrill.sources.dialects.gemini import GEMINI
from tokenrill.sources.dialects.gemini_interactions import GEMINI_INTERACTIONS
from tokenrill.sources.dialects.ollama_chat import OLLAMA_CHAT
from tokenrill.streams.eventstream import encode_message

__all__ = ["OTHERS"]


def part(part: dict[str, Any], number: int, *, counts: bool = True, **more: Any) -> bytes:
    usage = {"promptTokenCount": 8, "totalTokenCount": number + 9, "promptTokensDetails": [{"modality": "TEXT"}]}
    counted = {**usage, "candidatesTokenCount": number} if counts else {"trafficType": "ON_DEMAND"}
    said = {"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0, **more}]}
    return sse({**said, "usageMetadata": counted, "responseId": "r1"}, number=number, end="\r\n")


GEMINI_ODD: Final = (
    part({"text": "hm", "thought": True}, 3),
    part({"text": "x", "thoughtSignature": "c2ln"}, 4),
    part({"functionCall": {"name": "f", "args": {}}}, 5),
    part({"text": "x"}, 6, counts=False),
    part({"text": "x"}, 7, safetyRatings=[{"category": 1}]),
    sse({"usageMetadata": {"totalTokenCount": 0}}, end="\r\n"),
    *(
        part({"text": "x"}, 8).replace(b'Count":8', b'Count":' + count)
        for count in (b"0", b"08", b"-8", b"1.5", b'"8"')
    ),
)


def step(delta: dict[str, Any], number: int) -> bytes:
    event = {"event_type": "step.delta", "index": 0, "delta": delta, "event_id": f"e{number}"}
    return sse(event, "step.delta", number=number)


def begun(**given: Any) -> bytes:
    return sse({"event_type": "step.start", "index": 0, "step": given}, "step.start")


def aws(kind: str, payload: str) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, payload.encode())


def converse(delta: dict[str, Any], number: int) -> bytes:
    return aws("contentBlockDelta", written({"contentBlockIndex": 0, "delta": delta, "p": padding(number)}, number))


def invoked(value: Any, number: int = 0) -> bytes:
    return aws("chunk", written({"bytes": base64.b64encode(written(value, number).encode()).decode(), "p": "ab"}))


def line(message: dict[str, Any], number: int = 0, **more: Any) -> bytes:
    return f"{written({'model': 'm', 'created_at': str(number), 'message': message, 'done': False, **more})}\n".encode()


NOVA_BEGIN: Final = invoked({"messageStart": {"role": "assistant"}}) + invoked(
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "t", "name": "f"}}, "contentBlockIndex": 1}}
)
OTHERS: Final[dict[str, Wire]] = {
    "gemini": Wire(GEMINI, lambda n, text: part({"text": text}, n), b"", GEMINI_ODD),
    "gemini, thoughts": Wire(GEMINI, lambda n, text: part({"text": text, "thought": True}, n), b"", GEMINI_ODD),
    "vertex": Wire(GEMINI, lambda n, text: part({"text": text}, n, counts=False), b"", GEMINI_ODD),
    "interactions": Wire(
        GEMINI_INTERACTIONS, lambda n, text: step({"type": "text", "text": text}, n), begun(type="model_output")
    ),
    "interactions, thoughts": Wire(
        GEMINI_INTERACTIONS,
        lambda n, text: step({"type": "thought_summary", "content": {"type": "text", "text": text}}, n),
        begun(type="thought"),
        (step({"type": "thought_signature", "signature": "s"}, 3),),
    ),
    "interactions, calls": Wire(
        GEMINI_INTERACTIONS,
        lambda n, text: step({"type": "arguments_delta", "arguments": text}, n),
        begun(type="function_call", id="c", name="f"),
        (step({"type": "text", "text": "x"}, 3),),
    ),
    "converse": Wire(
        BEDROCK_CONVERSE,
        lambda n, text: converse({"text": text}, n),
        aws("messageStart", '{"role":"assistant"}'),
        (converse({"reasoningContent": {"text": "hm"}}, 2), converse({"toolUse": {"input": "x"}}, 3)),
    ),
    "converse, reasoning": Wire(
        BEDROCK_CONVERSE,
        lambda n, text: converse({"reasoningContent": {"text": text}}, n),
        aws("messageStart", '{"role":"assistant"}'),
        (converse({"reasoningContent": {"signature": "s"}}, 2),),
    ),
    "invoke, claude": Wire(
        BEDROCK_INVOKE,
        lambda n, text: invoked(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}, n
        ),
        invoked({"type": "content_block_start", "index": 0, "content_block": TEXT_BLOCK}),
    ),
    "invoke, nova": Wire(
        BEDROCK_INVOKE,
        lambda n, text: invoked(
            {
                "contentBlockDelta": {
                    "delta": {"toolUse": {"input": text}} if n % 5 else {"text": text},
                    "contentBlockIndex": 1,
                }
            },
            n,
        ),
        NOVA_BEGIN,
    ),
    "invoke, mistral": Wire(
        BEDROCK_INVOKE, lambda n, text: invoked({"outputs": [{"text": text, "stop_reason": None}]}, n)
    ),
    "invoke, cohere": Wire(BEDROCK_INVOKE, lambda n, text: invoked({"is_finished": False, "text": text}, n)),
    "ollama": Wire(OLLAMA_CHAT, lambda n, text: line({"role": "assistant", "content": text}, n)),
    "ollama, thoughts": Wire(
        OLLAMA_CHAT,
        lambda n, text: line({"role": "assistant", "content": "", "thinking": text}, n),
        b"",
        (line({"content": "x", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}), b"\n"),
    ),
}
