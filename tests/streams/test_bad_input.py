"""Input that is wrong, endless or hostile ends in a typed error that names the limit, in little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given, strategies as st

from tokenrill.streams import codec
from tokenrill.streams.errors import LimitExceeded, MalformedEvent, StreamError
from tokenrill.streams.sse import SseParser, SsePayloads

MIB = 1 << 20
CHUNK = 16 << 10

ENDLESS: dict[str, bytes] = {
    "line": b"x" * CHUNK,
    "data line": b"data: " + b"x" * CHUNK,
    "event of full lines": b"data: 0123456789abcdef\n" * (CHUNK // 23),
    "event of tiny lines": b"data:ab\n" * (CHUNK // 8),
    "event of empty lines of data": b"data\n" * (CHUNK // 5),
    "event of carriage returns": b"data:ab\r" * (CHUNK // 8),
    "comments": b": ping\n" * (CHUNK // 7),
    "ids": b"id:1\nevent:a\n" * (CHUNK // 13),
}


def forever(piece: bytes, total: int = 64 * MIB) -> Iterator[bytes]:
    for _ in range(total // len(piece)):
        yield piece


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("parser", [SseParser, SsePayloads])
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_event_ends_at_the_limit(kind: str, parser: type[SseParser | SsePayloads]) -> None:
    machine = parser()
    fed = 0

    def feed() -> None:
        nonlocal fed
        for chunk in forever(ENDLESS[kind]):
            list(machine.feed(chunk))
            fed += len(chunk)

    def feed_until_refused() -> None:
        with pytest.raises(LimitExceeded, match="max_event_bytes=1048576"):
            feed()

    peak = peak_of(feed_until_refused)
    assert fed <= MIB + 2 * CHUNK
    assert peak <= MIB + 8 * MIB


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_drip_of_bytes_costs_no_more_than_the_bytes(size: int) -> None:
    limit = MIB // 8
    parser = SseParser(max_event_bytes=limit)

    def drip() -> None:
        for _ in range(limit // size):
            assert parser.feed(b"xyz"[:size]) == ()

    assert peak_of(drip) <= limit * 1.25
    with pytest.raises(LimitExceeded):
        list(parser.feed(b"xyz"))


@pytest.mark.parametrize("parser", [SseParser, SsePayloads])
def test_an_event_of_the_largest_size_with_the_smallest_lines_fits_in_the_allowance(
    parser: type[SseParser | SsePayloads],
) -> None:
    machine = parser()
    block = b"data:ab\n" * (MIB // 8 - 1) + b"\n"

    def feed() -> None:
        found = [item for start in range(0, len(block), CHUNK) for item in machine.feed(block[start : start + CHUNK])]
        assert len(found) == 1

    assert peak_of(feed) <= 9 * MIB


def test_endless_empty_events_hold_nothing() -> None:
    parser = SsePayloads()

    def feed() -> None:
        for chunk in forever(b": ping\n\ndata\n\n" * 1000, total=4 * MIB):
            list(parser.feed(chunk))

    assert peak_of(feed) <= MIB


def test_what_was_complete_before_the_limit_is_still_delivered() -> None:
    for parser in (SseParser(max_event_bytes=32), SsePayloads(max_event_bytes=32)):
        found = iter(parser.feed(b"data: 1\n\ndata: 2\n\ndata: " + b"x" * 64))
        assert [bool(next(found)), bool(next(found))] == [True, True]
        with pytest.raises(LimitExceeded):
            next(found)


DEEP: dict[str, bytes] = {
    "lists": b"[" * 100_000 + b"]" * 100_000,
    "unclosed lists": b"[" * 100_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "just too deep": b"[" * 257 + b"]" * 257,
    "deep in a field nobody reads": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_json_names_the_limit(kind: str) -> None:
    with pytest.raises(LimitExceeded, match="max_json_depth=256"):
        codec.loads(DEEP[kind])


def test_what_is_deep_but_within_the_limit_can_be_written_again() -> None:
    text = b"[" * 256 + b"]" * 256
    assert codec.dumps(codec.loads(text)) == text
    assert msgspec.json.encode(codec.loads(text)) == text


NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "space": b" \n",
    "half": b'{"a": [1,',
    "two": b"{} {}",
    "a word": b"hello",
    "single quotes": b"{'a': 1}",
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "a number past every float": b'{"logprob": [1e999]}',
    "a long number past every float": b"9" * 400 + b".5",
    "a million digits": b'{"n": ' + b"9" * 1_000_000 + b"}",
    "a NUL in a text": b'"a\0b"',
}


@pytest.mark.parametrize("kind", NOT_JSON)
def test_what_is_not_json_is_a_malformed_event(kind: str) -> None:
    with pytest.raises(MalformedEvent, match="not JSON"):
        codec.loads(NOT_JSON[kind])


def test_the_error_never_quotes_what_it_could_not_read() -> None:
    with pytest.raises(MalformedEvent) as caught:
        codec.loads(b'{"secret": canary}')
    assert "canary" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_only_an_object_is_an_object() -> None:
    assert codec.loads_object(b'{"a": 1}') == {"a": 1}
    with pytest.raises(MalformedEvent, match="expected a JSON object, got list"):
        codec.loads_object(b"[]")


class Known(msgspec.Struct):
    text: str = ""
    other: msgspec.Raw | None = None


TYPED_BAD = DEEP | NOT_JSON | {"a lone surrogate": b'{"text": "\\ud800"}', "invalid UTF-8": b'{"text": "\xff"}'}


@pytest.mark.parametrize("kind", TYPED_BAD)
def test_a_typed_decoder_reads_or_raises_what_it_says(kind: str) -> None:
    decoder = codec.typed_decoder(Known)
    try:
        decoder.decode(TYPED_BAD[kind])
    except codec.UNREADABLE:
        return
    assert kind in ("NaN", "a million digits", "a number past every float"), "only in fields that nobody reads"


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b'"a\xff"', "a\ufffd"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\uDE00x"', "\ufffdx"),
        (b'"\\ud83d\\ud83d\\ude00"', "\ufffd😀"),
        (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
        (b'"\\\\ud83d"', "\\ud83d"),
    ],
)
def test_texts_that_are_no_unicode_come_out_as_some_that_is(wire: bytes, text: str) -> None:
    assert codec.loads(wire) == text
    assert codec.loads(b'{"k": [' + wire + b"]}") == {"k": [text]}
    assert codec.loads(b"{" + wire + b": 1}") == {text: 1}
    assert codec.loads(codec.dumps(text)) == text


def test_a_str_with_surrogates_is_read_and_written() -> None:
    assert codec.loads('"a\ud83d\ude00\ud800"') == "a😀\ufffd"
    assert codec.dumps({"a\ud800": ["\ud83d\ude00", ("\udc00",)]}) == '{"a\ufffd":["😀",["\ufffd"]]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")], {"a": float("nan"), "b": "\ud800"}])
def test_no_number_without_a_json_form_is_written(value: object) -> None:
    with pytest.raises(ValueError, match="JSON has no NaN"):
        codec.dumps(value)


def test_what_contains_itself_is_not_written() -> None:
    ring: list[object] = ["\ud800"]
    ring.append(ring)
    for endless in (ring, ring[1:]):
        with pytest.raises(ValueError, match="nests no more than"):
            codec.dumps(endless)


def test_bytes_are_not_written_as_text() -> None:
    with pytest.raises(TypeError, match="type bytes, at key"):
        codec.dumps({"key": b"value"})


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_stream_errors(data: bytes) -> None:
    try:
        value = codec.loads(data)
    except StreamError:
        return
    assert codec.loads(codec.dumps(value)) == value


DOCUMENT = json.dumps(
    {"choices": [{"delta": {"content": "caf\u00e9 \U0001f600"}, "n": [1.5e3, -7, None, True]}]}
).encode()


@given(at=st.integers(0, len(DOCUMENT) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_raises_only_stream_errors_and_what_is_read_can_be_written(at: int, flip: int) -> None:
    damaged = DOCUMENT[:at] + bytes([DOCUMENT[at] ^ flip]) + DOCUMENT[at + 1 :]
    try:
        value = codec.loads(damaged)
    except StreamError:
        return
    assert codec.loads(codec.dumps(value)) == value
    assert str(value).encode()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    written = codec.dumps(value)
    assert codec.loads(written) == value
    assert json.loads(written) == value
