"""What reads the chunks that are in no other API's shape: Nova's events, and the older models' own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ....streams import codec
from ....streams.errors import StreamTruncated
from ....streams.tokens import Finish, ResponseStart, StreamToken, TextDelta, Usage
from ...shape import object_of, real_of
from ..bedrock_converse.decode import ConverseEvents, FastDelta
from .native import Native

__all__ = ["ConverseChunks", "NativeDecoder"]


class FastEvent(Struct, gc=False, forbid_unknown_fields=True):
    """One of Nova's events that says nothing but a delta."""

    contentBlockDelta: FastDelta


decode_event = codec.typed_decoder(FastEvent).decode


class ConverseChunks:
    """Nova's chunks: Converse's events, each in an object under its name."""

    def __init__(self) -> None:
        self._events = ConverseEvents()

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        for name, data in codec.loads_object(payload).items():
            yield from self._events.feed((name, object_of(data)))

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        """Deltas only, typed. Every other event goes the general way."""
        if self._events.done or not self._events.started:
            return None
        tokens: list[StreamToken] = []
        try:
            for payload in payloads:
                if not self._events.take(decode_event(payload).contentBlockDelta, tokens):
                    return None
        except codec.UNREADABLE:
            return None
        return tokens

    def settle(self) -> Iterator[StreamToken]:
        return self._events.settle()

    def close(self) -> Iterator[StreamToken]:
        return self._events.close()


class NativeDecoder:
    """Chunks of text in one of the models' own shapes."""

    def __init__(self, shape: Native) -> None:
        self._shape = shape
        self._started = False
        self._reason = ""
        self._read = self._written = 0

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        """Text and counts only, typed. Every other chunk goes the general way."""
        decode = self._shape.decode_fast
        if decode is None or not self._started:
            return None
        tokens: list[StreamToken] = []
        read = written = 0
        try:
            for payload in payloads:
                chunk = decode(payload)
                read, written = whole(chunk.read) or read, whole(chunk.written) or written
                if chunk.text:
                    tokens.append(TextDelta(chunk.text))
        except codec.UNREADABLE:
            return None
        self._read, self._written = read or self._read, written or self._written
        return tokens

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        chunk = codec.loads_object(payload)
        if not self._started:
            self._started = True
            yield ResponseStart("", "")
        text, reason = self._shape.read(chunk)
        self._reason = reason or self._reason
        read, written = self._shape.counts
        self._read = whole(chunk.get(read)) or self._read
        self._written = whole(chunk.get(written)) or self._written
        if text:
            yield TextDelta(text)

    def settle(self) -> Iterator[StreamToken]:
        return iter(())

    def close(self) -> Iterator[StreamToken]:
        if self._read or self._written:
            yield Usage(self._read, self._written)
        if not self._reason:
            raise StreamTruncated
        yield Finish(self._shape.reasons.get(self._reason, "other"), self._reason)


def whole(value: Any) -> int:
    """A count; Titan behind a guardrail writes them as 6.0."""
    number = real_of(value)
    return int(number) if 0 < number < 1 << 53 else 0
