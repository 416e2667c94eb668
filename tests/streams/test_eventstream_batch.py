"""An event stream read by read: what a fused run asks its parser for."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, strategies as st

from tokenrill import MalformedEvent
from tokenrill.streams.eventstream import EventStreamMessage, EventStreamParser, encode_message

EVENT = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}
HELLO = encode_message(EVENT, '{"delta":{"text":"héllo"}}'.encode())
WIRE = HELLO + encode_message({":event-type": "messageStop"}, b"") + encode_message({}, b"x" * 300) + HELLO
GOOD = EventStreamMessage(EVENT, '{"delta":{"text":"héllo"}}'.encode())


@pytest.mark.parametrize("at", [0, 1, 11, 12, 13, len(HELLO) // 2, len(HELLO) - 5, len(HELLO) - 3])
@pytest.mark.parametrize("ahead", [b"", HELLO, HELLO[:50], HELLO[:-2]], ids=len)
def test_a_batch_that_is_to_fail_is_declined_and_nothing_is_changed(ahead: bytes, at: int) -> None:
    parser = EventStreamParser()
    wire = HELLO + HELLO[:-1] + bytes([HELLO[-1] ^ 1])
    first, rest = wire[: len(ahead) + at], wire[len(ahead) + at :]
    seen = [*(parser.feed_batch([first]) or ())]
    for chunks in ([rest], [rest[:1], rest[1:]]):
        assert parser.feed_batch(chunks) is None
    with pytest.raises(MalformedEvent, match="checksum"):
        seen.extend(parser.feed(rest))
    assert seen == [GOOD]


@given(st.lists(st.lists(st.integers(0, 90), max_size=4), max_size=12))
def test_a_batch_gives_what_its_chunks_give_one_by_one(lengths: list[list[int]]) -> None:
    one, other, rest = EventStreamParser(), EventStreamParser(), WIRE * 2
    for group in lengths:
        chunks: list[bytes] = []
        for length in group:
            chunks.append(rest[:length])
            rest = rest[length:]
        assert [*(one.feed_batch(chunks) or ())] == [*chain.from_iterable(map(other.feed, chunks))]
