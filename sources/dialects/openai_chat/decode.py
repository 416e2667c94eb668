"""``chat.completion.chunk`` events to tokens.

https://platform.openai.com/docs/api-reference/chat/streaming

There are two ways through: :meth:`ChatDecoder.feed` takes any chunk that any server is known to send,
:meth:`ChatDecoder.feed_batch` only plain text, typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ....streams import codec
from ....streams.burst import Burst
from ....streams.codec import UNREADABLE, Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.text_run import TextRun
from ....streams.tokens import (
    Finish,
    FinishReason,
    Raw,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    Usage,
)
from ...shape import count_of, object_of, objects_of, text_of
from ...template import Learner
from .errors import in_stream_error
from .pieces import parse_citation, parse_logprobs, parse_parts, parse_reasoning, parse_usage
from .tool_calls import ToolCallTracker

__all__ = ["FINISH_REASONS", "ChatDecoder"]

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
# Why choices have ended, when none has begun, and when only the first has: copied before anything else is written.
NONE_BEGUN: Final[Mapping[int, str | None]] = {}
FIRST_BEGUN: Final[Mapping[int, str | None]] = {0: None}
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


def look(payload: bytes) -> tuple[str, int]:
    """The text of a chunk that says nothing else, and its choice."""
    (choice,) = decode_fast(payload).choices
    return choice.delta.content, choice.index


class ChatDecoder:
    """Decode the payloads of one answer. A transducer.

    Usage may stand in any chunk, the last one counts; ``[DONE]`` ends the answer whether or not a finish
    reason came, and without either the answer was cut.
    """

    __slots__ = ("_calls", "_learner", "_reasons", "_said", "_started", "_told", "_usage", "ended")

    def __init__(self) -> None:
        self._started = False
        self.ended = False
        self._usage: Usage | None = None
        self._told: Usage | None = None
        self._reasons = NONE_BEGUN  # of each choice: None while it goes on
        # Made when there is one: of a thousand answers, most have none.
        self._calls: dict[int, ToolCallTracker] | None = None
        self._learner: Learner[int] | None = None
        self._said: dict[tuple[str, int], Any] | None = None

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
        if self.ended:
            return None
        if not self._started:
            return self._begin(payloads)
        if type(payloads) is Burst and (alike := self._alike(payloads)) is not None:
            return alike
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
        except UNREADABLE:
            return None
        return tokens

    def _alike(self, burst: Burst) -> Sequence[StreamToken] | None:
        """The tokens of many chunks that differ in their text alone."""
        if self._learner is None:
            self._learner = Learner(look)
        told = self._learner.texts(burst)
        return None if told is None or told[0] not in self._reasons else TextRun.of(told[1], 0, told[0])

    def _begin(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        try:
            chunk = decode_fast(payloads[0])
        except UNREADABLE:
            return None
        if chunk.choices[0].index != 0:
            return None
        self._started, self._reasons = True, FIRST_BEGUN
        tokens = self.feed_batch(payloads)
        if tokens is None:  # not a word of it: it is all asked for again
            self._started, self._reasons = False, NONE_BEGUN
            return None
        return [ResponseStart(chunk.id or "", chunk.model or ""), *tokens]

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
        reasons = self._reasons
        if number not in reasons:
            if len(reasons) >= MAX_CHOICES:
                raise LimitExceeded("max_choices", MAX_CHOICES)
            self._reasons = {**reasons, number: None} if reasons or number else FIRST_BEGUN
        yield from self._delta(object_of(choice.get("delta")), number)
        if logprobs := parse_logprobs(choice.get("logprobs"), number):
            yield logprobs
        if (reason := text_of(choice.get("finish_reason"))) and reason != self._reasons[number]:
            self._reasons = {**self._reasons, number: reason}
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
        if self._calls is None:
            self._calls = {}
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
                said = self._said = {} if self._said is None else self._said
                if said.get((path, choice)) == value:
                    continue
                if len(said) < MAX_SAID:
                    said[path, choice] = value
            yield Raw(path, value, choice)

    def _settle(self) -> Iterator[StreamToken]:
        """End the calls and tell the usage, at once: the connection may break before the end mark."""
        for _, tracker in sorted((self._calls or {}).items()):
            yield from tracker.end()
        if self._usage is not None and self._usage is not self._told:
            self._told = self._usage
            yield self._usage

    def _finish(self) -> Iterator[StreamToken]:
        self.ended = True
        yield from self._settle()
        for choice, reason in sorted((self._reasons or {0: None}).items()):
            yield Finish(FINISH_REASONS.get(reason or "", "other"), reason, choice)
