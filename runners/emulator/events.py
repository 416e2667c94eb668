"""An answer's bytes as the events they carry, each knowing what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from ...sources.dialect import Dialect, Encoder
from ...streams.errors import StreamError
from ...streams.tokens import ReasoningDelta, RefusalDelta, StreamToken, TextDelta, ToolCallDelta, ToolCallStart

__all__ = ["CONTENT_KINDS", "Event", "Kind", "events_of", "spoken"]

Kind: TypeAlias = Literal["text", "arguments", "content", "other", "end"]
CONTENT_KINDS: Final = frozenset({"text", "arguments", "content"})
KINDS: Final[dict[type, Kind]] = {
    TextDelta: "text",
    ToolCallDelta: "arguments",
    ReasoningDelta: "content",
    RefusalDelta: "content",
    ToolCallStart: "content",
}
LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MAX_EVENT_BYTES: Final = 1 << 20


class Event(NamedTuple):
    """Bytes that go out as one; the last of an answer is ``end``, unless it holds content."""

    data: bytes
    kind: Kind = "other"


def spoken(tokens: Iterable[StreamToken], encoder: Encoder) -> Iterator[Event]:
    """Write tokens as events, as they are asked for; of a token's events the last holds what it says."""
    for token in tokens:
        written = list(encoder.feed(token))
        yield from map(Event, written[:-1])
        if written:
            yield Event(written[-1], KINDS.get(type(token), "other"))
    for data in encoder.close():
        yield Event(data, "end")


def events_of(chunks: Iterable[bytes], dialect: Dialect, *, end_mark: bool = True) -> Iterator[Event]:
    """Take an answer apart, so that its events joined are the answer; it reads one event ahead.

    The dialect's own framer says where events end, and its decoder what they hold, so whatever an encoder
    or a recording puts together comes apart as it does for a client. What they refuse is one event. Where the
    dialect's last event is no ``end_mark``, since it also says why, no event is ``end``.
    """
    held: Event | None = None
    for event in told(chunks, dialect):
        if held is not None and not event.data.strip(b"\r\n"):
            event = Event(held.data + event.data, held.kind)
        elif held is not None:
            yield held
        held = event
    if held is not None:
        yield Event(held.data, "end") if end_mark and held.kind not in CONTENT_KINDS else held


def told(chunks: Iterable[bytes], dialect: Dialect) -> Iterator[Event]:
    listener = Listener(dialect)
    pending = bytearray()
    for chunk in chunks:
        for piece in pieces(chunk, dialect):
            pending += piece
            kind = listener.hear(piece)
            if kind is not None or len(pending) >= MAX_EVENT_BYTES:
                yield Event(bytes(pending), kind or "other")
                pending.clear()
    if pending:
        yield Event(bytes(pending))


def pieces(chunk: bytes, dialect: Dialect) -> Iterable[bytes]:
    """Pieces so small that no event can end inside of one: lines of text, or bytes."""
    if dialect.content_types[0].startswith("text/"):
        return LINE.findall(chunk)
    return (chunk[at : at + 1] for at in range(len(chunk)))


class Listener:
    """Hear what a client would hear."""

    __slots__ = ("_deaf", "_decoder", "_framer")

    def __init__(self, dialect: Dialect) -> None:
        self._framer, self._decoder = dialect.framer(), dialect.decoder()
        self._deaf = False

    def hear(self, piece: bytes) -> Kind | None:
        """What the event holds that this piece completes; None when it completes none."""
        if self._deaf:
            return None
        try:
            payloads = list(self._framer.feed(piece))
            tokens = [token for payload in payloads for token in self._decoder.feed(payload)]
        except StreamError:
            self._deaf = True
            return None
        if not payloads:
            return None
        kinds: list[Kind] = [KINDS[type(token)] for token in tokens if type(token) in KINDS]
        return kinds[-1] if kinds else "other"  # a call that comes whole begins, and has its arguments
