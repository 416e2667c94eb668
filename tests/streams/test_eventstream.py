"""AWS event streams: any cut gives the same messages, a flipped bit gives an error, and botocore reads the same."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import struct
import sys
from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
import reactivex as rx
from botocore.eventstream import EventStreamBuffer, ParserError  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import given, strategies as st
from reactivex import operators as ops

from tokenrill import LimitExceeded, MalformedEvent, StreamError, StreamTruncated, parse_eventstream
from tokenrill.streams.eventstream import (
    HEADERS,
    MAX_CACHED_HEADS,
    MAX_MESSAGE_BYTES,
    EventStreamMessage,
    EventStreamParser,
    encode_message,
    fastest_crc32,
    heads_under,
)

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
VECTORS = SHARED / "goldens" / "unit" / "eventstream-codec.json"
EVENT = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}
HELLO = encode_message(EVENT, '{"delta":{"text":"héllo"}}'.encode())
WIRE = HELLO + encode_message({":event-type": "messageStop"}, b"") + encode_message({}, b"x" * 300) + HELLO
ALL_TYPES = (
    (b"yes", b"\x00", True),
    (b"no", b"\x01", False),
    (b"byte", b"\x02\xff", -1),
    (b"short", b"\x03\x80\x00", -32768),
    (b"int", b"\x04\x00\x00\x01\x00", 256),
    (b"long", b"\x05" + b"\xff" * 8, -1),
    (b"bytes", b"\x06\x00\x03\x00\xff\x01", b"\x00\xff\x01"),
    (b"text", "\x07\x00\x03€".encode(), "€"),
    (b"time", b"\x08\x00\x00\x01\x99\x9f\xa4\xc6\x00", 1759320000000),
    (b"uuid", b"\x09" + bytes(range(16)), UUID(bytes=bytes(range(16)))),
)


def framed(block: bytes, payload: bytes = b"") -> bytes:
    """A message around a header block, right or wrong, with right checksums."""
    lengths = struct.pack(">II", len(block) + len(payload) + 16, len(block))
    body = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return body + struct.pack(">I", crc32(body))


@pytest.fixture(scope="module", params=["isal", "zlib"], autouse=True)
def checksums_of(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything here is so with either; what writes the messages computes with zlib's."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "isal":
            pytest.importorskip("isal.isal_zlib")
        else:
            patch.setitem(sys.modules, "isal.isal_zlib", None)
        fastest_crc32.cache_clear()
        assert fastest_crc32().__module__ == {"isal": "isal.isal_zlib", "zlib": "zlib"}[request.param]
        yield
        fastest_crc32.cache_clear()


def header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + value


def parsed(chunks: Iterable[bytes]) -> list[EventStreamMessage]:
    parser = EventStreamParser()
    messages = [message for chunk in chunks for message in parser.feed(chunk)]
    return [*messages, *parser.close()]


def botocores(wire: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(wire)
    return [(message.headers, message.payload) for message in buffer]


@given(st.sets(st.integers(0, len(WIRE))))
def test_any_cut_gives_the_same_messages(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(WIRE)]
    chunks = [WIRE[start:end] for start, end in itertools.pairwise(edges)]
    assert parsed(chunks) == parsed([WIRE])


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=20), st.lists(st.integers(0, 9000), min_size=2, max_size=4))
def test_long_messages_cut_anywhere_are_the_same(reads: list[int], sizes: list[int]) -> None:
    payloads = [bytes(range(256)) * (size // 256 + 1) for size in sizes]
    wire = b"".join(encode_message(EVENT, payload[:size]) for payload, size in zip(payloads, sizes, strict=True))
    chunks, rest = list[bytes](), wire
    for length in reads:
        chunks.append(rest[:length])
        rest = rest[length:]
    messages = parsed([*chunks, rest])
    assert messages == [
        EventStreamMessage(EVENT, payload[:size]) for payload, size in zip(payloads, sizes, strict=True)
    ]
    assert {type(message.payload) for message in messages} == {bytes}


def test_a_long_message_with_a_wrong_checksum_in_two_reads_can_be_asked_for_again() -> None:
    wire = HELLO + encode_message(EVENT, b"x" * 9000)[:-1] + b"?"
    parser = EventStreamParser()
    assert parser.feed(HELLO + wire[: len(HELLO) + 5000]) != ()
    for _ in range(2):
        with pytest.raises(MalformedEvent, match="checksum"):
            list(parser.feed(wire[len(HELLO) + 5000 :]))


def test_byte_by_byte_gives_the_same_messages() -> None:
    assert parsed(WIRE[at : at + 1] for at in range(len(WIRE))) == parsed([WIRE])
    assert [message.event_type for message in parsed([WIRE])] == [
        "contentBlockDelta",
        "messageStop",
        "",
        "contentBlockDelta",
    ]


def test_every_flipped_bit_is_an_error_and_never_garbage() -> None:
    good = EventStreamMessage(EVENT, HELLO[12 + struct.unpack_from(">I", HELLO, 4)[0] : -4])
    for bit in range(8 * len(HELLO)):
        damaged = bytearray(HELLO)
        damaged[bit // 8] ^= 1 << bit % 8
        parser = EventStreamParser()
        delivered: list[EventStreamMessage] = []
        with pytest.raises(MalformedEvent, match="checksum"):
            delivered.extend(parser.feed(HELLO + bytes(damaged) + HELLO))
        assert delivered == [good], bit


def test_what_came_before_an_error_is_delivered_first() -> None:
    seen: list[Any] = []
    broken = HELLO + HELLO[:-1] + b"\x00"
    rx.of(broken).pipe(parse_eventstream()).subscribe(seen.append, seen.append)
    assert [type(item) for item in seen] == [EventStreamMessage, MalformedEvent]


@pytest.mark.parametrize("at", range(1, len(HELLO)))
def test_an_end_in_the_middle_of_a_message_is_truncated(at: int) -> None:
    parser = EventStreamParser()
    assert list(parser.feed(HELLO[:at])) == []
    with pytest.raises(StreamTruncated):
        parser.close()


def test_all_types_of_headers_are_read() -> None:
    block = b"".join(header(name, value) for name, value, _ in ALL_TYPES)
    (message,) = parsed([framed(block, b"payload")])
    assert message.payload == b"payload"
    assert dict(message.headers) == {name.decode(): value for name, _, value in ALL_TYPES}


@pytest.mark.parametrize(
    "block",
    [
        header(b"", b"\x00"),
        header(b"unknown type", b"\x0a"),
        header(b"no value", b""),
        header(b"short text", b"\x07\x00\x09abc"),
        header(b"cut length", b"\x07\x00"),
        header(b"not UTF-8", b"\x07\x00\x01\xff"),
        header(b"\xff\xfe", b"\x00"),
        header(b"cut number", b"\x05\x00"),
        header(b"cut uuid", b"\x09abc"),
        header(b"twice", b"\x00") * 2,
        b"\xff",
    ],
    ids=repr,
)
def test_a_header_that_cannot_be_read_is_an_error(block: bytes) -> None:
    with pytest.raises(MalformedEvent, match="header"):
        parsed([framed(block, b"{}")])


def test_lengths_are_bounded_before_anything_is_held() -> None:
    def prelude(total: int, headers: int) -> bytes:
        lengths = struct.pack(">II", total, headers)
        return lengths + struct.pack(">I", crc32(lengths))

    with pytest.raises(LimitExceeded, match="max_message_bytes"):
        parsed([prelude((24 << 20) + 1, 0)])
    with pytest.raises(LimitExceeded, match="max_header_bytes"):
        parsed([prelude(1 << 20, (128 << 10) + 1)])
    for total, headers in ((15, 0), (0, 0), (20, 5)):
        with pytest.raises(MalformedEvent, match="shorter"):
            parsed([prelude(total, headers)])
    parser = EventStreamParser(max_message_bytes=len(HELLO))
    assert len(list(parser.feed(HELLO))) == 1
    with pytest.raises(LimitExceeded):
        list(EventStreamParser(max_message_bytes=len(HELLO) - 1).feed(HELLO))


def test_headers_that_repeat_are_shared_and_cannot_be_changed() -> None:
    first, *_, last = parsed([WIRE])
    assert first.headers is last.headers
    with pytest.raises(TypeError):
        first.headers[":event-type"] = "other"  # pyright: ignore[reportIndexIssue]


def test_a_stream_of_ever_new_headers_and_lengths_holds_nothing_back() -> None:
    parser = EventStreamParser()
    for number in range(3000):
        (message,) = parser.feed(encode_message({"n": str(number)}, b"x" * number))
        assert (message.headers["n"], len(message.payload)) == (str(number), number)
    assert 0 < len(HEADERS) <= 64
    assert 0 < len(heads_under(MAX_MESSAGE_BYTES)) <= MAX_CACHED_HEADS


def test_what_is_known_of_a_head_is_known_under_its_limit_alone() -> None:
    for _ in range(2):
        assert len(parsed([HELLO * 2])) == 2
        with pytest.raises(LimitExceeded):
            list(EventStreamParser(max_message_bytes=len(HELLO) - 1).feed(HELLO))


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.dictionaries(names, names, max_size=4), st.binary(max_size=300)), max_size=5))
def test_botocore_reads_what_we_write_as_we_do(messages: list[tuple[dict[str, str], bytes]]) -> None:
    wire = b"".join(encode_message(headers, payload) for headers, payload in messages)
    ours = [(dict(message.headers), message.payload) for message in parsed([wire])]
    assert ours == messages == botocores(wire)


def test_on_damaged_bytes_we_say_no_wherever_botocore_does() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        wire = bytearray(WIRE)
        for _ in range(chance.randrange(1, 4)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        try:
            theirs = botocores(bytes(wire))
        except ParserError:
            theirs = None
        try:
            ours = [(dict(message.headers), message.payload) for message in parsed([bytes(wire)])]
        except StreamError:
            ours = None
        assert ours == theirs


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_stream_error(garbage: bytes) -> None:
    for wire in (garbage, framed(garbage), HELLO + garbage):
        with contextlib.suppress(StreamError):
            parsed([wire])


def plain(value: Any) -> Any:
    """A header of the vectors as we have it."""
    match value:
        case {"type": "timestamp", "value": str(text)}:
            moment = datetime.fromisoformat(text).astimezone(UTC)
            return round(moment.timestamp() * 1000)
        case {"type": "uuid", "value": text}:
            return UUID(text)
        case {"value": {"$bytes_b64": text}}:
            return b64decode(text)
        case {"value": {"$bigint": text}}:
            return int(text)
        case _:
            return value["value"]


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside this checkout")
def test_the_vectors_of_another_implementation_are_read_the_same() -> None:
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        wire = b64decode(vector["frame_b64"])
        if "error" in vector:
            with pytest.raises(StreamError):
                parsed([wire])
            continue
        (message,) = parsed([wire])
        assert message.payload == b64decode(vector["body_b64"])
        assert dict(message.headers) == {name: plain(value) for name, value in vector["headers"].items()}


def test_the_operator_parses_and_says_when_the_end_is_missing() -> None:
    seen: list[Any] = []
    rx.of(WIRE[:50], WIRE[50:-1]).pipe(parse_eventstream(), ops.map(lambda it: it.event_type)).subscribe(
        seen.append, lambda error: seen.append(type(error))
    )
    assert seen == ["contentBlockDelta", "messageStop", "", StreamTruncated]
