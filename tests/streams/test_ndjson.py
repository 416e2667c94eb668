"""Newline-delimited JSON, however it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

from tokenrill import LimitExceeded, NdjsonLines


def lines(*chunks: bytes, limit: int = 1 << 20) -> list[bytes]:
    framer = NdjsonLines(max_line_bytes=limit)
    found = [line for chunk in chunks for line in framer.feed(chunk)]
    return found + list(framer.close())


def test_a_line_ends_at_lf_crlf_and_at_the_end_and_nowhere_else() -> None:
    wire = '{"a":1}\n{"b":2}\r\n\n  \n{"c":"\u2028\u0085\x0b"}'.encode()
    assert lines(wire) == [b'{"a":1}', b'{"b":2}', '{"c":"\u2028\u0085\x0b"}'.encode()]


@given(st.lists(st.binary(max_size=6), max_size=8), st.sets(st.integers(0, 60)), st.integers(1, 9))
def test_any_cut_gives_the_same_lines_and_the_same_end(parts: list[bytes], cuts: set[int], limit: int) -> None:
    wire = b"\n".join(parts)
    edges = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    assert outcome([wire], limit) == outcome([wire[a:b] for a, b in itertools.pairwise(edges)], limit)


@given(st.lists(st.binary(max_size=6), max_size=8), st.sets(st.integers(0, 60)), st.integers(1, 9))
def test_a_read_at_once_gives_the_same_lines(parts: list[bytes], cuts: set[int], limit: int) -> None:
    wire = b"\n".join(parts)
    edges = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    chunks = [wire[a:b] for a, b in itertools.pairwise(edges)]
    assert outcome(chunks, limit, at_once=True) == outcome(chunks, limit)


def test_a_line_of_its_own_is_taken_at_once() -> None:
    framer = NdjsonLines()
    assert framer.feed_batch((b'{"a":', b"1}\r\n")) == [b'{"a":1}']
    assert framer.feed_batch((b'{"a"',)) is None
    assert [*framer.feed(b'{"a"')] == []
    assert framer.feed_batch((b":2}\n\n3\n",)) == [b'{"a":2}', b"3"]


def outcome(chunks: list[bytes], limit: int, *, at_once: bool = False) -> tuple[list[bytes], bool]:
    framer, found = NdjsonLines(max_line_bytes=limit), list[bytes]()
    try:
        for chunk in chunks:
            given = framer.feed_batch((chunk,)) if at_once else None
            found.extend(framer.feed(chunk) if given is None else given)
    except LimitExceeded:
        return found, True
    return [*found, *framer.close()], False


def test_a_line_without_end_is_refused_at_the_limit() -> None:
    framer = NdjsonLines(max_line_bytes=100)
    assert list(framer.feed(b"x" * 100)) == []
    with pytest.raises(LimitExceeded, match="max_line_bytes=100"):
        list(framer.feed(b"x"))


def test_the_lines_before_one_that_is_too_long_are_given() -> None:
    found: list[bytes] = []
    with pytest.raises(LimitExceeded):
        found.extend(NdjsonLines(max_line_bytes=4).feed(b"ab\ncdefg\nhi\n"))
    framer = NdjsonLines(max_line_bytes=4).feed(b"ab\ncdefg\nhi\n")
    assert next(iter(framer)) == b"ab"
