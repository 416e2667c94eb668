"""Chunks of a generateContent answer to tokens. https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse

There is no end mark: the answer ends where the connection does, and is whole when every candidate has a
``finishReason``, or the prompt was blocked. A blocked prompt is no error to Google's own clients, and ends in
``Finish("content_filter")`` here, with the ``blockReason`` as the raw reason and the feedback as :class:`.Raw`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Raw as JsonRaw
from msgspec.structs import replace as with_fields

from ....streams import codec
from ....streams.burst import Burst
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.tokens import Finish, FinishReason, Raw, ResponseStart, StreamToken, Usage
from ...shape import count_of, object_of, objects_of, text_of
from ...template import FEWEST, Learner, last_of
from .candidate import Candidate
from .citations import parse_citations, parse_logprobs
from .errors import in_stream_error
from .plain import Said, decode_fast, decode_usage, look

__all__ = ["FINISH_REASONS", "GeminiDecoder", "parse_usage"]

# https://ai.google.dev/api/generate-content#FinishReason and
# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse#FinishReason
FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "MALFORMED_RESPONSE": "error",
    "IMAGE_OTHER": "error",
    "NO_IMAGE": "error",
    "OTHER": "other",
    "ESCALATION": "other",
    "PUP_LIMITED_DISABLED": "other",
    "CONTINUATION": "other",
    "FINISH_REASON_UNSPECIFIED": "other",
}
# Some clients ask for enums as numbers. Up to 5 the two services count alike.
NUMBERED: Final = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
NUMBERED_FILTERS: Final = (6, 7, 8)  # LANGUAGE, BLOCKLIST, PROHIBITED_CONTENT, SPII: filters, in either count
UNSPECIFIED: Final = "BLOCKED_REASON_UNSPECIFIED"
MAX_CHOICES: Final = 128
MAX_SAID: Final = 256
KNOWN_CHUNK: Final = frozenset("candidates usageMetadata modelVersion responseId createTime error".split())
KNOWN_CANDIDATE: Final = frozenset(
    "content index finishReason citationMetadata logprobsResult avgLogprobs tokenCount".split()
)


class GeminiDecoder:
    """Decode the chunks of one answer. A transducer; usage may stand in any chunk, the last one counts."""

    def __init__(self) -> None:
        self._started = False
        self.ended = False
        self._answer_id = ""
        self._usage: Usage | None = None
        self._counted: Json = {}  # the last count of the typed way, which nobody has asked for yet
        self._block_reason = ""
        self._candidates: dict[int, Candidate] = {}
        self._said: dict[tuple[str, int], list[Any]] = {}
        self._said_count = 0
        self._learner: Learner[Said] | None = None

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self.ended or payload.strip() == b"[DONE]":  # gateways put OpenAI's mark after it
            return
        chunk = codec.loads_object(payload)
        self._recount()
        if chunk.get("error"):
            yield from self._used()
            raise in_stream_error(chunk)
        self._answer_id = self._answer_id or text_of(chunk.get("responseId"))
        if not self._started:
            self._started = True
            yield ResponseStart(self._answer_id, text_of(chunk.get("modelVersion")))
        yield from self._count(object_of(chunk.get("usageMetadata")))
        for candidate in objects_of(chunk.get("candidates")):
            yield from self._candidate(candidate)
        blocked = word_of(object_of(chunk.get("promptFeedback")).get("blockReason"))
        if blocked != UNSPECIFIED:
            self._block_reason = self._block_reason or blocked
        yield from self._unknown(chunk, KNOWN_CHUNK, "")

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        if (type(payloads) is Burst or len(payloads) >= FEWEST) and (alike := self._alike(payloads)) is not None:
            return alike
        usages: list[JsonRaw] = []
        counted: Json | None = None
        texts: list[str] = []
        writing: Candidate | None = None
        thought = False
        try:
            for payload in payloads:
                chunk = decode_fast(payload)
                found = chunk.candidates[0]
                candidate = self._candidates.get(found.index)
                part = found.content.parts[0]
                if candidate is None or candidate is not writing or part.thought is not thought:
                    if candidate is None or writing is not None or not candidate.can_take(thought := part.thought):
                        return None  # who asks again gives each chunk alone
                    writing = candidate
                if chunk.usageMetadata:
                    usages.append(chunk.usageMetadata)
                texts.append(part.text)
            while usages and not counts(counted := decode_usage(usages.pop())):
                counted = None
        except codec.UNREADABLE:
            return None
        if counted is not None:
            if self._usage is None:
                return None  # the first count is told
            self._counted = counted
        return () if writing is None else writing.take(texts, thought)

    def _alike(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        """The tokens of many chunks that differ in what they say, and count, alone."""
        if self._learner is None:
            self._learner = Learner(look)
        alike = self._learner.texts(payloads)
        if alike is None:
            return None
        (number, thought, is_counted), texts = alike
        candidate = self._candidates.get(number)
        if candidate is None or not candidate.can_take(thought):
            return None
        if is_counted:
            counted = decode_usage(decode_fast(last_of(payloads)).usageMetadata)
            if self._usage is None or not counts(counted):
                return None
            self._counted = counted
        return candidate.take(texts, thought)

    def close(self) -> Iterator[StreamToken]:
        if self.ended:
            return
        self.ended = True
        self._recount()
        candidates = [self._candidates[choice] for choice in sorted(self._candidates)]
        whole = bool(candidates) and all(candidate.reason is not None for candidate in candidates)
        if not (whole or self._block_reason):
            yield from self._used()
            raise StreamTruncated
        for candidate in candidates:
            yield from candidate.end_call()
        if self._usage is not None:
            yield self._usage
        for candidate in candidates or [Candidate(0)]:
            yield finish(candidate, self._block_reason)

    def _recount(self) -> None:
        if self._counted:
            self._usage, self._counted = parse_usage(self._counted), {}

    def _used(self) -> Iterator[Usage]:
        """What had been used when the answer broke off."""
        if self._usage is not None:
            yield with_fields(self._usage, kind="partial")

    def _count(self, usage: Json) -> Iterator[Usage]:
        counted = parse_usage(usage)
        if counted is not None:
            if self._usage is None:
                yield with_fields(counted, kind="partial")
            self._usage = counted

    def _candidate(self, said: Json) -> Iterator[StreamToken]:
        number = count_of(said.get("index"))
        if number not in self._candidates:
            if len(self._candidates) >= MAX_CHOICES:
                raise LimitExceeded("max_choices", MAX_CHOICES)
            self._candidates[number] = Candidate(number)
        candidate = self._candidates[number]
        content = object_of(said.get("content"))
        for part in objects_of(content.get("parts")):
            yield from candidate.part(part, self._answer_id)
        if logprobs := parse_logprobs(object_of(said.get("logprobsResult")), number):
            yield logprobs
        for citation in parse_citations(said, number):
            if self._is_news("citation", citation.raw, number):
                yield citation
        candidate.reason = word_of(said.get("finishReason"), NUMBERED) or candidate.reason
        yield from self._unknown(said, KNOWN_CANDIDATE, "candidate.", number)

    def _unknown(self, holder: Json, known: frozenset[str], prefix: str, choice: int = 0) -> Iterator[Raw]:
        for name, value in holder.items():
            # An empty list or object is there for its own sake: Gemini sends "groundingMetadata": {}.
            if name not in known and value not in (None, {}, []) and self._is_news(prefix + name, value, choice):
                yield Raw(prefix + name, value, choice)

    def _is_news(self, name: str, value: Any, choice: int) -> bool:
        """Whether it has not been told yet: ratings and sources are repeated from chunk to chunk."""
        said = self._said.setdefault((name, choice), [])
        if value in said:
            return False
        if self._said_count < MAX_SAID:
            self._said_count += 1
            said.append(value)
        return True


def finish(candidate: Candidate, block_reason: str) -> Finish:
    reason = candidate.reason
    if reason is None:
        return Finish("content_filter", block_reason or None, candidate.choice)
    known = FINISH_REASONS.get(reason, "other")
    if known == "stop" and candidate.called:
        known = "tool_calls"  # Gemini says STOP when it wants tools to be run
    if reason.isdigit() and int(reason) in NUMBERED_FILTERS:
        known = "content_filter"
    return Finish(known, reason, candidate.choice)


def word_of(value: Any, numbered: Sequence[str] = ()) -> str:
    """An enum's word, whether it came as a word or as a number; 0 and nothing are no word."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "" if value == 0 else numbered[value] if 0 < value < len(numbered) else str(value)
    return text_of(value)


def counts(usage: Mapping[str, Any]) -> bool:
    """Whether it counts anything."""
    return bool(
        count_of(usage.get("totalTokenCount"))
        or count_of(usage.get("promptTokenCount"))
        or count_of(usage.get("candidatesTokenCount"))
        or count_of(usage.get("thoughtsTokenCount"))
    )


def parse_usage(usage: Json) -> Usage | None:
    """Counts; None when it counts nothing, as in the chunks before the last on Vertex AI.

    Tool results that Google's own tools read are input, and thoughts are output, which it counts apart.
    """
    if not counts(usage):
        return None
    read, written = count_of(usage.get("promptTokenCount")), count_of(usage.get("candidatesTokenCount"))
    thought = count_of(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=read + count_of(usage.get("toolUsePromptTokenCount")),
        output_tokens=written + thought,
        cache_read_input_tokens=count_of(usage.get("cachedContentTokenCount")),
        reasoning_output_tokens=thought,
        raw=usage,
    )
