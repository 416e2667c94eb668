"""A call knows what it has cost, tells it once, and writes it on the error that ends it."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import Sequence

import pytest
import reactivex as rx
from hypothesis import given, strategies as st
from reactivex import Observable, operators as ops

from tests.virtual_loop import run_virtual
from tokenrill import (
    Call,
    CompletionRequest,
    ConnectionLost,
    Finish,
    Message,
    RateLimit,
    RateLimits,
    ReasoningDelta,
    ResponseStart,
    StreamError,
    StreamPipelineBuilder,
    StreamToken,
    StreamTruncated,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
)
from tokenrill.streams.call import Account

REQUEST = CompletionRequest(model="m", messages="x" * 40)


def accounted(call: Call, tokens: Sequence[StreamToken], batches: random.Random | None = None) -> list[StreamToken]:
    account, left, out = Account(call), list(tokens), list[StreamToken]()
    while left:
        size = batches.randrange(1, 5) if batches else 1
        batch, left = left[:size], left[size:]
        passed = account.feed_batch(batch) if batches else None
        out.extend([one for token in batch for one in account.feed(token)] if passed is None else passed)
    return [*out, *account.close()]


def test_the_last_exact_count_comes_once_just_before_the_first_finish() -> None:
    told = [Usage(1, 0), TextDelta("Hi"), Usage(10, 2), Finish("stop"), Finish("stop", choice=1), Usage(99, 99)]
    call = Call("p", REQUEST)
    assert accounted(call, told) == [TextDelta("Hi"), Usage(10, 2), Finish("stop"), Finish("stop", choice=1)]


def test_a_partial_count_is_completed_from_what_was_written() -> None:
    call = Call("p", REQUEST)
    tokens = accounted(call, [Usage(10, 1, kind="partial"), TextDelta("x" * 41), Finish("stop")])
    assert tokens[-2] == Usage(10, 11, kind="partial")
    assert call.usage == tokens[-2]


def test_a_provider_that_counts_nothing_is_counted_for() -> None:
    call = Call("p", REQUEST)
    assert accounted(call, [TextDelta("x" * 8), Finish("stop")])[-2] == Usage(10, 2, kind="estimated")


def test_an_estimate_reads_everything_that_was_sent_as_text() -> None:
    turns = [Message.user("1234"), Message.assistant("5678"), Message.tool(ToolResult("c", "x" * 400))]
    call = Call("p", CompletionRequest(model="m", messages=turns))
    assert call.attempt.estimate().input_tokens == 102


def test_an_answer_of_nothing_still_tells_its_usage() -> None:
    assert accounted(Call("p", REQUEST), [Finish("stop")]) == [Usage(10, 0, kind="estimated"), Finish("stop")]


@given(
    st.lists(
        st.one_of(
            st.builds(TextDelta, st.text(max_size=4)),
            st.builds(ReasoningDelta, st.text(max_size=4)),
            st.builds(ToolCallDelta, st.text(max_size=4)),
            st.builds(Usage, st.integers(0, 9), st.integers(0, 9), kind=st.sampled_from(["exact", "partial"])),
        ),
        max_size=20,
    ),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_every_healthy_stream_tells_its_usage_exactly_once(said: list[StreamToken], choices: int, seed: int) -> None:
    ends = [Finish("stop", choice=choice) for choice in range(choices)]
    call = Call("p", REQUEST)
    tokens = accounted(call, [*said, *ends], random.Random(seed))
    assert [token for token in tokens if not isinstance(token, Usage)] == [
        *(token for token in said if not isinstance(token, Usage)),
        *ends,
    ]
    (usage,) = (token for token in tokens if isinstance(token, Usage))
    assert tokens.index(usage) == len(tokens) - choices - 1
    assert call.usage == usage
    told = [token for token in said if isinstance(token, Usage)]
    assert usage.kind == (told[-1].kind if told else "estimated")


def test_the_start_carries_what_the_headers_said() -> None:
    call = Call("p", REQUEST)
    call.attempt.request_id, call.attempt.rate_limits = "req-1", RateLimits(RateLimit(10, 9, 1.0))
    assert accounted(call, [ResponseStart("r", "m")]) == [ResponseStart("r", "m", "req-1", call.rate_limits)]


def test_a_request_id_in_the_stream_itself_is_kept() -> None:
    call = Call("p", REQUEST)
    assert accounted(call, [ResponseStart("r", "m", "req-2")]) == [ResponseStart("r", "m", "req-2")]
    assert call.request_id == "req-2"


def test_an_error_is_told_whose_call_it_ended_and_what_had_come() -> None:
    call = Call("p", REQUEST)
    call.attempt.request_id = "req-1"
    accounted(call, [ResponseStart("r", "m"), TextDelta("x" * 8), ToolCallStart("c", "add")])
    error = StreamTruncated()
    call.blame(error)
    assert (error.provider, error.request_id) == ("p", "req-1")
    assert error.partial is not None
    assert (error.partial.id, error.partial.text, error.partial.finish) == ("r", "x" * 8, None)
    assert [made.name for made in error.partial.tool_calls] == ["add"]
    assert error.usage == error.partial.usage == Usage(10, 3, kind="estimated")


def test_an_error_before_anything_came_has_no_partial_and_cost_nothing() -> None:
    error = StreamError("no")
    Call("p", REQUEST).blame(error)
    assert (error.provider, error.request_id, error.partial, error.usage) == ("p", None, None, None)


def test_what_an_error_knows_already_stays() -> None:
    call = Call("p", REQUEST)
    call.attempt.request_id = "ours"
    accounted(call, [TextDelta("Hi")])
    error = StreamError("no", provider="another", request_id="theirs")
    error.usage = Usage(1, 1)
    call.blame(error)
    assert (error.provider, error.request_id, error.usage) == ("another", "theirs", Usage(1, 1))


def test_what_the_provider_told_before_breaking_off_is_a_partial_count() -> None:
    call = Call("p", REQUEST)
    accounted(call, [Usage(25, 1, kind="partial"), TextDelta("x" * 40)])
    error = StreamTruncated()
    call.blame(error)
    assert error.usage == Usage(25, 10, kind="partial")


@pytest.mark.parametrize("batch", [1, 300])
def test_an_endless_stream_keeps_at_most_262144_characters(batch: int) -> None:
    call = Call("p", REQUEST)
    account = Account(call)
    tokens = [TextDelta("x" * 100)] * batch
    tracemalloc.start()
    try:
        for _ in range(30_000 // batch):
            if account.feed_batch(tokens) is None:
                pytest.fail("plain text goes the fast way")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(call.reply.text) <= 262_144
    assert held <= 4 << 20
    assert call.attempt.estimate().output_tokens == 30_000 * 100 // 4


def test_a_call_says_whose_it_is_and_no_more() -> None:
    call = Call("p", REQUEST)
    assert repr(call) == "Call(provider='p', model='m')"
    assert call.demand is not Call("p", REQUEST).demand
    assert call.usage is None


def test_an_error_that_is_raised_to_many_leaves_those_running_who_deal_with_it() -> None:
    """What it quotes is forgotten by clearing frames, and one is that of a coroutine, of somebody else, that waits."""
    pipeline = StreamPipelineBuilder.source(Failing(ConnectionLost("gone"))).build()
    dealt_with = list[int]()

    async def one(number: int) -> None:
        await asyncio.sleep(0.01 * number)
        try:
            async with pipeline.open(REQUEST) as tokens:
                async for _ in tokens:
                    pass
        except ConnectionLost:
            await asyncio.sleep(1)
            dealt_with.append(number)

    async def all_of_them() -> None:
        await asyncio.gather(*[one(number) for number in range(5)])

    run_virtual(all_of_them())
    assert dealt_with == [0, 1, 2, 3, 4]


class Failing:
    """A source that has one error for all, as a shared stream has."""

    name = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def stream(self, call: Call) -> Observable[StreamToken]:
        return rx.throw(self._error).pipe(ops.delay_subscription(0.005))

    async def aclose(self) -> None:
        """It holds nothing."""
