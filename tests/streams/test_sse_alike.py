"""Events that are like the one before are cut a whole read at a time, and are what they are by the book."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given, strategies as st

from tests.streams.test_sse import LINE_ENDS, cut, events, payloads
from tokenrill.streams.sse import SsePayloads
from tokenrill.streams.sse_framer import Framer


@pytest.mark.parametrize("line_end", ["LF", "CRLF"])
def test_a_read_of_events_that_are_alike_is_split_at_once(line_end: str) -> None:
    wire = b"event: a\ndata: {}\n\n".replace(b"\n", LINE_ENDS[line_end])
    parser = SsePayloads()
    list(parser.feed(wire))
    assert parser._split(wire * 3) == [b"{}"] * 3  # pyright: ignore[reportPrivateUsage]
    list(parser.feed(wire * 2 + wire[:5]))
    assert parser._split(wire[5:] + wire + wire[:5]) == [b"{}"] * 2  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("size", [1, 7, 100, 1400, 20_000, 200_000])
@pytest.mark.parametrize("head", [b"data: ", b"event: a\ndata: "])
def test_events_that_are_alike_are_never_read_by_the_book(
    head: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = head + b"x" * 90 + b"\n\n"
    parser = SsePayloads()
    assert [*parser.feed(event)] == [b"x" * 90]
    monkeypatch.setattr(Framer, "frame", None)  # whoever calls it fails
    assert [data for chunk in cut(event * 1000, size) for data in parser.feed(chunk)] == [b"x" * 90] * 1000


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
