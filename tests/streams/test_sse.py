r"""Server-sent events by the standard: the web platform's own ``eventsource`` cases, and a parser by the book.

Cases carry the names of https://github.com/web-platform-tests/wpt/tree/master/eventsource; as on the page that
serves them there, a message ends with ``\n\n\n`` unless the case says otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tokenrill.streams.errors import LimitExceeded
from tokenrill.streams.sse import SseEvent, SseParser, SsePayloads

BOM = b"\xef\xbb\xbf"
END = b"\n\n\n"
LONG = b"x" * 2048

Events = list[tuple[str, str, str]]


def message(*texts: str) -> Events:
    return [(text, "message", "") for text in texts]


CASES: dict[str, tuple[bytes, Events]] = {
    "format-bom": (BOM + b"data:1\n\n" + BOM + b"data:2\n\ndata:3" + END, message("1", "3")),
    "format-bom-2": (BOM + BOM + b"data:1\n\ndata:2\n\ndata:3" + END, message("2", "3")),
    "format-comments": (
        b"data:1\r:\0\n:\r\ndata:2\n:" + LONG + b"\rdata:3\n:data:fail\r:" + LONG + b"\ndata:4\n" + END,
        message("1\n2\n3\n4"),
    ),
    "format-data-before-final-empty-line": (b"retry:1000\ndata:test1\n\nid:test\ndata:test2", message("test1")),
    "format-field-data": (b"data:\n\ndata\ndata\n\ndata:test" + END, message("", "\n", "test")),
    "format-field-event": (b"event:test\ndata:x\n\ndata:x" + END, [("x", "test", ""), ("x", "message", "")]),
    "format-field-event-empty": (b"event: \ndata:data" + END, message("data")),
    "format-field-id": (b"id: 1\ndata: 1\n\ndata: 2" + END, [("1", "message", "1"), ("2", "message", "1")]),
    "format-field-id-2": (
        b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\ndata: 3" + END,
        [("1", "message", "1"), ("2", "message", "2"), ("3", "message", "2")],
    ),
    "format-field-id-3": (
        b"id: 1\ndata: 1\n\nid\ndata:2\n\ndata:3" + END,
        [("1", "message", "1"), ("2", "message", ""), ("3", "message", "")],
    ),
    "format-field-id-null": (b"id: \0\ndata: hello\n\nid: a\0b\ndata: x" + END, message("hello", "x")),
    "format-field-parsing": (
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\n"
        b"data:4\n" + END,
        message("\0\n 2\n1\n3\n\n4"),
    ),
    "format-field-retry": (b"retry:03000\ndata:x" + END, message("x")),
    "format-field-retry-bogus": (b"retry:3000\nretry:1000x\ndata:x" + END, message("x")),
    "format-field-retry-empty": (b"retry\ndata:test" + END, message("test")),
    "format-field-unknown": (
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:c\ndata:test" + END,
        message("test\n\ntest"),
    ),
    "format-leading-space": (b"data:\ttest\rdata: \ndata:test" + END, message("\ttest\n\ntest")),
    "format-newlines": (b"data:test\r\ndata\ndata:test\r\n\r" + END, message("test\n\ntest")),
    "format-null-character": (b"data:\0\n\n", message("\0")),
    "format-utf-8": ("data:ok…".encode() + END, message("ok…")),
    "event-data": (
        b"data:msg\ndata: msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\ndata\n\ndata:end\n\n",
        message("msg\nmsg", "", "end"),
    ),
    "invalid UTF-8": (b"data: a\xffb\xe2\x82\n\n", message("a\ufffdb\ufffd")),
    "fields without data dispatch nothing": (b"event: a\n\nid: 7\n\nretry: 9\n\ndata: x\n\n", [("x", "message", "7")]),
    "other breaks are text": (
        "data: a\u0085b\u2028c\u2029d\ve\ff\x1cg\x1dh\x1ei\n\n".encode(),
        message("a\u0085b\u2028c\u2029d\ve\ff\x1cg\x1dh\x1ei"),
    ),
    "significant spaces": (b"data:   two before, one after \n\n", message("  two before, one after ")),
    "one event name at a time": (
        b"event: a\ndata: 1\n\ndata: 2\n\nevent: a\ndata: 3\ndata: 4\n\n",
        [("1", "a", ""), ("2", "message", ""), ("3\n4", "a", "")],
    ),
    "leading and doubled blank lines": (b"\n\n\ndata: 1\n\n\n\n\ndata: 2\n\n\n", message("1", "2")),
    "colons in the value": (b'data: {"a": "b:c"}\n\n', message('{"a": "b:c"}')),
    "empty data after a name": (b"event: a\ndata: \n\nevent: b\ndata\n\n", [("", "a", ""), ("", "b", "")]),
    "a name after its data": (b"data: 1\nevent: late\n\n", [("1", "late", "")]),
    "the last name counts": (b"event: a\nevent: b\ndata: 1\n\n", [("1", "b", "")]),
    "an empty id says nothing more": (b"id: 1\n\nid:\ndata: 1\n\n", message("1")),
    "emoji": ("data: 👩‍👩‍👧‍👦🏳️‍🌈\n\n".encode(), message("👩‍👩‍👧‍👦🏳️‍🌈")),
}
LINE_ENDS = {"LF": b"\n", "CR": b"\r", "CRLF": b"\r\n"}


def cut(wire: bytes, size: int) -> list[bytes]:
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def cut_anyhow(wire: bytes, seed: int) -> list[bytes]:
    dice = random.Random(seed)
    edges = sorted(dice.randrange(len(wire) + 1) for _ in range(dice.randrange(1, 12)))
    return [wire[start:end] for start, end in zip([0, *edges], [*edges, len(wire)], strict=True)]


CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda wire: [wire],
    "1 byte": lambda wire: cut(wire, 1),
    "2 bytes": lambda wire: cut(wire, 2),
    **{f"random {seed}": lambda wire, seed=seed: cut_anyhow(wire, seed) for seed in range(4)},
}


def events(chunks: Iterable[bytes]) -> Events:
    parser = SseParser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return [(event.text, event.type, event.last_event_id) for event in [*found, *parser.close()]]


def payloads(chunks: Iterable[bytes]) -> list[bytes]:
    parser = SsePayloads()
    return [*(data for chunk in chunks for data in parser.feed(chunk)), *parser.close()]


def by_the_book(wire: bytes) -> Events:
    """The standard's algorithm, a character at a time, over a stream decoded first."""
    text = wire.decode("utf-8", "replace").removeprefix("\ufeff")
    lines, line, position = list[str](), "", 0
    while position < len(text):
        char = text[position]
        position += 1
        if char not in "\r\n":
            line += char
            continue
        if char == "\r" and text[position : position + 1] == "\n":
            position += 1
        lines.append(line)
        line = ""
    found: Events = []
    data, kind, last_id = "", "", ""
    for line in lines:
        if line == "":
            if data != "":
                found.append((data.removesuffix("\n"), kind or "message", last_id))
            data, kind = "", ""
            continue
        if line.startswith(":"):
            continue
        field, colon, value = line.partition(":")
        if colon and value.startswith(" "):
            value = value[1:]
        if field == "event":
            kind = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_id = value
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_book_itself_passes_every_case(case: str) -> None:
    wire, expected = CASES[case]
    assert by_the_book(wire) == expected


