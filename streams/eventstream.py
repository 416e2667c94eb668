"""AWS event streams (``application/vnd.amazon.eventstream``), parsed and written without I/O.

https://smithy.io/2.0/aws/amazon-eventstream.html

A message is a prelude (total length, length of the headers, CRC-32 of these eight bytes), headers, a
payload, and a CRC-32 of all before it. Both checksums are checked, lengths only believed once theirs is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from struct import Struct as Layout, error as LayoutError
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast
from uuid import UUID
from zlib import crc32

from msgspec import Struct

from .errors import LimitExceeded, MalformedEvent, ProtocolError, StreamTruncated

__all__ = ["EventStreamMessage", "EventStreamParser", "encode_message"]

HeaderValue: TypeAlias = str | bytes | int | bool | UUID
Head: TypeAlias = tuple[int, int, Mapping[str, HeaderValue], int]
"""What begins a message: its length in all, the head's own, its headers, and the CRC-32 up to their end."""

MAX_MESSAGE_BYTES: Final = 24 << 20
MAX_HEADER_BYTES: Final = 128 << 10
MAX_CACHED_HEADS: Final = 256
MAX_CACHED_BLOCKS: Final = 64
MAX_CACHED_BYTES: Final = 1024  # of one of them
PRELUDE: Final = Layout(">III")
CHECKSUM: Final = Layout(">I")
PREFIX_BYTES: Final = PRELUDE.size
CHECKSUM_BYTES: Final = CHECKSUM.size
OVERHEAD: Final = PREFIX_BYTES + CHECKSUM_BYTES
WRONG_CHECKSUM: Final = "a message of the event stream has a wrong checksum"
read_checksum: Final = CHECKSUM.unpack_from
INTEGERS: Final = {2: Layout(">b"), 3: Layout(">h"), 4: Layout(">i"), 5: Layout(">q"), 8: Layout(">q")}
LENGTH: Final = Layout(">H")


class EventStreamMessage(Struct, frozen=True, gc=False):
    """One message: its headers by name, and its payload as it came."""

    headers: Mapping[str, Any]
    payload: bytes

    @property
    def message_type(self) -> str:
        """``event``, ``exception`` or ``error``."""
        return str(self.headers.get(":message-type", "event"))

    @property
    def event_type(self) -> str:
        """Which event, exception or error it is."""
        headers = self.headers
        name = headers.get(":event-type") or headers.get(":exception-type") or headers.get(":error-code")
        return str(name or "")


