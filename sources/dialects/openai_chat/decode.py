"""``chat.completion.chunk`` events to tokens.

https://platform.openai.com/docs/api-reference/chat/streaming

There are two ways through: :meth:`ChatDecoder.feed` takes any chunk that any server is known to send,
:meth:`ChatDecoder.feed_batch` only plain text, typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import MsgspecError, Struct

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.tokens import (
    Citation,
    Finish,
    FinishReason,
    Logprobs,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    TokenLogprob,
    Usage,
)
from ...shape import count_of, object_of, objects_of, real_of, text_of
from .errors import in_stream_error
from .tool_calls import ToolCallTracker

__all__ = ["FINISH_REASONS", "ChatDecoder", "parse_usage"]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "error": "error",
    # Said by servers that speak this dialect, in their own words.
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "insufficient_system_resource": "error",
}
MAX_CHOICES: Final = 128
MAX_SAID: Final = 64
KNOWN_CHUNK: Final = frozenset(
    "id object created model choices usage system_fingerprint service_tier obfuscation error x_groq p".split()
)
KNOWN_CHOICE: Final = frozenset("index delta finish_reason logprobs message native_finish_reason text".split())
KNOWN_DELTA: Final = frozenset(
    "role content refusal tool_calls function_call reasoning_content reasoning reasoning_details annotations".split()
)


class FastDelta(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None


class FastChoice(Struct, gc=False, forbid_unknown_fields=True):
    delta: FastDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None


class FastChunk(Struct, gc=False, forbid_unknown_fields=True):
    """A chunk that says nothing but text. Every other shape fails to decode, and goes the general way."""

    choices: tuple[FastChoice]
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    usage: None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None


decode_fast = codec.typed_decoder(FastChunk).decode


class ChatDecoder:
    """Decode the payloads of one answer. A transducer.

    Usage may stand in any chunk, the last one counts; ``[DONE]`` ends the answer whether or not a finish
    reason came, and without either the answer was cut.
    """

    def __init__(self) -> None:
        self._started = False
        self.ended = False
        self._usage: Usage | None = None
        self._told: Usage | None = None
        self._reasons: dict[int, str | None] = {}
        self._calls: dict[int, ToolCallTracker] = {}
        self._said: dict[tuple[str, int], Any] = {}

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self.ended or not payload.strip():  # no data at all: how some proxies keep a connection alive
            return
        if payload.strip() == b"[DONE]":
            yield from self._finish()
            return
        chunk = codec.loads_object(payload)
        if chunk.get("error"):
            raise in_stream_error(chunk)
        yield from self._start(chunk)
        self._count(chunk)
        choices = objects_of(chunk.get("choices"))
        for choice in choices:
            yield from self._choice(choice)
        yield from self._unknown(chunk, KNOWN_CHUNK, "")
        if not choices and self._reasons and all(self._reasons.values()):
            yield from self._settle()

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        tokens: list[StreamToken] = []
        seen = self._reasons
        try:
            for payload in payloads:
                choice = decode_fast(payload).choices[0]
                text = choice.delta.content
                if choice.index not in seen:
                    return None
                if text:
                    tokens.append(TextDelta(text, 0, choice.index))
        except (MsgspecError, UnicodeError, RecursionError):
            return None
        return tokens

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            if not (self._reasons and all(self._reasons.values())):
                raise StreamTruncated
            yield from self._finish()

    def _start(self, chunk: Json) -> Iterator[StreamToken]:
        # Azure's first chunk has an empty id and model, and no choices: the real ones follow.
        call_id, model = text_of(chunk.get("id")), text_of(chunk.get("model"))
        if not self._started and (call_id or model or chunk.get("choices")):
            self._started = True
            yield ResponseStart(call_id, model)

    def _count(self, chunk: Json) -> None:
        usage = object_of(chunk.get("usage")) or object_of(object_of(chunk.get("x_groq")).get("usage"))
        if usage:
            self._usage = parse_usage(usage)

    def _choice(self, choice: Json) -> Iterator[StreamToken]:
        number = count_of(choice.get("index"))
        if number not in self._reasons:
            if len(self._reasons) >= MAX_CHOICES:
                raise LimitExceeded("max_choices", MAX_CHOICES)
            self._reasons[number] = None
        yield from self._delta(object_of(choice.get("delta")), number)
        if logprobs := parse_logprobs(choice.get("logprobs"), number):
            yield logprobs
        self._reasons[number] = text_of(choice.get("finish_reason")) or self._reasons[number]
        yield from self._unknown(choice, KNOWN_CHOICE, "choice.", number)

    def _delta(self, delta: Json, choice: int) -> Iterator[StreamToken]:
        yield from parse_reasoning(delta, choice)
        match delta.get("content"):
            case str(text) if text:
                yield TextDelta(text, 0, choice)
            case parts:
                yield from parse_parts(objects_of(parts), choice)
        if refusal := text_of(delta.get("refusal")):
            yield RefusalDelta(refusal, 0, choice)
        for annotation in objects_of(delta.get("annotations")):
            yield parse_citation(annotation, choice)
        fragments = objects_of(delta.get("tool_calls"))
        if legacy := object_of(delta.get("function_call")):
            fragments.append({"index": 0, "function": legacy})
        for fragment in fragments:
            yield from self._tracker(choice).feed(fragment)
        yield from self._unknown(delta, KNOWN_DELTA, "delta.", choice)

    def _tracker(self, choice: int) -> ToolCallTracker:
        if choice not in self._calls:
            self._calls[choice] = ToolCallTracker(choice)
        return self._calls[choice]

    def _unknown(self, holder: Json, known: frozenset[str], prefix: str, choice: int = 0) -> Iterator[Raw]:
        if holder.keys() <= known:
            return
        for name, value in holder.items():
            if name in known or value is None:
                continue
            path = prefix + name
            if prefix != "delta.":
                # Gateways and filters repeat such fields in every chunk: each is told once, until it changes.
                if self._said.get((path, choice)) == value:
                    continue
                if len(self._said) < MAX_SAID:
                    self._said[path, choice] = value
            yield Raw(path, value, choice)

    def _settle(self) -> Iterator[StreamToken]:
        """End the calls and tell the usage, at once: the connection may break before the end mark."""
        for choice in sorted(self._calls):
            yield from self._calls[choice].end()
        if self._usage is not None and self._usage is not self._told:
            self._told = self._usage
            yield self._usage

    def _finish(self) -> Iterator[StreamToken]:
        self.ended = True
        yield from self._settle()
        for choice, reason in sorted((self._reasons or {0: None}).items()):
            yield Finish(FINISH_REASONS.get(reason or "", "other"), reason, choice)


def parse_reasoning(delta: Json, choice: int) -> Iterator[StreamToken]:
    """``reasoning_content`` (DeepSeek, xAI), ``reasoning`` (Groq, OpenRouter) or ``reasoning_details`` (OpenRouter)."""
    text = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
    if text:
        yield ReasoningDelta(text, 0, choice)
    for detail in objects_of(delta.get("reasoning_details")):
        told = text_of(detail.get("text")) or text_of(detail.get("summary"))
        if told and not text:
            yield ReasoningDelta(told, 0, choice)
        if signature := text_of(detail.get("signature")):
            yield ReasoningSignature(signature, 0, choice)
        if encrypted := text_of(detail.get("data")):
            yield ReasoningSignature(encrypted, 0, choice, "encrypted")


def parse_parts(parts: list[Json], choice: int) -> Iterator[StreamToken]:
    """Mistral's content as a list of ``text``, ``thinking`` and ``reference`` parts."""
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)} if text:
                yield TextDelta(text, 0, choice)
            case {"type": "thinking"}:
                thoughts = part.get("thinking")
                for thought in objects_of(thoughts) or [{"text": thoughts}]:
                    if text := text_of(thought.get("text")):
                        yield ReasoningDelta(text, 0, choice)
            case {"type": "text"}:
                pass
            case _:
                yield Raw("delta.content", part, choice)


