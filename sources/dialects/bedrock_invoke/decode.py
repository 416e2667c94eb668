"""The messages of an InvokeModelWithResponseStream answer to tokens.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html

Each message holds a chunk in the model's own shape. Which one that is, the first chunk tells, since the id of a
model need not (ARNs of profiles and imports do not). Amazon puts its own fields into the last chunk: the counts of
the call, and what a guardrail did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct, field

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import MalformedEvent, StreamTruncated
from ....streams.eventstream import EventStreamMessage
from ....streams.tokens import Finish, Raw, StreamToken, Usage
from ...shape import count_of, object_of
from ..anthropic_messages.decode import MessagesDecoder
from ..anthropic_text import CompletionDecoder
from ..bedrock_converse.errors import in_stream_error
from ..openai_chat.decode import ChatDecoder
from .chunks import ConverseChunks, NativeDecoder
from .native import NATIVE

__all__ = ["InvokeDecoder"]

AMAZON: Final = "amazon-bedrock-"
MARK: Final = AMAZON.encode()
METRICS: Final = "amazon-bedrock-invocationMetrics"
ACTION: Final = "amazon-bedrock-guardrailAction"
CONVERSE_EVENTS: Final = frozenset(
    "messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop metadata".split()
)


class Chunk(Struct, gc=False):
    """What a message holds: a chunk in base64, beside padding."""

    content: bytes = field(name="bytes")
    p: str = ""


decode_chunk = codec.typed_decoder(Chunk).decode


class Inner(Protocol):
    """What reads the chunks of one shape."""

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]: ...

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None: ...

    def close(self) -> Iterator[StreamToken]: ...


class Settling(Inner, Protocol):
    """One whose answer may end without a reason of the model's."""

    def settle(self) -> Iterator[StreamToken]:
        """End the calls that are open."""
        ...


class InvokeDecoder:
    """Decode the messages of one answer. A transducer."""

    def __init__(self) -> None:
        self._inner: Inner | None = None

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return getattr(self._inner, "ended", False)

    def feed(self, message: EventStreamMessage, /) -> Iterator[StreamToken]:
        if self.ended:
            return
        if message.message_type != "event":
            raise in_stream_error(message)
        if message.event_type != "chunk":
            data: Any = codec.loads(message.payload) if message.payload else None
            yield Raw(message.event_type or "message", data)
            return
        payload = unwrapped(message)
        if self._inner is None:
            self._inner = reader_for(codec.loads_object(payload))
        yield from self._inner.feed(payload)

    def feed_batch(self, messages: Sequence[EventStreamMessage], /) -> Sequence[StreamToken] | None:
        if self._inner is None:
            return None
        payloads: list[bytes] = []
        for message in messages:
            if message.message_type != "event" or message.event_type != "chunk":
                return None
            try:
                payloads.append(decode_chunk(message.payload).content)
            except codec.UNREADABLE:
                return None
        return self._inner.feed_batch(payloads)

    def close(self) -> Iterator[StreamToken]:
        if self._inner is None:
            raise StreamTruncated
        yield from self._inner.close()


def unwrapped(message: EventStreamMessage) -> bytes:
    try:
        return decode_chunk(message.payload).content
    except codec.UNREADABLE:
        raise MalformedEvent("a chunk of the event stream holds no base64 bytes") from None


def reader_for(chunk: Json) -> Inner:
    """What reads an answer that begins with this chunk.

    Raises:
        MalformedEvent: When no known model begins so.
    """
    if isinstance(chunk.get("type"), str) or isinstance(chunk.get("error"), dict):
        return CompletionDecoder() if chunk.get("type") == "completion" else MessagesDecoder()
    if "completion" in chunk:
        return CompletionDecoder()
    if chunk.keys() & CONVERSE_EVENTS:
        return Measured(ConverseChunks())
    if "choices" in chunk:
        return Measured(ChatDecoder())
    for mark, family in (("outputText", "titan"), ("generation", "llama"), ("outputs", "mistral")):
        if mark in chunk:
            return Measured(NativeDecoder(NATIVE[family]))
    if chunk.keys() & {"is_finished", "generations", "event_type"}:
        return Measured(NativeDecoder(NATIVE["cohere"]))
    raise MalformedEvent("a chunk of the event stream is in no known model's shape")


class Measured:
    """A decoder beside which Amazon's own fields are read: they count the call, and end it."""

    def __init__(self, inner: Settling) -> None:
        self._inner = inner
        self._metrics: Usage | None = None
        self._told = False
        self._done = False
        self._said: Json = {}

    @property
    def ended(self) -> bool:
        """Whether the last event has come."""
        return self._done

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self._done:
            return
        if payload.find(MARK) < 0:
            yield from self._counted(self._inner.feed(payload))
            return
        chunk = codec.loads_object(payload)
        fields = {name: chunk.pop(name) for name in list(chunk) if name.startswith(AMAZON)}
        if metrics := object_of(fields.get(METRICS)):
            self._metrics = parse_metrics(metrics)
        yield from self._counted(self._inner.feed(codec.dumps(chunk)))
        if not self._done:
            yield from self._changed(fields)
        if METRICS in fields and not self._done:
            yield from self._counted(self._ended())

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if self._done or any(payload.find(MARK) >= 0 for payload in payloads):
            return None
        return self._inner.feed_batch(payloads)

    def close(self) -> Iterator[StreamToken]:
        if not self._done:
            yield from self._counted(self._ended())

    def _ended(self) -> Iterator[StreamToken]:
        try:
            yield from self._inner.close()
        except StreamTruncated:
            # What a guardrail stopped has no reason of the model's.
            stopped = self._said.get(ACTION) == "INTERVENED"
            if not stopped and self._metrics is None:
                raise
            yield from self._inner.settle()
            yield Finish("content_filter", "INTERVENED") if stopped else Finish("other")

    def _changed(self, fields: Json) -> Iterator[Raw]:
        """Amazon repeats some fields in every chunk: each is told once, until it changes."""
        for name, value in fields.items():
            if self._said.get(name) != value and len(self._said) < 64:
                self._said[name] = value
                yield Raw(name, value)

    def _counted(self, tokens: Iterator[StreamToken]) -> Iterator[StreamToken]:
        for token in tokens:
            if isinstance(token, Usage):
                if token.raw is None and self._metrics is not None:
                    continue  # counted by us from the chunks: Amazon knows better
                self._told = True
            elif isinstance(token, Finish):
                self._done = True
                if self._metrics is not None and not self._told:
                    self._told = True
                    yield self._metrics
            yield token


def parse_metrics(metrics: Json) -> Usage:
    read, written = (count_of(metrics.get(f"cache{what}InputTokenCount")) for what in ("Read", "Write"))
    return Usage(
        input_tokens=count_of(metrics.get("inputTokenCount")) + read + written,
        output_tokens=count_of(metrics.get("outputTokenCount")),
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        raw=metrics,
    )
