"""AWS event streams (``application/vnd.amazon.eventstream``), parsed and written without I/O.

https://smithy.io/2.0/aws/amazon-eventstream.html

A message is a prelude (total length, length of the headers, CRC-32 of these eight bytes), headers, a
payload, and a CRC-32 of all before it. Both checksums are checked, lengths only believed once theirs is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from struct import Struct as Layout
from typing import Any, Final, TypeAlias, TypeVar, cast
from zlib import crc32

from msgspec import Struct

from .errors import LimitExceeded, MalformedEvent, ProtocolError, StreamTruncated
from .eventstream_headers import HeaderValue, encode_headers, read_headers

__all__ = ["EventStreamMessage", "EventStreamParser", "encode_message"]

T = TypeVar("T")
Head: TypeAlias = tuple[int, int, Mapping[str, HeaderValue], int, Callable[..., tuple[bytes, int]]]
"""What begins a message: the whole one's length, its own, its headers, and the CRC-32 up to their end; and what
cuts such a message behind it, into its payload and its checksum."""

MAX_MESSAGE_BYTES: Final = 24 << 20
LARGE: Final = 2048  # from here on it takes less to look at a part of a chunk than to copy it
MAX_HEADER_BYTES: Final = 128 << 10
MAX_CACHED_HEADS: Final = 512
MAX_CACHED_BLOCKS: Final = 64
MAX_CACHED_BYTES: Final = 1024  # of one of them
PRELUDE: Final = Layout(">III")
CHECKSUM: Final = Layout(">I")
PREFIX_BYTES: Final = PRELUDE.size
CHECKSUM_BYTES: Final = CHECKSUM.size
OVERHEAD: Final = PREFIX_BYTES + CHECKSUM_BYTES
WRONG_CHECKSUM: Final = "a message of the event stream has a wrong checksum"
HEADERS: Final[dict[bytes, Mapping[str, HeaderValue]]] = {}  # a stream repeats a handful of blocks: each is parsed once
read_checksum: Final = CHECKSUM.unpack_from


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

    __slots__ = ("_begun", "_crc32", "_heads", "_length", "_limit", "_missing", "_pieces")

    def __init__(self, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = max_message_bytes
        self._crc32 = fastest_crc32()
        self._heads = heads_under(max_message_bytes)
        self._length = PREFIX_BYTES  # of the head that came last
        self._missing = 0  # until so much more is here there is nothing to do, so a drip of bytes stays linear
        self._begun: Head | None = None  # the head of the message that is not over, when it has been read
        self._pieces: list[bytes | memoryview] = []  # the message that is not over, without a head that has been read

    def feed(self, chunk: bytes, /) -> Sequence[EventStreamMessage] | Iterator[EventStreamMessage]:
        """Take one chunk; return the messages it completed."""
        missing, end = self._missing, len(chunk)
        if missing > end:
            self._missing = missing - end
            self._pieces.append(chunk)
            return ()
        crc32, heads, length = self._crc32, self._heads, self._length
        if not missing:
            # One message, whole, as a slow model's every read is: what follows would say the same, in more steps.
            head = heads.get(chunk[:length])
            if head is not None and head[0] == end:
                payload, expected = head[4](chunk, length)
                if crc32(payload, head[3]) == expected:
                    return [EventStreamMessage(head[2], payload)]
        messages: list[EventStreamMessage] = []
        position = 0
        head, pieces = self._begun, self._pieces
        try:
            if head is not None:
                position, missing = missing, 0
                _, _, headers, checksum, cut = head
                if position < CHECKSUM_BYTES:  # the rest of it has come before
                    pieces.append(chunk[:position])
                    payload, expected = cut(b"".join(pieces))
                else:
                    body_end = position - CHECKSUM_BYTES
                    pieces.append(chunk[:body_end] if body_end < LARGE else memoryview(chunk)[:body_end])
                    payload, expected = b"".join(pieces), read_checksum(chunk, body_end)[0]
                if crc32(payload, checksum) != expected:
                    raise MalformedEvent(WRONG_CHECKSUM)
                messages.append(EventStreamMessage(headers, payload))
            elif pieces:
                chunk = b"".join((*pieces, chunk))
                end, missing = len(chunk), 0
            while position < end:
                # The bytes of a head say how many they are, so what is found under them is about them and no others.
                head = heads.get(chunk[position : position + length])
                if head is None:
                    need, head = self._head(chunk, position)
                    if head is None:
                        missing = need - (end - position)
                        break
                total, length, headers, checksum, cut = head
                after = position + total
                if after > end:
                    missing = after - end
                    position += length
                    break
                payload, expected = cut(chunk, position + length)
                if crc32(payload, checksum) != expected:
                    raise MalformedEvent(WRONG_CHECKSUM)
                messages.append(EventStreamMessage(headers, payload))
                position = after
        except ProtocolError as error:
            if self._begun is not None:
                pieces.pop()
            return delivered(messages, error)
        pieces.clear()
        self._length = length
        if missing:
            pieces.append(chunk[position:])
            self._missing, self._begun = missing, head
        else:
            self._missing, self._begun = 0, None
        return messages

    def feed_batch(self, chunks: Sequence[bytes], /) -> Sequence[EventStreamMessage] | None:
        """All chunks of one read, as if they were one; None, and nothing is changed, where ``feed`` is to raise."""
        messages = self.feed(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        return messages if isinstance(messages, (list, tuple)) else None

    def close(self) -> Sequence[EventStreamMessage]:
        """End the stream."""
        if self._missing:
            self._missing, self._begun, self._pieces = 0, None, []
            raise StreamTruncated("the event stream ended in the middle of a message")
        return ()

    def _head(self, chunk: bytes, position: int) -> tuple[int, Head | None]:
        """How much the message that begins here needs, to tell more of it; and its head, when it is all here."""
        body = position + PREFIX_BYTES
        prelude = chunk[position:body]
        if len(prelude) < PREFIX_BYTES:
            return PREFIX_BYTES, None
        total, headers_length = lengths(prelude, self._limit)
        if len(chunk) - position < total:
            return total, None
        headers_end, body_end = body + headers_length, position + total - CHECKSUM_BYTES
        raw = chunk[position:headers_end]
        if (head := self._heads.get(raw)) is not None:
            return total, head
        block = chunk[body:headers_end]
        headers = HEADERS.get(block)
        if headers is None:
            if self._crc32(chunk[position:body_end]) != read_checksum(chunk, body_end)[0]:
                raise MalformedEvent(WRONG_CHECKSUM)
            headers = read_headers(block)
            remember(HEADERS, MAX_CACHED_BLOCKS, block, headers)
        cut = cast("Callable[..., tuple[bytes, int]]", Layout(f">{body_end - headers_end}sI").unpack_from)
        head = total, len(raw), headers, self._crc32(raw), cut
        remember(self._heads, MAX_CACHED_HEADS, raw, head)
        return total, head


def lengths(prelude: bytes, limit: int) -> tuple[int, int]:
    """Total length and length of the headers, when they can be true."""
    total, headers_length, checksum = PRELUDE.unpack(prelude)
    if crc32(prelude[:-CHECKSUM_BYTES]) != checksum:
        raise MalformedEvent("the prelude of an event stream's message has a wrong checksum")
    if total > limit:
        raise LimitExceeded("max_message_bytes", limit)
    if headers_length > MAX_HEADER_BYTES:
        raise LimitExceeded("max_header_bytes", MAX_HEADER_BYTES)
    if total < headers_length + OVERHEAD:
        raise MalformedEvent("a message of the event stream is shorter than its headers")
    return total, headers_length


@lru_cache(maxsize=8)
def heads_under(limit: int) -> dict[bytes, Head]:
    """The heads that streams with this limit repeat, by their bytes: all streams share them, as they send the same."""
    return {}


def remember(cache: dict[bytes, T], size: int, key: bytes, value: T) -> None:
    """Keep it, if it is short; a full cache begins anew."""
    if len(key) < MAX_CACHED_BYTES:
        if len(cache) >= size:
            cache.clear()
        cache[key] = value


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


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message, as a server of AWS sends it; all headers are strings.

    >>> len(encode_message({}, b"")), EventStreamParser().feed(encode_message({"a": "b"}, b"c"))[0].payload
    (16, b'c')
    """
    block = encode_headers(headers)
    lengths = Layout(">II").pack(len(block) + len(payload) + OVERHEAD, len(block))
    prelude = lengths + CHECKSUM.pack(crc32(lengths))
    body = prelude + block + payload
    return body + CHECKSUM.pack(crc32(body))
