"""Text deltas of each dialect, as its decoder gets them, and how long a token takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.server import event
from benchmarks.shapes import SHAPES
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
from tokenrill.streams.types import Transducer

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
    return [template.replace(b"%d", b"%d" % number) for number in range(50)]


def messages(kind: str, payloads: Sequence[bytes]) -> list[EventStreamMessage]:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return list(EventStreamParser().feed(b"".join(encode_message(headers, payload) for payload in payloads)))


CHAT: Final = [event(number)[6:-2] for number in range(50)]
GEMINI_CHUNK: Final = (
    b'{"candidates": [{"content": {"parts": [{"text": " word%d"}],"role": "model"},"index": 0}],"usageMetadata": '
    b'{"promptTokenCount": 8,"candidatesTokenCount": %d,"totalTokenCount": 99,"promptTokensDetails": '
    b'[{"modality": "TEXT","tokenCount": 8}]},"modelVersion": "gemini-2.5-flash","responseId": "k3XkaLqPBs2R1MkP4tW5i"}'
)
CLAUDE_START: Final = b'{"type":"message_start","message":{"id":"m","model":"claude","usage":{"input_tokens":3}}}'
CLAUDE_BLOCK: Final = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
RESPONSE: Final = (
    b'{"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_68af4030baa48193b0b43b4c","output_index":0,'
    b'"content_index":0,"delta":" word%d","logprobs":[],"obfuscation":"aB3dE5"}'
)
DELTAS: Final[dict[str, Deltas]] = {
    "openai_chat": Deltas(OPENAI_CHAT, CHAT[:1], CHAT),
    "openai_responses": Deltas(
        OPENAI_RESPONSES,
        [b'{"type":"response.created","response":{"id":"r","model":"m"}}', RESPONSE.replace(b"%d", b"1")],
        numbered(RESPONSE),
    ),
    "anthropic_messages": Deltas(
        ANTHROPIC_MESSAGES,
        [CLAUDE_START, CLAUDE_BLOCK],
        numbered(b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word%d"}    }'),
    ),
    "gemini": Deltas(GEMINI, [GEMINI_CHUNK.replace(b"%d", b"1")], numbered(GEMINI_CHUNK)),
    "gemini_interactions": Deltas(
        GEMINI_INTERACTIONS,
        [b'{"event_type":"step.start","index":0,"step":{"type":"model_output"}}'],
        numbered(b'{"event_type":"step.delta","index":0,"delta":{"type":"text","text":" word%d"},"event_id":"e%d"}'),
    ),
    "bedrock_converse": Deltas(
        BEDROCK_CONVERSE,
        messages("messageStart", [b'{"role":"assistant"}']),
        messages("contentBlockDelta", numbered(b'{"contentBlockIndex":0,"delta":{"text":" word%d"},"p":"abcdefghij"}')),
    ),
    "ollama_chat": Deltas(
        OLLAMA_CHAT,
        [b'{"model":"m","created_at":"2026","message":{"role":"assistant","content":"a"},"done":false}'],
        numbered(
            b'{"model":"llama3.2","created_at":"2026-01-01T00:00:00.123456Z",'
            b'"message":{"role":"assistant","content":" word%d"},"done":false}'
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


def decoded(decoder: Transducer[Any, StreamToken], batch: Sequence[Any]) -> Sequence[StreamToken]:
    """As a run of operators does it: all at once, and one by one what cannot be taken so."""
    feed_batch: Callable[[Sequence[Any]], Sequence[StreamToken] | None] | None = getattr(decoder, "feed_batch", None)
    tokens = None if feed_batch is None else feed_batch(batch)
    return [token for item in batch for token in decoder.feed(item)] if tokens is None else tokens


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
    started = time.perf_counter()
    count = sum(work() for _ in range(times))
    elapsed = time.perf_counter() - started
    assert count == expected * times, f"{count} tokens of {expected * times}"
    return elapsed / count * 1e9
