"""Events of an interaction to tokens. https://ai.google.dev/gemini-api/docs/interactions#streaming

``interaction.completed`` ends the answer, whatever its status says; without it the answer was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace as with_fields

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.tokens import (
    Citation,
    Finish,
    FinishReason,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from ...shape import count_of, object_of, objects_of, text_of
from ..gemini.errors import in_stream_error

__all__ = ["FINISH_REASONS", "InteractionsDecoder", "parse_usage"]

# https://ai.google.dev/api/interactions-api#Resource:Interaction: the status that it ends with.
FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "budget_exceeded": "length",
    "requires_continuation": "length",
    "failed": "error",
    "cancelled": "other",
    "queued": "other",
    "in_progress": "other",
}
MAX_TOOL_CALLS: Final = 1024
KNOWN_INTERACTION: Final = frozenset(
    "id status usage created updated model object role service_tier steps input errors".split()
)
SILENT: Final = frozenset(("interaction.status_update", "interaction.created"))


class FastText(Struct, gc=False, forbid_unknown_fields=True, tag="text", tag_field="type"):
    text: str


class FastContent(Struct, gc=False, forbid_unknown_fields=True):
    text: str
    type: str = ""


class FastThought(Struct, gc=False, forbid_unknown_fields=True, tag="thought_summary", tag_field="type"):
    content: FastContent


class FastArguments(Struct, gc=False, forbid_unknown_fields=True, tag="arguments_delta", tag_field="type"):
    arguments: str


class FastEvent(Struct, gc=False, forbid_unknown_fields=True):
    """An event that says nothing but one of these. Every other shape fails to decode, and goes the general way."""

    delta: FastText | FastThought | FastArguments
    event_type: Literal["step.delta"]
    index: int
    event_id: str | None = None


decode_fast = codec.typed_decoder(FastEvent).decode


class InteractionsDecoder:
    """Decode the events of one interaction. A transducer.

    Attributes:
        interaction_id: Its id, once told.
        event_id: The id of the last event that had one: the stream can be taken up again with
            ``GET /interactions/{interaction_id}?stream=true&last_event_id={event_id}``.
    """

    def __init__(self) -> None:
        self.interaction_id = ""
        self.event_id = ""
        self._started = False
        self.ended = False
        self._usage: Usage | None = None
        self._begun = 0
        self._calls: dict[int, int] = {}  # the number of each call that has not ended, by its step

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self.ended or payload.strip() == b"[DONE]":
            return
        event = codec.loads_object(payload)
        kind = text_of(event.get("event_type"))
        if kind == "error" or (not kind and event.get("error")):
            raise in_stream_error(event)
        interaction = object_of(event.get("interaction"))
        self.event_id = text_of(event.get("event_id")) or self.event_id
        self.interaction_id = text_of(interaction.get("id")) or self.interaction_id
        if not self._started and (interaction or kind.startswith("step.")):
            self._started = True
            yield ResponseStart(text_of(interaction.get("id")), text_of(interaction.get("model")))
        yield from self._count(object_of(object_of(event.get("metadata")).get("usage")))
        number = count_of(event.get("index"))
        match kind:
            case "step.start":
                yield from self._begin(object_of(event.get("step")), number)
            case "step.delta":
                yield from self._delta(object_of(event.get("delta")), number)
            case "step.stop":
                yield from self._end(number)
            case "interaction.completed":
                yield from self._complete(interaction)
            case _ if kind not in SILENT:
                yield Raw(kind, event)
            case _:
                pass

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        tokens: list[StreamToken] = []
        event_id = self.event_id
        try:
            for payload in payloads:
                event = decode_fast(payload)
                if event.index < 0:
                    return None
                event_id = event.event_id or event_id
                delta, index = event.delta, event.index
                if type(delta) is FastText:
                    if delta.text:
                        tokens.append(TextDelta(delta.text, index))
                elif type(delta) is FastThought:
                    if delta.content.text:
                        tokens.append(ReasoningDelta(delta.content.text, index))
                elif type(delta) is FastArguments:
                    if index not in self._calls:
                        return None
                    if delta.arguments:
                        tokens.append(ToolCallDelta(delta.arguments, self._calls[index]))
        except codec.UNREADABLE:
            return None
        self.event_id = event_id
        return tokens

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            raise StreamTruncated
        return iter(())

    def _count(self, usage: Json) -> Iterator[Usage]:
        if usage:
            if self._usage is None:
                yield with_fields(parse_usage(usage), kind="partial")
            self._usage = parse_usage(usage)

    def _begin(self, step: Json, number: int) -> Iterator[StreamToken]:
        match step.get("type"):
            case "model_output":
                for content in objects_of(step.get("content")):
                    yield from parse_content(content, number)
            case "thought":
                for content in objects_of(step.get("summary")):
                    if text := text_of(content.get("text")):
                        yield ReasoningDelta(text, number)
                if signature := text_of(step.get("signature")):
                    yield ReasoningSignature(signature, number, kind="thought_signature")
            case "function_call":
                yield from self._end(number)
                if self._begun >= MAX_TOOL_CALLS:
                    raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
                call = self._calls[number] = self._begun
                self._begun += 1
                yield ToolCallStart(text_of(step.get("id")), text_of(step.get("name")), call)
                if arguments := object_of(step.get("arguments")):
                    yield ToolCallDelta(codec.dumps(arguments).decode(), call)
            case _:
                yield Raw("step", step)

    def _delta(self, delta: Json, number: int) -> Iterator[StreamToken]:
        match delta.get("type"):
            case "text":
                yield from parse_content(delta, number)
            case "thought_summary":
                if text := text_of(object_of(delta.get("content")).get("text")):
                    yield ReasoningDelta(text, number)
            case "thought_signature":
                if signature := text_of(delta.get("signature")):
                    yield ReasoningSignature(signature, number, kind="thought_signature")
            case "arguments_delta" if number in self._calls:
                if arguments := text_of(delta.get("arguments")):
                    yield ToolCallDelta(arguments, self._calls[number])
            case "text_annotation_delta":
                yield from parse_annotations(delta, number)
            case _:
                yield Raw("delta", delta)

    def _end(self, number: int) -> Iterator[ToolCallEnd]:
        call = self._calls.pop(number, None)
        if call is not None:
            yield ToolCallEnd(call)

    def _complete(self, interaction: Json) -> Iterator[StreamToken]:
        status = text_of(interaction.get("status"))
        errors = objects_of(interaction.get("errors"))
        if status == "failed" and errors:
            raise in_stream_error({"error": errors[0]})
        self.ended = True
        for step in tuple(self._calls):
            yield from self._end(step)
        for name, value in interaction.items():
            if name not in KNOWN_INTERACTION and value is not None:
                yield Raw(f"interaction.{name}", value)
        if usage := object_of(interaction.get("usage")):
            self._usage = parse_usage(usage)
        if self._usage is not None:
            yield self._usage
        yield Finish(FINISH_REASONS.get(status, "other"), status or None)


def parse_content(content: Json, number: int) -> Iterator[StreamToken]:
    if content.get("type") != "text":
        yield Raw("content", content)
        return
    if text := text_of(content.get("text")):
        yield TextDelta(text, number)
    yield from parse_annotations(content, number)


def parse_annotations(holder: Json, number: int) -> Iterator[Citation]:
    for source in objects_of(holder.get("annotations")):
        url = text_of(source.get("url")) or text_of(source.get("uri"))
        title = text_of(source.get("title")) or text_of(source.get("file_name"))
        yield Citation(url or None, title or None, index=number, raw=source)


def parse_usage(usage: Json) -> Usage:
    """Counts; Google counts what its own tools read, and thoughts, apart."""
    thought = count_of(usage.get("total_thought_tokens"))
    return Usage(
        input_tokens=count_of(usage.get("total_input_tokens")) + count_of(usage.get("total_tool_use_tokens")),
        output_tokens=count_of(usage.get("total_output_tokens")) + thought,
        cache_read_input_tokens=count_of(usage.get("total_cached_tokens")),
        reasoning_output_tokens=thought,
        raw=usage,
    )
