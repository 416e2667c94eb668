"""Answers of every dialect as servers stream them, each of one kind of thing that is said piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.sources.dialects.wire import TEXT_BLOCK, Wire, padding, sse
from tests.sources.dialects.wires_others import OTHERS
from tokenrill.sources.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from tokenrill.sources.dialects.azure_chat import AZURE_CHAT
from tokenrill.sources.dialects.openai_chat import OPENAI_CHAT
from tokenrill.sources.dialects.openai_responses import OPENAI_RESPONSES

__all__ = ["WIRES"]


def chunk(delta: dict[str, Any], number: int = 0, choice: int = 0, **more: Any) -> bytes:
    said = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": None}
    return sse({"id": "c1", "created": 1, "model": "modèle", "choices": [said], **more}, number=number)


def call(fragment: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, **fragment}]}


CALL: Final = chunk(call({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}))
CHAT_ODD: Final = (
    b": ping\n\n",
    chunk({}),
    chunk({"role": "assistant", "content": None}),
    chunk({"content": "x"}, unheard_of=1),
    chunk({"content": "other"}, choice=1),
    chunk({"content": "both", "reasoning_content": "why"}),
    chunk({"refusal": "no"}),
    chunk({"content": "x"}, usage={"prompt_tokens": 3}),
    sse({"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
    CALL,
    chunk(call({"function": {"arguments": "{}"}})),
    chunk(call({"function": {"name": "g", "arguments": "{}"}, "id": "call_2"})),
    chunk({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
)
FILTER: Final = {"hate": {"filtered": False, "severity": "safe"}}


def filtered(number: int, text: str) -> bytes:
    said = {"index": 0, "delta": {"content": text}, "finish_reason": None, "content_filter_results": FILTER}
    return sse(
        {"id": "c1", "created": 1, "model": "m", "choices": [said], "obfuscation": padding(number)}, number=number
    )


def routed(number: int, text: str) -> bytes:
    """OpenRouter's chunk, which says its reasoning twice."""
    details = [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}]
    delta = {"role": "assistant", "content": "", "reasoning": text, "reasoning_details": details}
    said = {"index": 0, "delta": delta, "finish_reason": None, "native_finish_reason": None, "logprobs": None}
    return sse({"id": "g", "provider": "P", "model": "m", "created": number // 9, "choices": [said]}, number=number)


def claude(delta: dict[str, Any], number: int) -> bytes:
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    return sse(event, "content_block_delta", padding=" " * (number * 3 % 8), number=number)


def claude_begin(block: dict[str, Any]) -> bytes:
    start = {"type": "message_start", "message": {"id": "m1", "model": "m", "usage": {"input_tokens": 3}}}
    return sse(start, "message_start") + sse({"type": "content_block_start", "index": 0, "content_block": block}, "b")


CLAUDE_ODD: Final = (
    sse({"type": "ping"}, "ping"),
    sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
    claude({"type": "citations_delta", "citation": {"url": "https://a.example"}}, 0),
    claude({"type": "text_delta", "text": "x", "unheard_of": 1}, 0),
)


def spoken(kind: str, **more: Any) -> Callable[[int, str], bytes]:
    def event(number: int, text: str) -> bytes:
        said = {"type": kind, "sequence_number": number + 2, "item_id": "i1", "output_index": 0, "delta": text}
        return sse({**said, **more, "obfuscation": padding(number)}, kind, number=number)

    return event


SPOKEN: Final = spoken("response.output_text.delta", content_index=0, logprobs=[])


def item(**given: Any) -> bytes:
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "model": "m"}}
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"id": "i1", **given}}
    return sse(created, "response.created") + sse(added, "response.output_item.added")


RESPONSE_ODD: Final = (
    sse({"type": "keepalive", "sequence_number": 9000}, "keepalive"),
    sse({"type": "response.unheard_of", "sequence_number": 9001}, "response.unheard_of"),
    sse({"type": "response.output_text.delta", "output_index": 1, "item_id": "i2", "delta": "x"}),
    *(SPOKEN(0, "x").replace(b'r":2', b'r":' + number) for number in (b"007", b"9" * 30, b"-7", b"1.5", b"null")),
    SPOKEN(0, "x").replace(b'"x"', b'"x\xff"'),
    SPOKEN(0, "x").replace(b'"x"', b'"\\ud83d"'),
)


WIRES: Final[dict[str, Wire]] = {
    **OTHERS,
    "chat": Wire(
        OPENAI_CHAT, lambda n, text: chunk({"content": text}, n, obfuscation=padding(n)), b"", (*CHAT_ODD, CHAT_ODD[0])
    ),
    "chat, two choices": Wire(OPENAI_CHAT, lambda n, text: chunk({"content": text}, n, n % 2), b"", CHAT_ODD),
    "chat, reasoning": Wire(
        OPENAI_CHAT, lambda n, text: chunk({"content": None, "reasoning_content": text}, n), b"", CHAT_ODD
    ),
    "chat, routed": Wire(OPENAI_CHAT, routed, b"", CHAT_ODD),
    "chat, calls": Wire(OPENAI_CHAT, lambda n, text: chunk(call({"function": {"arguments": text}}), n), CALL, CHAT_ODD),
    "azure": Wire(AZURE_CHAT, filtered, b"", CHAT_ODD),
    "claude": Wire(
        ANTHROPIC_MESSAGES,
        lambda n, text: claude({"type": "text_delta", "text": text}, n),
        claude_begin(TEXT_BLOCK),
        CLAUDE_ODD,
    ),
    "claude, thinking": Wire(
        ANTHROPIC_MESSAGES,
        lambda n, text: claude({"type": "thinking_delta", "thinking": text}, n),
        claude_begin({"type": "thinking", "thinking": "", "signature": ""}),
        CLAUDE_ODD,
    ),
    "claude, calls": Wire(
        ANTHROPIC_MESSAGES,
        lambda n, text: claude({"type": "input_json_delta", "partial_json": text}, n),
        claude_begin({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        CLAUDE_ODD,
    ),
    "responses": Wire(
        OPENAI_RESPONSES,
        spoken("response.output_text.delta", content_index=0, logprobs=[]),
        item(type="message", role="assistant", content=[]),
        RESPONSE_ODD,
    ),
    "responses, calls": Wire(
        OPENAI_RESPONSES,
        spoken("response.function_call_arguments.delta"),
        item(type="function_call", call_id="c", name="f", arguments=""),
        RESPONSE_ODD,
    ),
    "responses, reasoning": Wire(
        OPENAI_RESPONSES,
        spoken("response.reasoning_summary_text.delta", summary_index=0),
        item(type="reasoning", summary=[]),
        RESPONSE_ODD,
    ),
}
