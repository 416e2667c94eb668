"""``chat.completion.chunk`` events to tokens.

https://platform.openai.com/docs/api-reference/chat/streaming

There are two ways through: :meth:`ChatDecoder.feed` takes any chunk that any server is known to send,
:meth:`ChatDecoder.feed_batch` only plain ones, typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ....streams import codec
from ....streams.burst import Burst
from ....streams.codec import UNREADABLE, Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.text_run import TextRun
from ....streams.tokens import (
    Finish,
    Raw,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    Usage,
)
from ...partly import Partly
from ...shape import count_of, object_of, objects_of, text_of
from ...template import FEWEST, Learner
from .errors import in_stream_error
from .pieces import (
    FINISH_REASONS,
    KNOWN_CHOICE,
    KNOWN_CHUNK,
    KNOWN_DELTA,
    parse_citation,
    parse_logprobs,
    parse_parts,
    parse_reasoning,
    parse_usage,
)
from .plain import DeltaChunk, Said, decode_delta, decode_text, look
from .tool_calls import ToolCallTracker

__all__ = ["FINISH_REASONS", "ChatDecoder"]

MAX_CHOICES: Final = 128
MAX_SAID: Final = 64
# Why choices have ended, when none has begun, and when only the first has: copied before anything else is written.
NONE_BEGUN: Final[Mapping[int, str | None]] = {}
FIRST_BEGUN: Final[Mapping[int, str | None]] = {0: None}


class ChatDecoder(Partly):
    """Decode the payloads of one answer. A transducer.

    Usage may stand in any chunk, the last one counts; ``[DONE]`` ends the answer whether or not a finish
    reason came, and without either the answer was cut.
    """

    __slots__ = ("_calls", "_learner", "_mixed", "_reasons", "_said", "_started", "_told", "_usage", "ended")

    _decode_delta = staticmethod(decode_delta)

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self.ended = False
        self._usage: Usage | None = None
        self._told: Usage | None = None
        self._reasons = NONE_BEGUN  # of each choice: None while it goes on
        # Made when there is one: of a thousand answers, most have none.
        self._calls: dict[int, ToolCallTracker] | None = None
        self._learner: Learner[Said] | None = None
        self._mixed = False  # whether it has said other things than text, piece by piece
        self._said: dict[tuple[str, int], Any] | None = None

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        self._kept = None
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
            yield from self._choice(choice, text_of(chunk.get("id")))
        yield from self._unknown(chunk, KNOWN_CHUNK, "")
        if not choices and self._reasons and all(self._reasons.values()):
            yield from self.settle()

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if self.ended:
            return None
        if not self._started:
            return self._begin(payloads)
        if (type(payloads) is Burst or len(payloads) >= FEWEST) and (alike := self._alike(payloads)) is not None:
            return alike
        tokens: list[StreamToken] = []
        if self._mixed:
            return self._pieces(payloads, tokens, payloads)
        seen, rest = self._reasons, iter(payloads)
        payload = b""
        try:
            for payload in rest:
                choice = decode_text(payload).choices[0]
                text = choice.delta.content
                if choice.index not in seen:
                    break
                if text:
                    tokens.append(TextDelta(text, 0, choice.index))
            else:
                return tokens
        except UNREADABLE:
            pass
        return self._pieces(payloads, tokens, (payload, *rest))

    def _pieces(
        self, payloads: Sequence[bytes], tokens: list[StreamToken], rest: Sequence[bytes]
    ) -> Sequence[StreamToken] | None:
        """The rest of the payloads, for whatever may be said piece by piece."""
        seen, mixed, decode = self._reasons, False, self._decode_delta
        count, whole = len(payloads) - len(rest), len(tokens)
        try:
            for payload in rest:
                chunk = decode(payload)
                choice = chunk.choices[0]
                delta, number = choice.delta, choice.index
                if number not in seen or not self._is_told(chunk):
                    break
                if reasoning := delta.reasoning_content or delta.reasoning:
                    tokens.append(ReasoningDelta(reasoning, 0, number))
                elif delta.reasoning_details:
                    break
                if text := delta.content:
                    tokens.append(TextDelta(text, 0, number))
                else:
                    mixed = True
                if delta.refusal:
                    tokens.append(RefusalDelta(delta.refusal, 0, number))
                if delta.tool_calls:
                    tracker = None if self._calls is None else self._calls.get(number)
                    if tracker is None or not tracker.go_on(delta.tool_calls, tokens):
                        break
                count += 1
                whole = len(tokens)
            else:
                self._mixed = mixed
                return tokens
        except UNREADABLE:
            pass
        del tokens[whole:]
        return self._keep(payloads, tokens, count)

    def feed_some(self, payloads: Sequence[bytes], /) -> tuple[Sequence[StreamToken], int]:
        if payloads[0] == b"[DONE]":  # what comes last need not be tried
            return (), 0
        tokens, count = super().feed_some(payloads)
        if count and not self._started:
            self._started, self._reasons = True, FIRST_BEGUN
        return tokens, count

    def _alike(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        """The tokens of many chunks that differ in what they say alone."""
        if self._going_on:
            return None
        if self._learner is None:
            self._learner = Learner(look)
        alike = self._learner.texts(payloads)
        if alike is None or alike[0][1] not in self._reasons:
            return None
        (kind, choice), texts = alike
        if kind is TextDelta:
            return TextRun.of(texts, 0, choice)
        return [ReasoningDelta(text, 0, choice) for text in texts if text]

    def _begin(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        try:
            chunk = decode_delta(payloads[0])
        except UNREADABLE:
            return None
        if chunk.choices[0].index != 0:
            return None
        self._started, self._reasons = True, FIRST_BEGUN
        tokens = self.feed_batch(payloads)
        start = ResponseStart(chunk.id or "", chunk.model or "")
        if tokens is None:  # not a word of it: it is all asked for again
            self._started, self._reasons = False, NONE_BEGUN
            if self._kept is not None:
                self._kept[1].insert(0, start)
            return None
        return [start, *tokens]

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

    def _choice(self, choice: Json, answer_id: str) -> Iterator[StreamToken]:
        number, delta = count_of(choice.get("index")), object_of(choice.get("delta"))
        reasons = self._reasons
        if number not in reasons:
            delta = delta or object_of(choice.get("message"))  # of a server that says all of it at once
            if len(reasons) >= MAX_CHOICES:
                raise LimitExceeded("max_choices", MAX_CHOICES)
            self._reasons = {**reasons, number: None} if reasons or number else FIRST_BEGUN
        yield from self._delta(delta, number, answer_id)
        if logprobs := parse_logprobs(choice.get("logprobs"), number):
            yield logprobs
        told = choice.get("finish_reason") or choice.get("stop_reason")
        if (reason := text_of(told)) and reason != self._reasons[number]:
            self._reasons = {**self._reasons, number: reason}
        yield from self._unknown(choice, KNOWN_CHOICE, "choice.", number)

    def _delta(self, delta: Json, choice: int, answer_id: str) -> Iterator[StreamToken]:
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
            yield from self._tracker(choice, answer_id).feed(fragment)
        yield from self._unknown(delta, KNOWN_DELTA, "delta.", choice)

    def _tracker(self, choice: int, answer_id: str) -> ToolCallTracker:
        if self._calls is None:
            self._calls = {}
        if choice not in self._calls:
            self._calls[choice] = ToolCallTracker(choice, answer_id)
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

    def _is_told(self, chunk: DeltaChunk) -> bool:
        """Whether what it says beside its delta was told, and has not changed."""
        provider = chunk.provider
        return provider is None or (self._said is not None and self._said.get(("provider", 0)) == provider)

    def settle(self) -> Iterator[StreamToken]:
        """End the calls and tell the usage, at once: the connection may break before the end mark."""
        for _, tracker in sorted((self._calls or {}).items()):
            yield from tracker.end()
        if self._usage is not None and self._usage is not self._told:
            self._told = self._usage
            yield self._usage

    def _finish(self) -> Iterator[StreamToken]:
        self.ended = True
        yield from self.settle()
        for choice, reason in sorted((self._reasons or {0: None}).items()):
            finish = FINISH_REASONS.get(reason or "", "other")
            if finish == "stop" and choice in (self._calls or {}):
                finish = "tool_calls"  # a call that was asked for by name ends with "stop"
            yield Finish(finish, reason, choice)
