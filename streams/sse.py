"""WHATWG server-sent events, parsed without I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Bytes stay bytes: a line ends at LF, CR or CRLF and nowhere else, so U+0085, U+2028, VT and FF never split
one, and no character can be cut. :class:`SseParser` gives whole events, :class:`SsePayloads` their data alone,
which is all that a decoder needs, since the JSON carries its own type.

There are two ways through. Streams repeat themselves, so one ``split`` on *blank line and the head seen last*
cuts a whole read, exact when no piece holds a line end. Anything else a :class:`.Framer` cuts at its blank lines,
and each event is read by the book. Both give the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Final, Generic, TypeVar, cast

from msgspec import Struct

from .errors import LimitExceeded
from .sse_framer import CR, LF, Framer

__all__ = ["SseEvent", "SseParser", "SsePayloads"]

T = TypeVar("T")
MAX_EVENT_BYTES: Final = 1 << 20
LONE: Final = 4096  # no more is looked at as if it might be one event


class SseEvent(Struct, frozen=True, gc=False):
    """One dispatched event; ``type`` is ``"message"`` unless the stream named it."""

    data: bytes
    type: str = "message"
    last_event_id: str = ""

    @property
    def text(self) -> str:
        """The data as text; what is not UTF-8 becomes U+FFFD, as the standard says."""
        return self.data.decode("utf-8", "replace")


class Blocks(Generic[T]):
    """What both parsers share: cutting, the limit, and the rules of the standard for one event."""

    __slots__ = ("_blank", "_framer", "_head", "_held_head", "_last_event_id", "_needle", "_type", "retry_ms")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._framer = Framer(max_event_bytes)
        self._expect(b"\n", "message", b"data: ")
        self._last_event_id = ""
        self.retry_ms: int | None = None

    @abstractmethod
    def _made(self, payloads: list[bytes]) -> list[T]:
        """What events are, given the data of some that are alike."""

    @abstractmethod
    def _read(self, blocks: Iterable[bytes]) -> Iterator[T]:
        """What events are, given their lines."""

    def feed(self, chunk: bytes, /) -> Iterable[T]:
        """Take one chunk; return what its events are."""
        framer = self._framer
        line, held = framer.line, framer.held
        if line is not None and LF not in chunk and CR not in chunk and len(line) + len(chunk) < framer.limit:
            line += chunk  # no event can end in it: much may come in small pieces
            return ()
        if len(held) + len(chunk) > framer.limit or framer.overlong:
            return self._read(self._sized(framer.frame(chunk)))
        if not held and len(chunk) < LONE:
            head, blank = self._head, self._blank
            payload = chunk[len(head) : -len(blank)]
            if LF not in payload and CR not in payload and chunk[: len(head)] == head and chunk[-len(blank) :] == blank:
                framer.first = framer.skip_lf = False
                return self._made([payload])
        payloads = self._split(chunk)
        if payloads is None:
            return self._by_the_book(chunk)
        rest = chunk[chunk.rfind(self._blank) + len(self._blank) :]
        framer.clear()
        framed = framer.frame(rest) if rest else b""
        made = self._made(payloads)
        return [*made, *self._read(framed.split(b"\n\n"))] if framed else made

    def feed_batch(self, chunks: Sequence[bytes], /) -> Sequence[T] | None:
        """All chunks of one read, as if they were one."""
        chunk = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        framer = self._framer
        if framer.overlong or len(framer.held) + len(chunk) > framer.limit:
            return None
        return cast("Sequence[T]", self.feed(chunk))

    def close(self) -> tuple[T, ...]:
        """End the stream; the standard discards an event without its blank line."""
        return ()

    def _split(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events that end in this chunk, when they are all like the last one."""
        framer, blank, head = self._framer, self._blank, self._head
        end = chunk.rfind(blank)
        if end < 0 or framer.first:
            return None
        payloads: list[bytes] = []
        start = 0
        if framer.held:
            start = chunk.find(blank)
            begun = (bytes(framer.held) + chunk[:start]).replace(b"\r\n", b"\n")
            if not begun.startswith(self._held_head):
                return None
            payloads.append(begun[len(self._held_head) :])
            start += len(blank)
        if start <= end:
            if not chunk.startswith(head, start):
                return None
            payloads += chunk[start + len(head) : end].split(self._needle)
        whole = b"".join(payloads)
        return None if LF in whole or CR in whole else payloads

    def _by_the_book(self, chunk: bytes) -> Sequence[T]:
        framed = self._framer.frame(chunk)
        if not framed:
            return ()
        self._learn(framed.rpartition(b"\n\n")[2], b"\n" if chunk.find(b"\r\n\r\n") < 0 else b"\r\n")
        return [*self._read(framed.split(b"\n\n"))]

    def _learn(self, block: bytes, line_end: bytes) -> None:
        """Remember how the last event began, and how its lines ended."""
        if block[:6] == b"data: ":
            self._expect(line_end, "message", b"data: ")
        elif block[:7] == b"event: ":
            head, found, _ = block.partition(b"\ndata: ")
            if found and LF not in head:
                self._expect(line_end, head[7:].decode("utf-8", "replace") or "message", head + line_end + b"data: ")

    def _expect(self, line_end: bytes, type: str, head: bytes) -> None:
        self._type = type
        self._head = head
        self._held_head = head.replace(b"\r\n", b"\n")
        self._blank = line_end * 2
        self._needle = self._blank + head

    def _sized(self, framed: bytes) -> Iterator[bytes]:
        """The events in what the framer gave; past the limit it raises, after the events before."""
        limit = self._framer.limit
        for block in framed.split(b"\n\n") if framed else ():
            if len(block) > limit and len(block.strip(b"\n")) > limit:
                raise LimitExceeded("max_event_bytes", limit)
            yield block
        if self._framer.overlong:
            raise LimitExceeded("max_event_bytes", limit)

    def _dispatch(self, block: bytes) -> SseEvent | None:
        """One event by the book, from its lines; None when it has no data."""
        data: bytearray | None = None
        kind = ""
        for line in BytesIO(block):  # not split: a million short lines would be a million objects
            name, _, value = line.removesuffix(b"\n").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                if data is None:
                    data = bytearray(value)
                else:
                    data += b"\n" + value
            elif name == b"event":
                kind = value.decode("utf-8", "replace")
            elif name == b"id" and b"\0" not in value:
                self._last_event_id = value.decode("utf-8", "replace")
            elif name == b"retry" and value.isdigit() and len(value) < 16:
                self.retry_ms = int(value)
        return None if data is None else SseEvent(bytes(data), kind or "message", self._last_event_id)