class EventStreamParser:
    """Turn byte chunks, cut anywhere, into messages. A transducer.

    >>> wire = encode_message({":event-type": "chunk"}, b"{}")
    >>> parser = EventStreamParser()
    >>> [message.event_type for byte in wire for message in parser.feed(bytes([byte]))]
    ['chunk']

    Args:
        max_message_bytes: The most one message may hold.

    Raises:
        MalformedEvent: From ``feed``, after the messages before, when a checksum is wrong or a header cannot be read.
        LimitExceeded: From ``feed``, after the messages before, when a message or its headers are too long.
        StreamTruncated: From ``close``, in the middle of a message.
    """

    __slots__ = ("_blocks", "_crc32", "_heads", "_held", "_length", "_max", "_need", "_pieces")

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max = max_message_bytes
        self._crc32 = fastest_crc32()
        self._pieces: list[bytes] = []
        self._held = 0
        self._need = PREFIX_BYTES  # until this much is here there is nothing to do, so a drip of bytes stays linear
        self._length = PREFIX_BYTES  # of the head that came last
        self._heads: dict[bytes, Head] = {}
        self._blocks: dict[bytes, Mapping[str, HeaderValue]] = {}

    def feed(self, chunk: bytes, /) -> Sequence[EventStreamMessage] | Iterator[EventStreamMessage]:
        """Take one chunk; return the messages it completed."""
        if self._held:
            self._pieces.append(chunk)
            self._held += len(chunk)
            if self._held < self._need:
                return ()
            chunk = b"".join(self._pieces)
            self._held, self._pieces = 0, []
        messages: list[EventStreamMessage] = []
        position, end = 0, len(chunk)
        crc32, heads, length = self._crc32, self._heads, self._length
        try:
            while position < end:
                # The bytes of a head say how many they are, so what is found under them is about them and no others.
                head = heads.get(chunk[position : position + length]) or self._head(chunk, position)
                if head is None:
                    break
                total, length, headers, checksum = head
                body_end = position + total - CHECKSUM_BYTES
                if body_end + CHECKSUM_BYTES > end:
                    self._need = total
                    break
                payload = chunk[position + length : body_end]
                if crc32(payload, checksum) != read_checksum(chunk, body_end)[0]:
                    raise MalformedEvent(WRONG_CHECKSUM)
                messages.append(EventStreamMessage(headers, payload))
                position += total
        except ProtocolError as error:
            return delivered(messages, error)
        self._length = length
        if position < end:
            self._held, self._pieces = end - position, [chunk[position:]]
        return messages

    def close(self) -> Sequence[EventStreamMessage]:
        """End the stream."""
        if self._held:
            self._held, self._pieces = 0, []
            raise StreamTruncated("the event stream ended in the middle of a message")
        return ()

    def _head(self, chunk: bytes, position: int) -> Head | None:
        """Read the head of the message that begins here; None, and how much it needs, when that is not all here."""
        body = position + PREFIX_BYTES
        prelude = chunk[position:body]
        self._need = PREFIX_BYTES
        if len(prelude) < PREFIX_BYTES:
            return None
        self._need, headers_length = self._lengths(prelude)
        if len(chunk) - position < self._need:
            return None
        headers_end, body_end = body + headers_length, position + self._need - CHECKSUM_BYTES
        raw, block = chunk[position:headers_end], chunk[body:headers_end]
        headers = self._blocks.get(block)
        if headers is None:
            if self._crc32(chunk[position:body_end]) != read_checksum(chunk, body_end)[0]:
                raise MalformedEvent(WRONG_CHECKSUM)
            headers = self._headers(block)
        head = self._need, len(raw), headers, self._crc32(raw)
        if len(self._heads) < MAX_CACHED_HEADS and len(raw) < MAX_CACHED_BYTES:
            self._heads[raw] = head
        return head

    def _lengths(self, prelude: bytes) -> tuple[int, int]:
        """Total length and length of the headers, when they can be true."""
        total, headers_length, checksum = PRELUDE.unpack(prelude)
        if self._crc32(prelude[:-CHECKSUM_BYTES]) != checksum:
            raise MalformedEvent("the prelude of an event stream's message has a wrong checksum")
        if total > self._max:
            raise LimitExceeded("max_message_bytes", self._max)
        if headers_length > MAX_HEADER_BYTES:
            raise LimitExceeded("max_header_bytes", MAX_HEADER_BYTES)
        if total < headers_length + OVERHEAD:
            raise MalformedEvent("a message of the event stream is shorter than its headers")
        return total, headers_length

    def _headers(self, block: bytes) -> Mapping[str, HeaderValue]:
        """A stream repeats a handful of header blocks: each is parsed once."""
        try:
            headers = MappingProxyType(dict(parse_headers(block)))
        except (LayoutError, IndexError, ValueError):
            raise MalformedEvent("a header of the event stream cannot be read") from None
        if len(self._blocks) < MAX_CACHED_BLOCKS and len(block) < MAX_CACHED_BYTES:
            self._blocks[block] = headers
        return headers


@cache
def fastest_crc32() -> Callable[..., int]:
    """The one of Intel's ISA-L where it is installed, five times as fast for long messages, else zlib's."""
    try:
        from isal.isal_zlib import crc32 as isal_crc32  # pyright: ignore[reportUnknownVariableType]
    except ImportError:
        return crc32
    return cast("Callable[..., int]", isal_crc32)


def delivered(messages: list[EventStreamMessage], error: ProtocolError) -> Iterator[EventStreamMessage]:
    """What came before the error, then the error."""
    yield from messages
    raise error


def parse_headers(block: bytes) -> Iterator[tuple[str, HeaderValue]]:
    position, seen = 0, set[str]()
    while position < len(block):
        name_end = position + 1 + block[position]
        name = block[position + 1 : name_end].decode()
        if not name or name_end >= len(block) or name in seen:
            raise ValueError("a header without a name or a value, or one that is there twice")
        seen.add(name)
        value, position = parse_value(block, name_end)
        yield name, value


def parse_value(block: bytes, position: int) -> tuple[HeaderValue, int]:
    kind, start = block[position], position + 1
    match kind:
        case 0 | 1:
            return kind == 0, start
        case 2 | 3 | 4 | 5 | 8:
            layout = INTEGERS[kind]
            return layout.unpack_from(block, start)[0], start + layout.size
        case 6 | 7:
            begin = start + LENGTH.size
            end = begin + LENGTH.unpack_from(block, start)[0]
            if end > len(block):
                raise ValueError("a header's value is longer than the headers")
            return block[begin:end].decode() if kind == 7 else block[begin:end], end
        case 9:
            return UUID(bytes=block[start : start + 16]), start + 16
        case _:
            raise ValueError("a header of an unknown type")


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message, as a server of AWS sends it; all headers are strings.

    >>> len(encode_message({}, b"")), EventStreamParser().feed(encode_message({"a": "b"}, b"c"))[0].payload
    (16, b'c')
    """
    block = b"".join(
        bytes([len(raw)]) + raw + b"\x07" + LENGTH.pack(len(text)) + text
        for raw, text in ((name.encode(), value.encode()) for name, value in headers.items())
    )
    lengths = Layout(">II").pack(len(block) + len(payload) + OVERHEAD, len(block))
    prelude = lengths + CHECKSUM.pack(crc32(lengths))
    body = prelude + block + payload
    return body + CHECKSUM.pack(crc32(body))
