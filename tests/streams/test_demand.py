"""However fast a producer and however slow a consumer, what waits is bounded, and nobody sleeps for ever."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
from hypothesis import given, strategies as st

from tokenrill import Demand


@pytest.mark.parametrize(("high", "low"), [(0, None), (1, 1), (4, 5), (4, -1)])
def test_water_marks_that_cannot_be_are_refused(high: int, low: int | None) -> None:
    with pytest.raises(ValueError, match="0 <= low < high"):
        Demand(high=high, low=low)


def test_the_gate_closes_at_high_and_opens_at_low_and_not_before() -> None:
    demand = Demand(high=4, low=1)
    demand.buffered(3)
    assert demand.is_open
    demand.buffered()
    assert not demand.is_open
    demand.taken(2)
    assert (demand.level, demand.is_open) == (2, False)
    demand.taken()
    assert demand.is_open
    assert demand.opened_at > 0


async def test_every_waiter_wakes_when_the_gate_opens() -> None:
    demand = Demand(high=2, low=0)
    demand.buffered(2)
    waiters = [asyncio.create_task(demand.ready()) for _ in range(5)]
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    demand.taken(2)
    async with asyncio.timeout(30):
        await asyncio.gather(*waiters)


async def test_ready_does_not_wait_while_the_gate_is_open() -> None:
    waiting = Demand().ready()
    with pytest.raises(StopIteration):
        waiting.send(None)


async def test_a_gate_that_closes_again_before_the_waiter_runs_keeps_it_waiting() -> None:
    demand = Demand(high=2, low=0)
    demand.buffered(2)
    waiter = asyncio.create_task(demand.ready())
    await asyncio.sleep(0)
    demand.taken(2)
    demand.buffered(2)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiter.done()
    demand.taken(2)
    async with asyncio.timeout(30):
        await waiter


async def test_a_waiter_that_is_cancelled_is_forgotten_and_the_others_are_not() -> None:
    demand = Demand(high=1, low=0)
    demand.buffered()
    gone, stays = asyncio.create_task(demand.ready()), asyncio.create_task(demand.ready())
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    demand.taken()
    async with asyncio.timeout(30):
        await stays


def test_a_consumer_on_another_thread_wakes_the_source() -> None:
    demand = Demand(high=8, low=2)
    total, batch = 400, 4
    highest = 0

    async def produce() -> None:
        nonlocal highest
        for _ in range(total // batch):
            await demand.ready()
            demand.buffered(batch)
            highest = max(highest, demand.level)

    def consume() -> None:
        left = total
        while left:
            if demand.level > 0:
                demand.taken()
                left -= 1

    consumer = threading.Thread(target=consume)
    consumer.start()
    asyncio.run(asyncio.wait_for(produce(), 60))
    consumer.join(60)
    assert not consumer.is_alive()
    assert demand.level == 0
    assert highest < demand.high + batch


def test_a_loop_that_is_gone_needs_no_waking() -> None:
    demand = Demand(high=1, low=0)
    demand.buffered()
    loop = asyncio.new_event_loop()
    waiting = demand.ready()
    loop.call_soon(waiting.send, None)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    demand.taken()
    assert demand.is_open
    waiting.close()


@given(
    high=st.integers(1, 40),
    low_share=st.floats(0, 0.99),
    producers=st.integers(1, 3),
    consumers=st.integers(1, 3),
    seed=st.integers(0, 10_000),
)
def test_the_level_never_passes_high_by_more_than_one_batch_each(
    high: int, low_share: float, producers: int, consumers: int, seed: int
) -> None:
    dice = random.Random(seed)
    demand = Demand(high=high, low=int(low_share * high))
    most, largest, total = 0, 8, 60 * producers
    left = total

    async def produce() -> None:
        nonlocal most
        made = 0
        while made < 60:
            await demand.ready()
            size = min(dice.randint(1, largest), 60 - made)
            demand.buffered(size)
            made += size
            most = max(most, demand.level)
            if dice.random() < 0.5:
                await asyncio.sleep(0)

    async def consume() -> None:
        nonlocal left
        while left:
            size = min(dice.randint(1, 5), demand.level)
            demand.taken(size)
            left -= size
            await asyncio.sleep(0)

    async def both() -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for _ in range(producers):
                group.create_task(produce())
            for _ in range(consumers):
                group.create_task(consume())

    asyncio.run(both())
    assert demand.level == 0
    # A source looks at the gate, then adds one batch: between those two nothing else runs.
    assert most < high + largest
