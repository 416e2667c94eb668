"""The answers that the benchmarks stream, as they come off the wire: OpenAI's, Anthropic's and Gemini's.

An answer is a beginning, one event a token, and an end that tells why and how many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.prose import quoted

__all__ = ["SHAPES", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How one provider writes an answer."""

    begin: bytes
    event: Callable[[int], bytes]
    """The event of the token with this number, which says a :func:`.piece` of prose."""

    end: Callable[[int], bytes]
    """What follows this many tokens."""


OBFUSCATION: Final = b"aB3dE5fG7hI9jK2lM4"


def openai_event(number: int) -> bytes:
    """About 300 bytes, with padding of changing length. https://platform.openai.com/docs/api-reference/chat-streaming"""
    return (
        b'data: {"id":"chatcmpl-BpJBJOd2Ffn76LbPDWwJa4ZgRgwW9","object":"chat.completion.chunk","created":1751568161,'
        b'"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_07871e2ad8",'
        b'"choices":[{"index":0,"delta":{"content":%b},"logprobs":null,"finish_reason":null}],'
        b'"usage":null,"obfuscation":"%b"}\n\n'
    ) % (quoted(number), OBFUSCATION[number % 5 : number % 5 + 4 + number % 9])


def openai_end(tokens: int) -> bytes:
    head = (
        b'data: {"id":"chatcmpl-B","object":"chat.completion.chunk","created":1751568161,"model":"gpt-4o-2024-08-06",'
    )
    return (
        head
        + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
        + head
        + b'"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}}\n\n'
        % (tokens, tokens + 9)
        + b"data: [DONE]\n\n"
    )


ANTHROPIC_BEGIN: Final = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_01ABCDEFGHJKMNPQRSTUVWXY",'
    b'"type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,'
    b'"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)


def anthropic_event(number: int) -> bytes:
    """About 130 bytes, with padding before the last brace. https://docs.anthropic.com/en/api/messages-streaming"""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":%b}%b}\n\n'
    ) % (quoted(number), b" " * (number % 15))


def anthropic_end(tokens: int) -> bytes:
    return (
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"output_tokens":%d}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    ) % tokens


def gemini_event(number: int) -> bytes:
    """About 370 bytes, with CRLF and counts that change. https://ai.google.dev/api/generate-content"""
    return (
        b'data: {"candidates": [{"content": {"parts": [{"text": %b}],"role": "model"},"index": 0}],'
        b'"usageMetadata": {"promptTokenCount": 9,"candidatesTokenCount": %d,"totalTokenCount": %d,'
        b'"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}]},'
        b'"modelVersion": "gemini-2.5-flash","responseId": "k3XkaLqPBs2R1MkP4tW5iQE"}\r\n\r\n'
    ) % (quoted(number), number + 1, number + 10)


def gemini_end(tokens: int) -> bytes:
    return (
        b'data: {"candidates": [{"content": {"parts": [{"text": ""}],"role": "model"},"finishReason": "STOP",'
        b'"index": 0}],"usageMetadata": {"promptTokenCount": 9,"candidatesTokenCount": %d,"totalTokenCount": %d},'
        b'"modelVersion": "gemini-2.5-flash","responseId": "k3XkaLqPBs2R1MkP4tW5iQE"}\r\n\r\n'
    ) % (tokens, tokens + 9)


SHAPES: Final[Mapping[str, Shape]] = {
    "openai": Shape(b"", openai_event, openai_end),
    "anthropic": Shape(ANTHROPIC_BEGIN, anthropic_event, anthropic_end),
    "gemini": Shape(b"", gemini_event, gemini_end),
}
