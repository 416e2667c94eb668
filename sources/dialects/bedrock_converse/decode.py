"""The messages of a ConverseStream answer to tokens.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html

There are two ways through: :meth:`ConverseDecoder.feed` takes any message, :meth:`ConverseDecoder.feed_batch` only
plain deltas, typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.eventstream import EventStreamMessage
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
)
from ...shape import count_of, object_of, objects_of, text_of
from .errors import in_stream_error
from .usage import parse_usage

__all__ = ["FINISH_REASONS", "ConverseDecoder", "ConverseEvents", "FastDelta"]

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # The vendor's own clients treat both as an end, with what the guardrail says in its place as text.
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
MAX_BLOCKS: Final = 4096
MAX_SAID: Final = 64
DELTA: Final = "contentBlockDelta"
PADDING: Final = "p"  # makes all messages look alike in size
KNOWN_METADATA: Final = frozenset(("usage", PADDING))
KNOWN_STOP: Final = frozenset(("stopReason", PADDING))


class FastInput(Struct, gc=False, forbid_unknown_fields=True):
    input: str


class FastReasoning(Struct, gc=False, forbid_unknown_fields=True):
    text: str


class FastContent(Struct, gc=False, forbid_unknown_fields=True):
    text: str | None = None
    toolUse: FastInput | None = None
    reasoningContent: FastReasoning | None = None


class FastDelta(Struct, gc=False, forbid_unknown_fields=True):
    """A delta that says nothing but one of these. Every other shape fails, and goes the general way."""

    contentBlockIndex: int
    delta: FastContent
    p: str = ""


decode_fast = codec.typed_decoder(FastDelta).decode


class ConverseEvents:
    """Events, whatever frames they came in, to tokens. A transducer of (name, data).

    ``messageStop`` tells the reason and ``metadata`` after it ends the answer; so does a connection that closes
    after the reason was told. Without it the answer was cut.
    """

    def __init__(self) -> None:
        self.started = False
        self.done = False
        self._reason: str | None = None
        self._counted = False
        self._calls: dict[int, int] = {}
        self._begun = 0
        self._said: dict[str, Any] = {}

    def take(self, event: FastDelta, tokens: list[StreamToken]) -> bool:
        """Put what a typed delta says to the tokens; False, and nothing is done, when it is not that plain."""
        delta, index = event.delta, event.contentBlockIndex
        text, call, reasoning = delta.text, delta.toolUse, delta.reasoningContent
        if (text, call, reasoning).count(None) != 2:
            return False
        if call is not None:
            number = self._calls.get(index)
            if number is None:
                return False
            if call.input:
                tokens.append(ToolCallDelta(call.input, number))
        elif index < 0:
            return False
        elif text:
            tokens.append(TextDelta(text, index))
        elif reasoning is not None and reasoning.text:
            tokens.append(ReasoningDelta(reasoning.text, index))
        return True

    def feed(self, event: tuple[str, Json], /) -> Iterator[StreamToken]:
        if self.done:
            return
        name, data = event
        if not self.started:
            self.started = True
            yield ResponseStart("", "")
        index = count_of(data.get("contentBlockIndex"))
        match name:
            case "messageStart":
                yield from self._unknown(data, frozenset(("role", PADDING)), "messageStart.")
            case "contentBlockStart":
                yield from self._begin(index, object_of(data.get("start")), data)
            case "contentBlockDelta":
                yield from self._delta(index, object_of(data.get("delta")), data)
            case "contentBlockStop":
                yield from self._end(index)
            case "messageStop":
                self._reason = text_of(data.get("stopReason")) or self._reason
                yield from self._unknown(data, KNOWN_STOP, "")
            case "metadata":
                yield from self._metadata(data)
            case _:
                yield Raw(name or "message", without_padding(data))
        if self._reason and self._counted:
            yield from self._finish()

    def close(self) -> Iterator[StreamToken]:
        if not self.done:
            if not self._reason:
                raise StreamTruncated
            yield from self._finish()

    def settle(self) -> Iterator[StreamToken]:
        """End the calls that nobody ended."""
        for index in list(self._calls):
            yield from self._end(index)

    def _begin(self, index: int, start: Json, data: Json) -> Iterator[StreamToken]:
        call = object_of(start.get("toolUse"))
        if call and call.get("type") != "server_tool_use":
            yield from self._end(index)
            yield self._call(index, text_of(call.get("toolUseId")), text_of(call.get("name")))
        elif start:  # an image, or a tool that the provider runs itself: nobody here may answer it
            yield Raw("contentBlockStart", without_padding(data))

    def _call(self, index: int, id: str, name: str) -> ToolCallStart:
        if self._begun >= MAX_BLOCKS:
            raise LimitExceeded("max_blocks", MAX_BLOCKS)
        number = self._calls[index] = self._begun
        self._begun += 1
        return ToolCallStart(id, name, number)

    def _delta(self, index: int, delta: Json, data: Json) -> Iterator[StreamToken]:
        match delta:
            case {"text": str(text)}:
                if text:
                    yield TextDelta(text, index)
            case {"toolUse": {"input": str(text)}} if index in self._calls:
                if text:
                    yield ToolCallDelta(text, self._calls[index])
            case {"reasoningContent": {"text": str(text)}}:
                if text:
                    yield ReasoningDelta(text, index)
            case {"reasoningContent": {"signature": str(signature)}}:
                yield ReasoningSignature(signature, index)
            case {"reasoningContent": {"redactedContent": str(content)}}:
                yield ReasoningSignature(content, index, kind="redacted")
            case {"citation": dict()}:
                yield parse_citation(object_of(delta["citation"]), index)
            case _:
                yield Raw("contentBlockDelta", without_padding(data))

    def _end(self, index: int) -> Iterator[StreamToken]:
        number = self._calls.pop(index, None)
        if number is not None:
            yield ToolCallEnd(number)

    def _metadata(self, data: Json) -> Iterator[StreamToken]:
        if usage := object_of(data.get("usage")):
            self._counted = True
            yield parse_usage(usage)
        yield from self._unknown(data, KNOWN_METADATA, "metadata.")

    def _unknown(self, holder: Json, known: frozenset[str], prefix: str) -> Iterator[Raw]:
        for name, value in holder.items():
            path = prefix + name
            if name in known or value in (None, {}) or self._said.get(path) == value:
                continue
            if len(self._said) < MAX_SAID:
                self._said[path] = value
            yield Raw(path, value)

    def _finish(self) -> Iterator[StreamToken]:
        self.done = True
        yield from self.settle()
        yield Finish(FINISH_REASONS.get(self._reason or "", "other"), self._reason)


class ConverseDecoder:
    """Decode the messages of one answer. A transducer."""

    def __init__(self) -> None:
        self._events = ConverseEvents()
        self._plain: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return self._events.done

    def feed(self, message: EventStreamMessage, /) -> Iterator[StreamToken]:
        if self._events.done:
            return
        if message.message_type != "event":
            raise in_stream_error(message)
        data = codec.loads_object(message.payload) if message.payload else {}
        yield from self._events.feed((message.event_type, data))

    def feed_batch(self, messages: Sequence[EventStreamMessage], /) -> Sequence[StreamToken] | None:
        events = self._events
        if events.done or not events.started:
            return None
        tokens: list[StreamToken] = []
        try:
            for message in messages:
                if message.headers is not self._plain and not self._is_delta(message):
                    return None
                event = decode_fast(message.payload)
                delta, index = event.delta, event.contentBlockIndex
                if delta.text and delta.toolUse is delta.reasoningContent is None and index >= 0:
                    tokens.append(TextDelta(delta.text, index))
                elif not events.take(event, tokens):
                    return None
        except codec.UNREADABLE:
            return None
        return tokens

    def close(self) -> Iterator[StreamToken]:
        return self._events.close()

    def _is_delta(self, message: EventStreamMessage) -> bool:
        """Whether this is a delta; the parser gives the same headers again and again, so they are looked at once."""
        if message.message_type != "event" or message.event_type != DELTA:
            return False
        self._plain = message.headers
        return True


def without_padding(data: Json) -> Json:
    return {name: value for name, value in data.items() if name != PADDING}


def parse_citation(citation: Json, index: int) -> Citation:
    web = object_of(object_of(citation.get("location")).get("web"))
    quoted = "".join(text_of(part.get("text")) for part in objects_of(citation.get("sourceContent")))
    return Citation(
        url=text_of(web.get("url")) or None,
        title=text_of(citation.get("title")) or None,
        text=quoted or None,
        index=index,
        raw=citation,
    )