class SseParser(Blocks[SseEvent]):
    r"""Turn byte chunks, cut anywhere, into events. A transducer.

    >>> parser = SseParser()
    >>> list(parser.feed(b"event: greet\ndata: he"))
    []
    >>> list(parser.feed(b"llo\n\n"))
    [SseEvent(data=b'hello', type='greet', last_event_id='')]

    Args:
        max_event_bytes: The most one event may hold, its comments and field names included.

    Raises:
        LimitExceeded: From ``feed``, past the limit.
    """

    __slots__ = ()

    def _made(self, payloads: list[bytes]) -> list[SseEvent]:
        type, last_event_id = self._type, self._last_event_id
        return [SseEvent(payload, type, last_event_id) for payload in payloads]

    def _read(self, blocks: Iterable[bytes]) -> Iterator[SseEvent]:
        for block in blocks:
            # The two shapes that providers send: one data line, alone or after one event line.
            if block[:6] == b"data: " and LF not in block:
                yield SseEvent(block[6:], "message", self._last_event_id)
                continue
            if block[:7] == b"event: ":
                head, _, data = block.partition(b"\ndata: ")
                if data and LF not in data and LF not in head:
                    yield SseEvent(data, head[7:].decode("utf-8", "replace") or "message", self._last_event_id)
                    continue
            event = self._dispatch(block)
            if event is not None:
                yield event


class SsePayloads(Blocks[bytes]):
    r"""Turn byte chunks, cut anywhere, into the data of their events. A transducer.

    It gives exactly ``[event.data for event in SseParser]``, several times as fast.

    >>> list(SsePayloads().feed(b"event: a\ndata: 1\n\nevent: a\ndata: 2\n\n"))
    [b'1', b'2']
    """

    __slots__ = ()

    def _made(self, payloads: list[bytes]) -> list[bytes]:
        return payloads

    def _read(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if block[:6] == b"data: " and LF not in block:
                yield block[6:]
                continue
            if block[:7] == b"event: ":
                head, _, data = block.partition(b"\ndata: ")
                if data and LF not in data and LF not in head:
                    yield data
                    continue
            event = self._dispatch(block)
            if event is not None:
                yield event.data
