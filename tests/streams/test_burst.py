"""Long reads are not cut, and say what they would say cut: for any bytes, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tokenrill.streams.burst import Burst
from tokenrill.streams.sse import LONG, SseParser, SsePayloads

HEADS = (b"data: ", b"event: delta\ndata: ")
LINE_ENDS = (b"\n", b"\r\n")
ODD = st.sampled_from(
    [
        b": a comment\n\n",
        b"data: two\ndata: lines\n\n",
        b"data:close\n\n",
        b"data\n\n",
        b"\n",
        b"\n\n",
        b"event: other\ndata: x\n\n",
        b"id: 7\ndata: y\n\n",
        b"retry: 5\n\n",
        b"data: carriage\r\n\r\n",
        b"data: lone\r\r",
        b"data: a\n\r\n",
        b"\r",
        b"data: two\ndifferent: ends\r\n\n",
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Many events alike, with a few others between them."""
    line_end = draw(st.sampled_from(LINE_ENDS))
    head = draw(st.sampled_from(HEADS)).replace(b"\n", line_end)
    alike = [head + draw(st.binary(max_size=12)).hex().encode() + line_end * 2 for _ in range(3)]
    pieces = [piece for _ in range(draw(st.integers(1, 6))) for piece in alike * draw(st.integers(1, 90))]
    for _ in range(draw(st.integers(0, 3))):
        odd = draw(ODD)
        pieces.insert(draw(st.integers(0, len(pieces))), draw(st.sampled_from([odd, odd.replace(b"\n", line_end)])))
    return b"".join(pieces)


@given(streams(), st.lists(st.integers(1, 3 * LONG), min_size=1, max_size=6), st.booleans())
def test_a_burst_is_what_the_parser_says(body: bytes, sizes: list[int], late: bool) -> None:
    """Also when it is cut late, after the parser has read on and learned other heads."""
    parser, payloads = SseParser(), SsePayloads()
    expected = [event.data for event in parser.feed(body)]
    batches: list[list[bytes] | Burst] = []
    start = number = 0
    while start < len(body):
        chunk = body[start : start + sizes[number % len(sizes)]]
        start, number = start + len(chunk), number + 1
        batch = payloads.feed_batch((chunk,))
        assert batch is not None
        batches.append(batch if late and isinstance(batch, Burst) else list(batch))
    assert [payload for batch in batches for payload in batch] == expected


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("head", HEADS)
def test_long_reads_really_are_bursts(head: bytes, line_end: bytes) -> None:
    """Wherever the read before was cut, but for the middle of a line end, and of a blank line."""
    head = head.replace(b"\n", line_end)
    event = head + b"begun" + line_end * 2
    for cut in range(len(event) - 2 * len(line_end) + 1):
        if event[:cut].endswith(b"\r"):
            continue
        payloads = SsePayloads()
        list(payloads.feed(head + b"first" + line_end * 2 + event[:cut]))
        next_event = head + b"x" * 90 + line_end * 2
        batch = payloads.feed_batch((event[cut:] + next_event * 100 + next_event[:20],))
        assert type(batch) is Burst
        assert batch.block.head == head
        assert [*batch.before, batch.block.first] == ([b"begun", b"x" * 90] if cut else [b"begun"])
        assert list(batch) == [b"begun", *[b"x" * 90] * 100]
        assert list(payloads.feed(next_event[20:])) == [b"x" * 90]


TAILS = (b"", b"data: lone\r\r", b"data: plain\n\n", b"data: a\n\r\n", b"data: b\r\n\n", b"\r", b"\n", b": odd\r\n\r")


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("tail", TAILS)
def test_a_long_read_may_end_anywhere(head: bytes, line_end: bytes, tail: bytes) -> None:
    """Also between the two bytes of a line end, after which there is one more event by the standard."""
    head = head.replace(b"\n", line_end)
    begun = head + b"begun" + line_end * 2
    alike = (head + b"x" * 90 + line_end * 2) * 50
    end = head + b"last" + line_end * 2 + tail
    expected = [event.data for event in SseParser().feed(begun + alike + end + begun)]
    for cut in range(len(end) + 1):
        payloads = SsePayloads()
        reads = [begun, alike + end[:cut], end[cut:] + begun]
        assert [payload for read in reads for payload in payloads.feed_batch((read,)) or ()] == expected, cut


def test_what_is_not_alike_is_cut_at_once() -> None:
    payloads = SsePayloads()
    list(payloads.feed(b"data: first\n\n"))
    assert type(payloads.feed_batch((b"id: 1\ndata: x\n\n" * 500,))) is not Burst
    assert type(payloads.feed_batch((b"data: x\r\n\r\n" * 500,))) is not Burst


@pytest.mark.parametrize("head", HEADS)
def test_one_event_that_fills_a_read_is_given_as_it_is(head: bytes) -> None:
    payloads = SsePayloads()
    for _ in range(3):
        assert payloads.feed_batch((head + b"x" * LONG + b"\n\n",)) == [b"x" * LONG]
    assert payloads.feed_batch((head + b"x" * LONG,)) == []
    assert payloads.feed_batch((b"x" * LONG + b"\n\n",)) == [b"x" * 2 * LONG]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [LONG, 2 * LONG, 3 * LONG])
def test_an_event_that_is_longer_than_a_read_is_not_lost(head: bytes, size: int) -> None:
    payloads = SsePayloads()
    event = head + b"x" * 3 * LONG + b"\n\n"
    reads = [event, *[event[start : start + size] for start in range(0, len(event), size)], event + event[:size]]
    batches = [payloads.feed_batch((read,)) for read in [*reads, event[size:]]]
    assert [payload for batch in batches for payload in batch or ()] == [b"x" * 3 * LONG] * 4
