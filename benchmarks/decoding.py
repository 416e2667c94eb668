"""What models say piece by piece, as each dialect's decoder gets it, and how long a token of it takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.prose import piece, quoted
from benchmarks.shapes import SHAPES, openai_event
from tokenrill import (
    ANTHROPIC_MESSAGES,
    BEDROCK_CONVERSE,
    GEMINI,
    GEMINI_INTERACTIONS,
    OLLAMA_CHAT,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    StreamToken,
    TextDelta,
)
from tokenrill.sources.dialect import Dialect
from tokenrill.streams.burst import Burst
from tokenrill.streams.eventstream import EventStreamMessage, EventStreamParser, encode_message
from tokenrill.streams.sse import SsePayloads
from tokenrill.streams.stages import feed_each

__all__ = ["DELTAS", "LONG", "Deltas", "nanoseconds_by_hand", "nanoseconds_of_long_reads", "nanoseconds_to_decode"]

LONG: Final[Mapping[str, Dialect]] = {"openai": OPENAI_CHAT, "anthropic": ANTHROPIC_MESSAGES, "gemini": GEMINI}
LONG_TOKENS: Final = 20_000
READ_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Deltas:
    """One dialect: what comes before the text, and deltas of it."""

    dialect: Dialect
    before: Sequence[Any]
    deltas: Sequence[Any]


def numbered(template: bytes) -> list[bytes]:
    """Events of prose: ``%b`` is a piece of it as JSON writes it, ``%d`` the event's number."""
    told = [number for number in range(60) if piece(number)]
    return [template.replace(b"%b", quoted(number)).replace(b"%d", b"%d" % number) for number in told]


def messages(kind: str, payloads: Sequence[bytes]) -> list[EventStreamMessage]:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return list(EventStreamParser().feed(b"".join(encode_message(headers, payload) for payload in payloads)))


CHAT: Final = [openai_event(number)[6:-2] for number in range(60)]
CHAT_HEAD: Final = (
    b'{"id":"chatcmpl-8f2c1d77a9b04e5c","object":"chat.completion.chunk","created":1764000000,"model":"deepseek-reasoner",'
    b'"system_fingerprint":"fp_9362061f30","choices":[{"index":0,"delta":'
)
CHAT_TAIL: Final = b',"logprobs":null,"finish_reason":null}]}'
CALL: Final = b'{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}'
GEMINI_CHUNK: Final = (
    b'{"candidates": [{"content": {"parts": [{"text": %b}],"role": "model"},"index": 0}],"usageMetadata": '
    b'{"promptTokenCount": 8,"candidatesTokenCount": %d,"totalTokenCount": 99,"promptTokensDetails": '
    b'[{"modality": "TEXT","tokenCount": 8}]},"modelVersion": "gemini-2.5-flash","responseId": "k3XkaLqPBs2R1MkP4tW5i"}'
)
CLAUDE_START: Final = b'{"type":"message_start","message":{"id":"m","model":"claude","usage":{"input_tokens":3}}}'
CLAUDE_BLOCK: Final = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
RESPONSE: Final = (
    b'{"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_68af4030baa48193b0b43b4c","output_index":0,'
    b'"content_index":0,"delta":%b,"logprobs":[],"obfuscation":"aB3dE5"}'
)
DELTAS: Final[dict[str, Deltas]] = {
    "openai_chat": Deltas(OPENAI_CHAT, CHAT[:1], CHAT),
    "openai_chat, reasoning": Deltas(
        OPENAI_CHAT, CHAT[:1], numbered(CHAT_HEAD + b'{"content":null,"reasoning_content":%b}' + CHAT_TAIL)
    ),
    "openai_chat, calls": Deltas(
        OPENAI_CHAT,
        [CHAT_HEAD + CALL + CHAT_TAIL],
        numbered(CHAT_HEAD + b'{"tool_calls":[{"index":0,"function":{"arguments":%b}}]}' + CHAT_TAIL),
    ),
    "openai_responses": Deltas(
        OPENAI_RESPONSES,
        [
            b'{"type":"response.created","response":{"id":"r","model":"m"}}',
            RESPONSE.replace(b"%d", b"1").replace(b"%b", b'"a"'),
        ],
        numbered(RESPONSE),
    ),
    "anthropic_messages": Deltas(
        ANTHROPIC_MESSAGES,
        [CLAUDE_START, CLAUDE_BLOCK],
        numbered(b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}    }'),
    ),
    "gemini": Deltas(GEMINI, numbered(GEMINI_CHUNK)[:1], numbered(GEMINI_CHUNK)),
    "gemini, thoughts": Deltas(
        GEMINI, numbered(GEMINI_CHUNK)[:1], numbered(GEMINI_CHUNK.replace(b"%b", b'%b,"thought": true'))
    ),
    "gemini_interactions": Deltas(
        GEMINI_INTERACTIONS,
        [b'{"event_type":"step.start","index":0,"step":{"type":"model_output"}}'],
        numbered(b'{"event_type":"step.delta","index":0,"delta":{"type":"text","text":%b},"event_id":"e%d"}'),
    ),
    "bedrock_converse": Deltas(
        BEDROCK_CONVERSE,
        messages("messageStart", [b'{"role":"assistant"}']),
        messages("contentBlockDelta", numbered(b'{"contentBlockIndex":0,"delta":{"text":%b},"p":"abcdefghij"}')),
    ),
    "ollama_chat": Deltas(
        OLLAMA_CHAT,
        [b'{"model":"m","created_at":"2026","message":{"role":"assistant","content":"a"},"done":false}'],
        numbered(
            b'{"model":"llama3.2","created_at":"2026-01-01T00:00:00.123456Z",'
            b'"message":{"role":"assistant","content":%b},"done":false}'
        ),
    ),
}