@pytest.mark.parametrize("line_end", [*LINE_ENDS, "as written"])
@pytest.mark.parametrize("chunks", CUTS)
@pytest.mark.parametrize("case", CASES)
def test_a_case_of_the_standard(case: str, chunks: str, line_end: str) -> None:
    wire, expected = CASES[case]
    if line_end in LINE_ENDS:
        wire = wire.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", LINE_ENDS[line_end])
    pieces = CUTS[chunks](wire)
    assert events(pieces) == expected
    assert [data.decode("utf-8", "replace") for data in payloads(pieces)] == [text for text, _, _ in expected]


@pytest.mark.parametrize(
    ("wire", "retry"), [(b"retry:03000\n\n", 3000), (b"retry:3000\nretry:1000x\n\n", 3000), (b"retry\n\n", None)]
)
def test_retry_is_digits_only(wire: bytes, retry: int | None) -> None:
    for parser in (SseParser(), SsePayloads()):
        assert list(parser.feed(wire)) == []
        assert parser.retry_ms == retry


def test_an_emoji_cut_at_every_point_survives() -> None:
    wire = "data: 🦜🏴‍☠️\n\n".encode()
    for at in range(len(wire) + 1):
        assert events([wire[:at], wire[at:]]) == message("🦜🏴‍☠️")


# Built of what matters to the algorithm, so that most inputs hold events, and every rule meets every other.
PIECES = [b"data", b"event", b"id", b"retry", b":", b": ", b" ", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"\0"]
LARGER = [
    b"data: ",
    b"event: a\ndata: ",
    b"\n\nevent: a\ndata: ",
    b"\n\ndata: ",
    BOM,
    b"\xe2\x80\xa8",
    b"\xff",
    b"x",
    b"7",
]
wires = st.lists(st.sampled_from(PIECES + LARGER), max_size=24).map(b"".join)


