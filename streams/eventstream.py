"""AWS event streams (``application/vnd.amazon.eventstream``), parsed and written without I/O.

https://smithy.io/2.0/aws/amazon-eventstream.html

A message is a prelude (total length, length of the headers, CRC-32 of these eight bytes), headers, a
payload, and a CRC-32 of all before it. Both checksums are checked, lengths only believed once theirs is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct as Layout, error as LayoutError
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID
from zlib import crc32

from msgspec import Struct

from .errors import LimitExceeded, MalformedEvent, ProtocolError, StreamTruncated

__all__ = ["EventStreamMessage", "EventStreamParser", "encode_message"]

HeaderValue: TypeAlias = str | bytes | int | bool | UUID
MAX_MESSAGE_BYTES: Final = 24 << 20
MAX_HEADER_BYTES: Final = 128 << 10
MAX_CACHED_HEADERS: Final = 64
MAX_CACHED_PRELUDES: Final = 1024
PRELUDE: Final = Layout(">III")
CHECKSUM: Final = Layout(">I")
PREFIX_BYTES: Final = PRELUDE.size
CHECKSUM_BYTES: Final = CHECKSUM.size
OVERHEAD: Final = PREFIX_BYTES + CHECKSUM_BYTES
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

    __slots__ = ("_cache", "_held", "_max", "_need", "_pieces", "_preludes")

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max = max_message_bytes
        self._pieces: list[bytes] = []
        self._held = 0
        self._need = PREFIX_BYTES  # until this much is here there is nothing to do, so a drip of bytes stays linear
        self._preludes: dict[bytes, tuple[int, int, int]] = {}
        self._cache: dict[bytes, Mapping[str, HeaderValue]] = {}

    def feed(self, chunk: bytes, /) -> Sequence[EventStreamMessage] | Iterator[EventStreamMessage]:
        """Take one chunk; return the messages it completed."""
        if self._held:
            self._pieces.append(chunk)
            self._held += len(chunk)
            if self._held < self._need:
                return ()
            chunk = b"".join(self._pieces)
            self._hold(b"")
        messages: list[EventStreamMessage] = []
        end, position, preludes, headers = len(chunk), 0, self._preludes, self._cache
        try:
            while (body := position + PREFIX_BYTES) <= end:
                prelude = chunk[position:body]
                total, headers_length, checksum = preludes.get(prelude) or self._prelude(prelude)
                if end - position < total:
                    break
                position += total
                body_end = position - CHECKSUM_BYTES
                # A CRC can go on from where another stopped; the prelude's own is that of the first eight bytes.
                if crc32(chunk[body - CHECKSUM_BYTES : body_end], checksum) != read_checksum(chunk, body_end)[0]:
                    raise MalformedEvent("a message of the event stream has a wrong checksum")
                headers_end = body + headers_length
                block = chunk[body:headers_end]
                found = headers.get(block) or self._headers(block)
                messages.append(EventStreamMessage(found, chunk[headers_end:body_end]))
        except ProtocolError as error:
            return delivered(messages, error)
        if position < end:
            self._hold(chunk[position:])
        return messages

    def close(self) -> Sequence[EventStreamMessage]:
        """End the stream."""
        if self._held:
            self._hold(b"")
            raise StreamTruncated("the event stream ended in the middle of a message")
        return ()

    def _hold(self, rest: bytes) -> None:
        """Keep the beginning of a message until the rest is here."""
        self._held = len(rest)
        self._pieces = [rest] if rest else []
        prelude = rest[:PREFIX_BYTES]
        self._need = self._prelude(prelude)[0] if len(prelude) == PREFIX_BYTES else PREFIX_BYTES

    def _prelude(self, prelude: bytes) -> tuple[int, int, int]:
        """Total length, length of the headers, and checksum: checked once, since lengths come again and again."""
        total, headers_length, checksum = lengths = PRELUDE.unpack(prelude)
        if crc32(prelude[:-CHECKSUM_BYTES]) != checksum:
            raise MalformedEvent("the prelude of an event stream's message has a wrong checksum")
        if total > self._max:
            raise LimitExceeded("max_message_bytes", self._max)
        if headers_length > MAX_HEADER_BYTES:
            raise LimitExceeded("max_header_bytes", MAX_HEADER_BYTES)
        if total < headers_length + OVERHEAD:
            raise MalformedEvent("a message of the event stream is shorter than its headers")
        if len(self._preludes) < MAX_CACHED_PRELUDES:
            self._preludes[prelude] = lengths
        return lengths

    def _headers(self, block: bytes) -> Mapping[str, HeaderValue]:
        """A stream repeats a handful of header blocks: each is parsed once."""
        try:
            headers = MappingProxyType(dict(parse_headers(block)))
        except (LayoutError, IndexError, ValueError):
            raise MalformedEvent("a header of the event stream cannot be read") from None
        if len(self._cache) < MAX_CACHED_HEADERS and len(block) < 1024:
            self._cache[block] = headers
        return headers


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
