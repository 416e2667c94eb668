"""Response events to tokens.

https://platform.openai.com/docs/api-reference/responses-streaming

An event says what it is in its own ``type``, so that proxies may drop the ``event:`` lines. There are two ways
through: :meth:`ResponsesDecoder.feed` takes any event, :meth:`ResponsesDecoder.feed_batch` only deltas of items
that have begun to speak, typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Final

from ....streams import codec
from ....streams.burst import Burst
from ....streams.codec import Json
from ....streams.errors import StreamTruncated
from ....streams.text_run import TextRun
from ....streams.tokens import (
    Finish,
    FinishReason,
    Raw,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from ...partly import Partly
from ...shape import count_of, object_of, objects_of, text_of
from ...template import Learner, last_of
from ..openai_chat.pieces import parse_logprobs
from .errors import error_event, failure
from .items import CALLS, Item, Items, argument_text, parse_citation
from .plain import SPEECH, Delta, Speaker, decode_fast, look

__all__ = ["FINISH_REASONS", "ResponsesDecoder", "parse_usage"]

# `incomplete_details.reason`, else the response's status.
FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "other",
    "cancelled": "other",
    "incomplete": "other",
}
KNOWN_ITEMS: Final = frozenset(("message", "reasoning", *CALLS))
KNOWN_MESSAGE: Final = frozenset("id type status role content".split())
KNOWN_PARTS: Final = frozenset(("output_text", "refusal", "reasoning_text", "summary_text"))
KIND_OF: Final[Mapping[str, str]] = {
    "response.function_call_arguments.delta": "function_call",
    "response.function_call_arguments.done": "function_call",
    "response.custom_tool_call_input.delta": "custom_tool_call",
    "response.custom_tool_call_input.done": "custom_tool_call",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
}
# Said again by what comes before or after them.
QUIET: Final = frozenset(
    (
        "keepalive",
        "ping",
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
    )
)


class ResponsesDecoder(Partly):
    """Decode the payloads of one answer. A transducer.

    ``response.completed``, ``response.incomplete`` or ``response.failed`` ends the answer; without one it was cut.

    Attributes:
        items: The items of the answer, and what of them has been told.
        response_id: The answer's id, once told.
        sequence_number: The number of the last event that was no error: a background response can be taken up
            again with ``GET /responses/{response_id}?stream=true&starting_after={sequence_number}``. It is None for
            servers that do not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.response_id = ""
        self.sequence_number: int | None = None
        self._number: int | None = None  # of the last event that was kept
        self._started = False
        self.ended = False
        self.items = Items()
        self._speaking: dict[Speaker, tuple[Delta, int]] = {}
        self._learner: Learner[Speaker] | None = None

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        self._kept = None
        if self.ended or payload.strip() == b"[DONE]":
            return
        event = codec.loads_object(payload)
        kind = text_of(event.get("type"))
        if kind == "error" or (not kind and event.get("error")):
            raise error_event(event)
        number = event.get("sequence_number")
        if isinstance(number, int):
            self.sequence_number = number
        if not kind.startswith("response.") and kind not in QUIET:
            yield Raw(kind, told(event))
            return
        yield from self._response(kind, event)

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if self.ended or not self._speaking:
            return None
        if type(payloads) is Burst and (alike := self._alike(payloads)) is not None:
            return alike
        tokens: list[StreamToken] = []
        speaking, number, rest = self._speaking, self.sequence_number, iter(payloads)
        try:
            for payload in rest:
                event = decode_fast(payload)
                known = speaking.get((event.type, event.output_index, event.item_id))
                if known is None:
                    break
                if event.sequence_number is not None:
                    number = event.sequence_number
                if event.delta:
                    tokens.append(known[0](event.delta, known[1]))
            else:
                self.sequence_number = number
                return tokens
        except codec.UNREADABLE:
            pass
        self._number = number
        return self._keep(payloads, tokens, len(payloads) - 1 - len([*rest]))

    def feed_some(self, payloads: Sequence[bytes], /) -> tuple[Sequence[StreamToken], int]:
        tokens, count = super().feed_some(payloads)
        if 0 < count < len(payloads):
            self.sequence_number = self._number
        return tokens, count

    def _alike(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        """The tokens of many deltas that differ in what they say, and in their numbers, alone."""
        if self._going_on:
            return None
        if self._learner is None:
            self._learner = Learner(look)
        alike = self._learner.texts(payloads)
        known = None if alike is None else self._speaking.get(alike[0])
        if alike is None or known is None:
            return None
        (kind, index), texts = known, alike[1]
        number = decode_fast(last_of(payloads)).sequence_number
        if number is not None:
            self.sequence_number = number
        return TextRun.of(texts, index, 0) if kind is TextDelta else [kind(text, index) for text in texts if text]

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            raise StreamTruncated
        return iter(())

    def _response(self, kind: str, event: Json) -> Iterator[StreamToken]:
        response = object_of(event.get("response"))
        if not self._started and kind not in QUIET:
            self._started = True
            self.response_id = text_of(response.get("id"))
            yield ResponseStart(self.response_id, text_of(response.get("model")))
        match kind.removeprefix("response."):
            case "queued" | "created" | "in_progress":
                pass
            case "completed" | "incomplete" | "failed" | "cancelled" as status:
                yield from self._finish(response, status)
            case "output_item.added" if object_of(event.get("item")):
                yield from self._begin(event)
            case "output_item.done" if object_of(event.get("item")):
                yield from self._end(event)
            case _ if kind in SPEECH:
                yield from self._delta(kind, event)
            case _ if kind not in QUIET:
                yield from self._other(kind, event)
            case _:
                pass

    def _begin(self, event: Json) -> Iterator[StreamToken]:
        given = object_of(event.get("item"))
        self._speaking.clear()
        yield from self.items.begin(self.items.named(event.get("output_index"), given, begins=True), given)
        if self._is_unknown(given):
            yield Raw("response.output_item.added", told(event))

    def _end(self, event: Json) -> Iterator[StreamToken]:
        given = object_of(event.get("item"))
        self._speaking.clear()
        item = self.items.named(event.get("output_index"), given, begins=False)
        yield from self.items.end(item, given)
        if self._is_unknown(given) and (kind := text_of(given.get("type"))) != "message":
            yield Raw("response.output_item.done", told(event))
            if kind:
                yield self.items.handed_back(item, given)

    def _is_unknown(self, given: Json) -> bool:
        """Whether an item has no token of its own, or is a message that says more of itself, such as its ``phase``."""
        kind = text_of(given.get("type"))
        return kind not in KNOWN_ITEMS or (
            kind == "message" and any(given[name] is not None for name in given.keys() - KNOWN_MESSAGE)
        )

    def _delta(self, kind: str, event: Json) -> Iterator[StreamToken]:
        item, token_type = self._item(event), SPEECH[kind]
        number, what = item.index, "refusal" if token_type is RefusalDelta else "text"
        text = text_of(event.get("delta"))
        if token_type is ToolCallDelta:
            if item.ended:
                return
            yield from self.items.call_number(item)
            number, what = item.call or 0, CALLS[item.kind]
            text = text or argument_text(event.get("delta"))
        if text:
            yield from self.items.tell(item, what, token_type(text, number))
            index, item_id = event.get("output_index"), event.get("item_id")
            if isinstance(index, int) and isinstance(item_id, (str, NoneType)):
                self._speaking[kind, index, item_id] = token_type, number
        if logprobs := parse_logprobs({"content": event.get("logprobs")}, 0):
            yield logprobs

    def _other(self, kind: str, event: Json) -> Iterator[StreamToken]:
        match kind:
            case "response.output_text.annotation.added":
                item = self._item(event)
                item.annotations += 1
                yield parse_citation(object_of(event.get("annotation")), item.index)
            case "response.function_call_arguments.done" | "response.custom_tool_call_input.done":
                item = self._item(event)
                if item.ended:
                    return
                yield from self.items.call_number(item)
                field = CALLS[item.kind]
                if arguments := argument_text(event.get(field)):
                    yield from self.items.tell(item, field, ToolCallDelta(arguments, item.call or 0), again=False)
            case "response.content_part.added" | "response.content_part.done":
                if text_of(object_of(event.get("part")).get("type")) not in KNOWN_PARTS:
                    yield Raw(kind, told(event))
            case "response.reasoning_summary_part.added":
                # The first part opens with its item; a later one is told, as the place for a paragraph.
                if count_of(event.get("summary_index")):
                    yield Raw(kind, told(event))
            case _:
                yield Raw(kind, told(event))

    def _item(self, event: Json) -> Item:
        kind = KIND_OF.get(text_of(event.get("type")), "message")
        item = self.items.find(event.get("output_index"), text_of(event.get("item_id")), kind)
        if kind in CALLS and item.call is None:
            item.kind = kind
        return item

    def _finish(self, response: Json, status: str) -> Iterator[StreamToken]:
        if self.items.are_none:
            # Some proxies send nothing but the whole answer.
            for index, given in enumerate(objects_of(response.get("output"))):
                event = {"output_index": index, "item": given}
                yield from self._end({"type": "response.output_item.done", **event})
        self.ended = True
        yield from self.items.end_all()
        if usage := object_of(response.get("usage")):
            yield parse_usage(usage)
        if filters := response.get("content_filters"):
            yield Raw("content_filters", filters)
        if status == "failed":
            raise failure(response)
        reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
        word = reason or text_of(response.get("status")) or status
        finish = FINISH_REASONS.get(word, "other")
        yield Finish("tool_calls" if finish == "stop" and self.items.wants_tools else finish, word)


def told(event: Json) -> Json:
    """An event as it came, without its number and its padding."""
    return {name: value for name, value in event.items() if name not in ("sequence_number", "obfuscation")}


def parse_usage(usage: Json) -> Usage:
    """Counts of the whole answer; cached tokens are part of the input, reasoning is part of the output."""
    read, written = object_of(usage.get("input_tokens_details")), object_of(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=count_of(usage.get("input_tokens")),
        output_tokens=count_of(usage.get("output_tokens")),
        cache_read_input_tokens=count_of(read.get("cached_tokens")),
        cache_creation_input_tokens=count_of(read.get("cache_write_tokens")),
        reasoning_output_tokens=count_of(written.get("reasoning_tokens")),
        raw=usage,
    )