@given(wire=wires | st.binary(max_size=60), cuts=st.sets(st.integers(0, 80)))
def test_any_bytes_cut_anywhere_are_read_by_the_book(wire: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(edge for edge in cuts if edge < len(wire)), len(wire)]
    chunks = [wire[start:end] for start, end in pairwise(edges)]
    expected = by_the_book(wire)
    assert events(chunks) == expected
    assert [data.decode("utf-8", "replace") for data in payloads(chunks)] == [text for text, _, _ in expected]


# What providers send, with now and then a stranger or another line end among it.
USUAL = [b"data: {}", b"event: a\ndata: 1", b"event: a\ndata: 22", b"event: b\ndata: {}"]
STRANGE = [b": ping", b"id: 7\ndata: x", b"data: 1\ndata: 2", b"event: a", b"data:x", b"", b"retry: 9"]


@st.composite
def repetitive(draw: st.DrawFn) -> bytes:
    line_end, other = draw(st.sampled_from([*LINE_ENDS.values()])), draw(st.sampled_from([*LINE_ENDS.values()]))
    usual, strange = st.sampled_from(USUAL), st.sampled_from(USUAL + STRANGE)
    blocks = [*draw(st.lists(usual, max_size=3)), *[draw(usual)] * draw(st.integers(0, 9))]
    blocks += draw(st.lists(strange, max_size=4))
    lone = draw(st.none() | st.integers(0, 12))
    ends = [other if number == lone else line_end for number in range(len(blocks))]
    return b"".join(block.replace(b"\n", end) + end * 2 for block, end in zip(blocks, ends, strict=True))


@given(wire=repetitive(), cuts=st.sets(st.integers(0, 200)))
def test_streams_that_repeat_themselves_are_read_by_the_book(wire: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(edge for edge in cuts if edge < len(wire)), len(wire)]
    chunks = [wire[start:end] for start, end in pairwise(edges)]
    expected = by_the_book(wire)
    assert events(chunks) == expected
    assert [data.decode("utf-8", "replace") for data in payloads(chunks)] == [text for text, _, _ in expected]


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("block", USUAL[:2])
@pytest.mark.parametrize("missing", range(5))
def test_a_stream_may_end_within_its_last_blank_line(block: bytes, line_end: str, missing: int) -> None:
    """A CR that no LF follows ends a line too."""
    end = LINE_ENDS[line_end]
    wire = (block.replace(b"\n", end) + end * 2) * 3
    wire = wire[: len(wire) - missing]
    expected = by_the_book(wire)
    for cut in range(len(wire) + 1):
        chunks = [wire[:cut], wire[cut:]]
        assert events(chunks) == expected, cut
        assert [data.decode() for data in payloads(chunks)] == [text for text, _, _ in expected], cut


@given(wire=wires | repetitive(), cuts=st.sets(st.integers(0, 200)), limit=st.integers(3, 60))
def test_where_the_limit_strikes_does_not_depend_on_the_cuts(wire: bytes, cuts: set[int], limit: int) -> None:
    def until_limit(parser: SseParser | SsePayloads, chunks: list[bytes]) -> list[object]:
        found: list[object] = []
        try:
            for chunk in chunks:
                for item in parser.feed(chunk):
                    found.append(item.data if isinstance(item, SseEvent) else item)
        except LimitExceeded as error:
            found.append((error.name, error.limit))
        return found

    edges = [0, *sorted(edge for edge in cuts if edge < len(wire)), len(wire)]
    chunks = [wire[start:end] for start, end in pairwise(edges)]
    whole = until_limit(SseParser(max_event_bytes=limit), [wire])
    for parser in (SseParser, SsePayloads):
        assert until_limit(parser(max_event_bytes=limit), chunks) == whole


def test_an_event_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    for line_end in LINE_ENDS.values():
        fits = b"data: " + b"x" * 94 + line_end * 2
        assert payloads([fits]) == [b"x" * 94]
        parser = SseParser(max_event_bytes=100)
        assert [event.data for event in parser.feed(fits + fits)] == [b"x" * 94] * 2
        with pytest.raises(LimitExceeded, match="max_event_bytes=100"):
            list(parser.feed(b"data: " + b"x" * 95 + line_end * 2))
