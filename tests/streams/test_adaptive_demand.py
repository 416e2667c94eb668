"""The window follows its consumer, between bounds that always hold, and never slows a consumer that keeps up."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

import pytest
from hypothesis import given, strategies as st

from tokenrill import AdaptiveDemand, CompletionRequest, Replay, StreamPipelineBuilder
from tokenrill.sources.dialects.openai_chat import OPENAI_CHAT


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def consume(demand: AdaptiveDemand, clock: Clock, each: float, items: int, read: int = 64) -> list[float]:
    """A source as fast as it is let, and a consumer that takes ``each`` seconds an item: how long each item waited."""
    waiting, waits, sent = deque[float](), list[float](), 0
    while len(waits) < items:
        while demand.is_open and sent < items:
            size = min(read, items - sent)
            waiting.extend([clock.now] * size)
            demand.buffered(size)
            sent += size
        clock.now += each
        waits.append(clock.now - waiting.popleft())
        demand.taken()
    return waits


@pytest.mark.parametrize("bounds", [(0, 5), (8, 4), (-1, 1)])
def test_bounds_that_cannot_be_are_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="1 <= smallest <= largest"):
        AdaptiveDemand(smallest=bounds[0], largest=bounds[1])
    with pytest.raises(ValueError, match="delay"):
        AdaptiveDemand(delay=0)


def test_a_slow_consumer_is_kept_up_to_date() -> None:
    clock = Clock()
    demand = AdaptiveDemand(smallest=4, largest=4096, delay=0.25, clock=clock)
    waits = consume(demand, clock, each=0.01, items=5_000, read=4)
    assert demand.seconds_an_item == pytest.approx(0.01)
    assert max(waits[:300]) > 1  # the window it began with holds 2.56 s of work
    assert max(waits[1_000:]) <= 2 * 0.25 + 0.01 * 4


def test_a_fast_consumer_is_given_a_wide_window() -> None:
    clock = Clock()
    demand = AdaptiveDemand(smallest=4, largest=4096, clock=clock)
    consume(demand, clock, each=1e-6, items=50_000)
    assert demand.high == 4096


def test_it_follows_a_consumer_that_changes() -> None:
    clock = Clock()
    demand = AdaptiveDemand(smallest=4, largest=4096, delay=0.25, clock=clock)
    consume(demand, clock, each=1e-5, items=20_000)
    wide = demand.high
    consume(demand, clock, each=0.02, items=10_000, read=4)
    assert wide == 4096
    assert demand.high <= 26


def test_a_consumer_that_keeps_up_is_left_alone() -> None:
    clock = Clock()
    demand = AdaptiveDemand(clock=clock)
    for _ in range(1_000):
        demand.buffered()
        clock.now += 0.001
        demand.taken()
    assert (demand.high, demand.is_open, demand.paused_seconds) == (256, True, 0.0)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 100), st.floats(0, 1)), max_size=200),
    st.integers(1, 50),
    st.integers(0, 500),
)
def test_whatever_comes_the_window_stays_within_its_bounds(
    steps: list[tuple[bool, int, float]], smallest: int, more: int
) -> None:
    clock = Clock()
    demand = AdaptiveDemand(smallest=smallest, largest=smallest + more, clock=clock)
    for arrives, count, seconds in steps:
        clock.now += seconds
        if arrives and demand.is_open:
            demand.buffered(count)
        elif demand.level:
            demand.taken(min(count, demand.level))
        assert smallest <= demand.high <= smallest + more
        assert 0 <= demand.low < demand.high
        assert demand.is_open or demand.level > demand.low


def test_narrowing_holds_for_ever() -> None:
    clock = Clock()
    demand = AdaptiveDemand(smallest=16, clock=clock)
    demand.narrow(10)
    consume(demand, clock, each=1e-6, items=10_000, read=4)
    assert demand.high <= 10


async def test_a_pipeline_is_read_through_it() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    pipeline = StreamPipelineBuilder.source(Replay(event * 3_000 + b"data: [DONE]\n\n", OPENAI_CHAT)).build()
    demand = AdaptiveDemand(smallest=8, largest=64)
    count = 0
    async with pipeline.open(CompletionRequest(model="m", messages="Hi"), demand=demand) as tokens:
        async for _ in tokens:
            count += 1
            if count % 100 == 0:
                await asyncio.sleep(0)
    assert count >= 3_000
    assert demand.paused_seconds > 0


def test_source_and_consumer_may_be_in_different_threads() -> None:
    demand = AdaptiveDemand(smallest=2, largest=64)
    items, done = deque[int](), threading.Event()

    def produce() -> None:
        async def main() -> None:
            for number in range(5_000):
                await demand.ready()
                items.append(number)
                demand.buffered()

        asyncio.run(main())
        done.set()

    thread = threading.Thread(target=produce)
    thread.start()
    taken = 0
    while taken < 5_000:
        if items:
            items.popleft()
            taken += 1
            demand.taken()
            assert len(items) <= 65
    thread.join()
    assert done.is_set()
    assert demand.level == 0
