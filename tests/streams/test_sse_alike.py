"""Events that are like the one before are cut a whole read at a time, and are what they are by the book."""

from __future__ import annotations

from itertools import cycle, pairwise

import pytest
from hypothesis import given, strategies as st

from tests.streams.test_sse import LINE_ENDS, by_the_book, cut, events, payloads, repetitive, wires
from tokenrill.streams import sse
from tokenrill.streams.sse import SseParser, SsePayloads
from tokenrill.streams.sse_framer import Framer


@pytest.mark.parametrize("line_end", ["LF", "CRLF"])
def test_a_read_of_events_that_are_alike_is_split_at_once(line_end: str) -> None:
    wire = b"event: a\ndata: {}\n\n".replace(b"\n", LINE_ENDS[line_end])
    parser = SsePayloads()
    list(parser.feed(wire))
    assert parser._split(wire * 3) == [b"{}"] * 3  # pyright: ignore[reportPrivateUsage]
    list(parser.feed(wire * 2 + wire[:5]))
    assert parser._split(wire[5:] + wire + wire[:5]) == [b"{}"] * 2  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("size", [1, 7, 100, 101, 1400, 20_000, 200_000])
@pytest.mark.parametrize("head", [b"data: ", b"event: a\ndata: "])
@pytest.mark.parametrize("line_end", ["LF", "CRLF"])
def test_events_that_are_alike_are_never_read_by_the_book(
    line_end: str, head: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever they are cut, in the middle of a blank line too."""
    event = (head + b"x" * 90 + b"\n\n").replace(b"\n", LINE_ENDS[line_end])
    parser = SsePayloads()
    assert [*parser.feed(event)] == [b"x" * 90]
    monkeypatch.setattr(Framer, "frame", None)  # whoever calls it fails
    assert [data for chunk in cut(event * 1000, size) for data in parser.feed(chunk)] == [b"x" * 90] * 1000


def test_nor_is_a_first_read_that_begins_with_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte order mark can follow, so that what looks like one is part of a field's name."""
    parser = SsePayloads()
    with monkeypatch.context() as patch:
        patch.setattr(Framer, "frame", None)
        assert parser.feed_batch([b"data: 1\n\ndata: 2\n\n"]) == [b"1", b"2"]
    assert parser.feed_batch([b"\xef\xbb\xbfdata: 3\n\ndata: 4\n\n"]) == [b"4"]


@given(wire=repetitive() | wires, cuts=st.sets(st.integers(0, 200), max_size=4), group=st.integers(1, 4))
def test_long_reads_that_are_not_all_alike_are_read_by_the_book(wire: bytes, cuts: set[int], group: int) -> None:
    """What is long, and how many events are looked at together, is made small here."""
    edges = [0, *sorted(edge for edge in cuts if edge < len(wire)), len(wire)]
    chunks = [wire[start:end] for start, end in pairwise(edges)]
    expected = by_the_book(wire)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "LONG", 8)
        patch.setattr(sse, "GROUP", group)
        assert events(chunks) == expected
        parser, whole = SsePayloads(), SseParser()
        batches = [parser.feed_batch((chunk,)) for chunk in chunks]
        assert [data.decode("utf-8", "replace") for batch in batches for data in batch or ()] == [
            text for text, _, _ in expected
        ]
        assert [event.text for chunk in chunks for event in whole.feed_batch((chunk,)) or ()] == [
            text for text, _, _ in expected
        ]


@pytest.mark.parametrize("before", [b"", b"data: 1\n\n", b"data: 1\n\ndata: be", b": comment\n"])
def test_a_batch_that_may_be_too_long_is_declined_and_nothing_is_changed(before: bytes) -> None:
    parser = SsePayloads(max_event_bytes=100)
    seen = [*(parser.feed_batch([before]) or ())]
    chunk = b"\n\ndata: 2\n\n" + b"data: " + b"x" * 90
    for _ in range(2):
        assert parser.feed_batch([chunk]) is None
    seen += parser.feed(chunk)
    assert parser.feed_batch([b"\n\n"]) == [b"x" * 90]
    assert seen == [*SsePayloads().feed(before + chunk)]


@st.composite
def long_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Events of any length, as alike as those of an answer are, and their data."""
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    head = st.sampled_from([b"data: ", b"event: a\ndata: ", b"event: other\ndata: "])
    runs = st.lists(st.tuples(head, st.integers(1, 9), st.sampled_from([0, 1, 90, 3000, 20_000])), max_size=5)
    wire, found = b"", list[bytes]()
    for begin, count, length in draw(runs):
        wire += (begin.replace(b"\n", line_end) + b"x" * length + line_end * 2) * count
        found += [b"x" * length] * count
    return wire, found


@given(stream=long_streams(), sizes=st.lists(st.sampled_from([1, 2, 9, 1400, 20_000, 100_000]), min_size=1))
def test_long_streams_give_what_they_hold_for_reads_of_any_size(
    stream: tuple[bytes, list[bytes]], sizes: list[int]
) -> None:
    wire, expected = stream
    chunks, start, size = list[bytes](), 0, cycle(sizes)
    while start < len(wire):
        chunks.append(wire[start : start + next(size)])
        start += len(chunks[-1])
    assert payloads(chunks) == expected
    parser = SsePayloads()
    assert [data for chunk in chunks for data in parser.feed_batch((chunk,)) or ()] == expected
    assert [text.encode() for text, _, _ in events(chunks)] == expected