def nanoseconds_to_decode(name: str, a_batch: int, times: int = 40) -> float:
    """One token through the dialect's decoder."""
    case = DELTAS[name]
    decoder = case.dialect.decoder()
    for item in case.before:
        decoded(decoder, (item,))
    batches = [case.deltas[start : start + a_batch] for start in range(0, len(case.deltas), a_batch)]
    return timed(lambda: sum(len(decoded(decoder, batch)) for batch in batches), times, len(case.deltas))


def decoded(decoder: Any, batch: Sequence[Any]) -> Sequence[StreamToken]:
    """As a run of operators does it: all at once, or else as many as can be."""
    tokens: Sequence[StreamToken] | None = decoder.feed_batch(batch)
    return feed_each(decoder, batch)[0] if tokens is None else tokens


def nanoseconds_of_long_reads(shape: str, *, cut: bool, times: int = 2) -> float:
    """One token through framing and decoding, in reads of 64 KiB: cut into events, or left to the decoder as it is."""
    made = SHAPES[shape]
    body = made.begin + b"".join(made.event(number) for number in range(LONG_TOKENS))
    reads = [body[start : start + READ_BYTES] for start in range(0, len(body), READ_BYTES)]

    def work() -> int:
        framer, decoder = SsePayloads(), LONG[shape].decoder()
        payloads = (framer.feed(read) if cut else framer.feed_batch((read,)) for read in reads)
        tokens = [decoded(decoder, batch if isinstance(batch, Burst) else [*(batch or ())]) for batch in payloads]
        return sum(type(token) is TextDelta for batch in tokens for token in batch)

    return timed(work, times, LONG_TOKENS)


def nanoseconds_by_hand(name: str, times: int = 40) -> float:
    """One delta through ``json.loads`` alone."""
    texts = [getattr(delta, "payload", delta) for delta in DELTAS[name].deltas]
    return timed(lambda: sum(1 for text in texts if json.loads(text)), times, len(texts))


def timed(work: Callable[[], int], times: int, expected: int) -> float:
    started = time.process_time()
    count = sum(work() for _ in range(times))
    elapsed = time.process_time() - started
    assert count == expected * times, f"{count} tokens of {expected * times}"
    return elapsed / count * 1e9
