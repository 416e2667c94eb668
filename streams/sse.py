"""WHATWG server-sent events, parsed without I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Bytes stay bytes: a line ends at LF, CR or CRLF and nowhere else, so U+0085, U+2028, VT and FF never split
one, and no character can be cut. A :class:`Framer` finds the complete events of one chunk; what is made of
them is up to the two parsers: :class:`SseParser` gives whole events, :class:`SsePayloads` their data alone,
which is all that a decoder needs, since the JSON carries its own type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final, Generic, TypeVar

from msgspec import Struct

from .errors import LimitExceeded

__all__ = ["SseEvent", "SseParser", "SsePayloads"]

T = TypeVar("T")
BOM: Final = b"\xef\xbb\xbf"
MAX_EVENT_BYTES: Final = 1 << 20
CR, LF, COLON = 13, 10, 58


class SseEvent(Struct, frozen=True, gc=False):
    """One dispatched event; ``type`` is ``"message"`` unless the stream named it."""

    data: bytes
    type: str = "message"
    last_event_id: str = ""

    @property
    def text(self) -> str:
        """The data as text; what is not UTF-8 becomes U+FFFD, as the standard says."""
        return self.data.decode("utf-8", "replace")


class Framer:
    """Cut a byte stream at its blank lines, in linear time and in little memory for any size of chunk.

    :meth:`frame` answers the complete events of the stream so far, their lines ended by LF, with blank lines
    between them; what is incomplete waits, and is ``overlong`` past ``limit`` bytes.
    """

    __slots__ = ("_at_line_end", "_first", "_held", "_skip_lf", "limit", "overlong")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.overlong = False
        self._held = bytearray()  # the incomplete event: it grows in place, so that a drip of bytes stays linear
        self._at_line_end = True  # the stream up to here ends in LF, so that one more makes a blank line
        self._first = True
        self._skip_lf = False  # the last byte was CR: an LF that follows belongs to it

    def frame(self, chunk: bytes) -> bytes:
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[0] == LF:
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._skip_lf = chunk[-1] == CR
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._first:
            chunk = self._without_bom(chunk)
        if not chunk:
            return b""
        held = self._held
        end = chunk.rfind(b"\n\n")
        if end < 0 and not (self._at_line_end and chunk[0] == LF):
            held += chunk
            self._at_line_end = chunk[-1] == LF
            if len(held) > self.limit:
                self._measure()
            return b""
        # An end of -1: the blank line began in the chunk before, and ends with this one's first byte.
        rest = chunk[end + 2 :]
        self._at_line_end = chunk[-1] == LF
        if held:
            end += len(held)
            held += chunk
            chunk = bytes(held)
            held.clear()
        if rest:
            held += rest
            if len(rest) > self.limit:
                self._measure()
        return chunk[: max(end, 0)]

    def _measure(self) -> None:
        self.overlong = len(self._held) - self._at_line_end > self.limit  # the last line's end does not count

    def _without_bom(self, chunk: bytes) -> bytes:
        chunk = bytes(self._held) + chunk
        self._held.clear()
        if len(chunk) < len(BOM) and BOM.startswith(chunk):
            self._held += chunk
            return b""
        self._first = False
        return chunk.removeprefix(BOM)


class Blocks(Generic[T]):
    """What both parsers share: framing, the limit, and the rules of the standard for one event."""

    __slots__ = ("_framer", "_last_event_id", "retry_ms")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._framer = Framer(max_event_bytes)
        self._last_event_id = ""
        self.retry_ms: int | None = None

    def close(self) -> tuple[T, ...]:
        """End the stream; the standard discards an event without its blank line."""
        return ()

    def _blocks(self, framed: bytes) -> Iterable[bytes]:
        """The events in what the framer gave; past the limit it raises, after the events before."""
        blocks = framed.split(b"\n\n") if framed else []
        roomy = len(framed) <= self._framer.limit and not self._framer.overlong
        return blocks if roomy else self._sized(blocks)

    def _sized(self, blocks: list[bytes]) -> Iterator[bytes]:
        limit = self._framer.limit
        for block in blocks:
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

    def feed(self, chunk: bytes, /) -> Iterable[SseEvent]:
        """Take one chunk; return the events it completed."""
        framed = self._framer.frame(chunk)
        if not framed and not self._framer.overlong:
            return ()
        return self._events(self._blocks(framed))

    def _events(self, blocks: Iterable[bytes]) -> Iterator[SseEvent]:
        last_event_id = self._last_event_id
        for block in blocks:
            # The two shapes that providers send: one data line, alone or after one event line.
            if block[:6] == b"data: " and LF not in block:
                yield SseEvent(block[6:], "message", last_event_id)
                continue
            if block[:7] == b"event: ":
                head, _, data = block.partition(b"\ndata: ")
                if data and LF not in data and LF not in head:
                    yield SseEvent(data, head[7:].decode("utf-8", "replace") or "message", last_event_id)
                    continue
            event = self._dispatch(block)
            last_event_id = self._last_event_id
            if event is not None:
                yield event


class SsePayloads(Blocks[bytes]):
    r"""Turn byte chunks, cut anywhere, into the data of their events. A transducer.

    It gives exactly ``[event.data for event in SseParser]``, several times as fast: one ``split`` on
    *blank line and the head seen last* cuts a whole read, exact when no piece holds a line end.

    >>> list(SsePayloads().feed(b"event: a\ndata: 1\n\nevent: a\ndata: 2\n\n"))
    [b'1', b'2']
    """

    __slots__ = ("_head",)

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        super().__init__(max_event_bytes=max_event_bytes)
        self._head = b"data: "

    def feed(self, chunk: bytes, /) -> Iterable[bytes]:
        """Take one chunk; return the data of the events it completed."""
        framer = self._framer
        framed = framer.frame(chunk)
        if not framed and not framer.overlong:
            return ()
        head = self._head
        if framed.startswith(head) and len(framed) <= framer.limit and not framer.overlong:
            payloads = framed[len(head) :].split(b"\n\n" + head)
            if LF not in b"".join(payloads):
                return payloads
        self._learn(framed.rpartition(b"\n\n")[2])
        return self._payloads(self._blocks(framed))

    def _learn(self, block: bytes) -> None:
        """Remember how the last block began: streams repeat themselves."""
        if block[:6] == b"data: ":
            self._head = b"data: "
        elif block[:7] == b"event: ":
            end = block.find(b"\n")
            if block[end : end + 7] == b"\ndata: ":
                self._head = block[: end + 7]

    def _payloads(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
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
