"""However an answer is cut, and whatever it says: by reads it is the same as event by event, and nearly as typed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.sources.dialects.wire import NASTY, TEXTS, Wire
from tests.sources.dialects.wires import WIRES
from tokenrill import StreamToken
from tokenrill.streams.batched import BatchObserver
from tokenrill.streams.run import Run
from tokenrill.streams.types import Transducer

Outcome = tuple[list[StreamToken], str, Any]


def places(decoder: Any) -> Any:
    """Where the answer would be taken up again."""
    return getattr(decoder, "sequence_number", None), getattr(decoder, "event_id", None)


def one_by_one(wire: Wire, body: bytes) -> Outcome:
    framer, decoder = wire.dialect.framer(), wire.dialect.decoder()
    tokens: list[StreamToken] = []

    def take(payloads: Iterable[Any]) -> None:
        for payload in payloads:
            tokens.extend(decoder.feed(payload))

    try:
        take(framer.feed(body))
        take(framer.close())
        tokens.extend(decoder.close())
    except Exception as error:
        return tokens, type(error).__name__, places(decoder)
    return tokens, "", places(decoder)


class Counting:
    """A decoder of which is counted what it was given one by one."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self.fed = 0
        self.feed_batch = decoder.feed_batch
        self.close = decoder.close
        if hasattr(decoder, "feed_some"):
            self.feed_some = decoder.feed_some

    @property
    def ended(self) -> bool:
        return getattr(self._decoder, "ended", False)

    def feed(self, payload: Any, /) -> Iterable[StreamToken]:
        self.fed += 1
        return self._decoder.feed(payload)


def by_reads(wire: Wire, reads: Sequence[bytes]) -> tuple[Outcome, int]:
    decoder = wire.dialect.decoder()
    counting = Counting(decoder)
    stages: list[Transducer[Any, Any]] = [wire.dialect.framer(), counting]
    tokens: list[StreamToken] = []
    failed: list[str] = []
    run: Run = Run(
        stages, BatchObserver(tokens.extend, lambda error: failed.append(type(error).__name__), lambda: None)
    )
    for read in reads:
        if not failed:
            run.on_batch((read,))
    if not failed:
        run.on_completed()
    return (tokens, "".join(failed), places(decoder)), counting.fed


def cut(body: bytes, edges: Iterable[int]) -> list[bytes]:
    ends = sorted({edge % (len(body) + 1) for edge in edges} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.one_of(st.sampled_from(TEXTS), st.sampled_from(NASTY)), min_size=1, max_size=40),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), max_size=4),
    st.sets(st.integers(0, 1 << 20), max_size=12),
)
def test_by_reads_it_is_the_same_as_event_by_event(
    name: str, texts: list[str], times: int, odd: list[tuple[int, int]], edges: set[int]
) -> None:
    wire = WIRES[name]
    events = [wire.event(number, text) for number, text in enumerate(texts * times)]
    for place, which in odd:
        if wire.odd:
            events.insert(place % len(events), wire.odd[which % len(wire.odd)])
    body = wire.begin + b"".join(events)
    assert by_reads(wire, cut(body, edges))[0] == one_by_one(wire, body)


def long_answer(wire: Wire, length: int = 600) -> list[bytes]:
    chosen = random.Random(7)
    texts = [chosen.choice(TEXTS) for _ in range(length)]
    return [wire.event(number, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize("size", [0, 1400, 16 << 10, 64 << 10], ids=["an event a read", "1.4 KiB", "16 KiB", "64 KiB"])
@pytest.mark.parametrize("name", WIRES)
def test_what_is_said_piece_by_piece_never_goes_the_general_way(name: str, size: int) -> None:
    """But for the first few events, which say what the stream is like."""
    wire = WIRES[name]
    events = long_answer(wire)
    body = wire.begin + b"".join(events)
    reads = [wire.begin, *events] if size == 0 else cut(body, range(0, len(body), size))
    outcome, fed = by_reads(wire, [read for read in reads if read])
    assert outcome == one_by_one(wire, body)
    assert fed <= 8


@pytest.mark.parametrize("name", ["chat", "chat, reasoning", "claude", "claude, calls", "responses"])
def test_something_odd_in_a_read_costs_itself_alone(name: str) -> None:
    wire = WIRES[name]
    events = long_answer(wire)
    for place in range(20, len(events), 50):
        events.insert(place, wire.odd[0])
    body = wire.begin + b"".join(events)
    outcome, fed = by_reads(wire, cut(body, range(0, len(body), 32 << 10)))
    assert outcome == one_by_one(wire, body)
    assert fed <= 8 + len(events) // 50
