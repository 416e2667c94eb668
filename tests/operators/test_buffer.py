"""What waits for a slow consumer is bounded; what gives way is what was said, and never what ends a stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st
from reactivex import Observable, Subject, operators as ops
from reactivex.scheduler import EventLoopScheduler
from reactivex.testing import TestScheduler

from tests.contracts.inputs import TOKENS
from tests.contracts.pushing import PushedBatches, Seen
from tokenrill import (
    OPENAI_CHAT,
    Call,
    CompletionRequest,
    Demand,
    Finish,
    LimitExceeded,
    Replay,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    Usage,
    buffer,
)
from tokenrill.operators._buffer import Overflow


def seen(overflow: Overflow, items: Sequence[Any], size: int = 3) -> Seen:
    """What comes through when all items come before the consumer has its turn."""
    scheduler, source = TestScheduler(), PushedBatches()
    found = Seen(source.pipe(buffer(size, overflow=overflow, scheduler=scheduler)))
    source.push(items)
    source.complete()
    scheduler.start()
    return found


def texts(found: Seen) -> str:
    return "".join(item.text for item in found.items if isinstance(item, TextDelta))


def said(text: str) -> list[StreamToken]:
    return [TextDelta(letter) for letter in text]


def test_the_oldest_give_way() -> None:
    found = seen("drop_oldest", said("abcdef"))
    assert texts(found) == "def"
    assert found.signals[-1] == ("completed",)


def test_the_latest_give_way() -> None:
    assert texts(seen("drop_latest", said("abcdef"))) == "abc"


def test_or_the_stream_ends_after_what_fitted() -> None:
    found = seen("error", said("abcdef"))
    assert texts(found) == "abc"
    assert isinstance(found.error, LimitExceeded)
    assert (found.error.name, found.error.limit) == ("size", 3)


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_latest"])
def test_what_is_no_prose_never_gives_way(overflow: Overflow) -> None:
    ends: list[StreamToken] = [ToolCallDelta("{}"), Usage(1, 2), Finish("stop")]
    found = seen(overflow, [*said("ab"), ends[0], *said("cd"), *ends[1:]])
    assert [item for item in found.items if not isinstance(item, TextDelta)] == ends
    assert len(found.items) == 3


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_latest"])
def test_when_nothing_may_give_way_the_stream_ends(overflow: Overflow) -> None:
    found = seen(overflow, [ToolCallDelta(str(number)) for number in range(4)])
    assert len(found.items) == 3
    assert isinstance(found.error, LimitExceeded)


def test_items_that_are_no_tokens_may_all_give_way() -> None:
    assert seen("drop_oldest", range(10)).items == [7, 8, 9]


@given(
    st.lists(st.sampled_from(TOKENS), max_size=30),
    st.sampled_from(["drop_oldest", "drop_latest", "error"]),
    st.integers(1, 8),
    st.lists(st.integers(0, 4), max_size=30),
)
def test_no_more_than_its_size_ever_waits_and_order_is_kept(
    tokens: list[StreamToken], overflow: Overflow, size: int, turns: list[int]
) -> None:
    scheduler, source = TestScheduler(), PushedBatches()
    found = Seen(source.pipe(buffer(size, overflow=overflow, scheduler=scheduler)))
    pending = 0
    for number, token in enumerate(tokens):
        source.push([token])
        pending += 1
        if number < len(turns) and turns[number] == 0:
            before = len(found.items)
            scheduler.advance_by(1)
            assert len(found.items) - before <= min(size, pending)
            pending = 0
    source.complete()
    before = len(found.items)
    scheduler.start()
    assert len(found.items) - before <= size
    rest = iter(tokens)
    assert all(any(item is token for token in rest) for item in found.items)


def test_an_error_comes_after_what_waits() -> None:
    scheduler, source = TestScheduler(), PushedBatches()
    found, boom = Seen(source.pipe(buffer(9, overflow="error", scheduler=scheduler))), RuntimeError("boom")
    source.push(said("ab"))
    source.fail(boom)
    assert found.signals == []
    scheduler.start()
    assert (texts(found), found.error) == ("ab", boom)


def test_who_leaves_gets_nothing_more_and_the_demand_is_given_back() -> None:
    scheduler, source, demand = TestScheduler(), PushedBatches(), Demand()
    found = Seen(source.pipe(buffer(4, scheduler=scheduler, demand=demand)))
    source.push(said("abcdef"))
    assert (demand.level, demand.is_open) == (6, False)
    found.subscription.dispose()
    scheduler.start()
    assert (found.signals, source.live, demand.level, demand.is_open) == ([], 0, 0, True)


def test_a_block_counts_until_the_consumer_is_done() -> None:
    scheduler, source, demand = TestScheduler(), PushedBatches(), Demand()
    levels = list[int]()
    source.pipe(buffer(4, scheduler=scheduler, demand=demand)).subscribe(lambda _: levels.append(demand.level))
    source.push(said("abc"))
    scheduler.start()
    assert (levels, demand.level) == ([3, 2, 1], 0)


async def test_in_a_pipeline_a_block_stops_the_source() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    replay = Replay(event * 2_000 + b"data: [DONE]\n\n", OPENAI_CHAT, cut=len(event))
    calls, most, count = list[Call](), 0, 0
    done = asyncio.get_running_loop().create_future()

    def sink(call: Call) -> Any:
        calls.append(call)
        return Subject[StreamToken]()

    def see(token: StreamToken) -> None:
        nonlocal most, count
        most = max(most, calls[0].demand.level)
        count += isinstance(token, TextDelta)

    pipeline = StreamPipelineBuilder.source(replay).attach(sink).pipe(buffer(16)).build()
    stream = pipeline.stream(CompletionRequest(model="m", messages="Hi"))
    stream.subscribe(see, done.set_exception, lambda: done.set_result(None))
    async with asyncio.timeout(60):
        await done
    assert count == 2_000
    assert most <= 17
    assert calls[0].demand.paused_seconds > 0


@pytest.mark.parametrize("overflow", ["error", "block"])
def test_a_consumer_in_a_thread_of_its_own_gets_everything_in_order(overflow: Overflow) -> None:
    source, demand, got, over = PushedBatches(), Demand(), list[int](), threading.Event()
    items: Observable[int] = source.pipe(
        buffer(20_000, overflow=overflow, scheduler=EventLoopScheduler(), demand=demand)
    )
    names = set[str]()

    def see(item: int) -> None:
        names.add(threading.current_thread().name)
        got.append(item)

    items.subscribe(see, on_completed=over.set)
    for start in range(0, 20_000, 10):
        source.push(range(start, start + 10))
    source.complete()
    assert over.wait(60)
    assert got == list(range(20_000))
    assert names != {threading.current_thread().name}


def test_a_consumer_that_raises_ends_its_stream() -> None:
    scheduler, source, demand = TestScheduler(), PushedBatches(), Demand()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    source.pipe(buffer(4, scheduler=scheduler, demand=demand)).subscribe(fail)
    source.push(said("ab"))
    with pytest.raises(ZeroDivisionError):
        scheduler.start()
    assert (demand.level, source.live) == (0, 0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        buffer(0)
    with pytest.raises(ValueError, match="block, error, drop_oldest, drop_latest"):
        buffer(overflow="spill")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="needs demand="):
        PushedBatches().pipe(buffer(), ops.take(1))