def parse_citation(annotation: Json, choice: int) -> Citation:
    known = object_of(annotation.get("url_citation"))
    return Citation(
        text_of(known.get("url")) or None, text_of(known.get("title")) or None, choice=choice, raw=annotation
    )


def parse_logprobs(value: Any, choice: int) -> Logprobs | None:
    """Log probabilities in OpenAI's shape; other shapes (a bare number, an empty list) say nothing."""
    entries = objects_of(object_of(value).get("content"))
    content = tuple(
        TokenLogprob(
            text_of(entry.get("token")),
            real_of(entry.get("logprob")),
            tuple(
                (text_of(top.get("token")), real_of(top.get("logprob")))
                for top in objects_of(entry.get("top_logprobs"))
            ),
        )
        for entry in entries
    )
    return Logprobs(content, choice) if content else None


def parse_usage(usage: Json) -> Usage:
    """Counts, from ``prompt_tokens`` and its like; what is not a whole number counts as 0."""

    read, written = object_of(usage.get("prompt_tokens_details")), object_of(usage.get("completion_tokens_details"))
    return Usage(
        input_tokens=count_of(usage.get("prompt_tokens")),
        output_tokens=count_of(usage.get("completion_tokens")),
        cache_read_input_tokens=count_of(read.get("cached_tokens")) or count_of(usage.get("prompt_cache_hit_tokens")),
        cache_creation_input_tokens=count_of(read.get("cache_write_tokens")),
        reasoning_output_tokens=count_of(written.get("reasoning_tokens")),
        raw=usage,
    )
