"""Several operators as one do what they do one after another, each bound to the call that it serves."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable, operators as ops

from tests.contracts.inputs import TOKENS
from tokenrill import (
    OPENAI_CHAT,
    Call,
    CompletionRequest,
    Operator,
    Overloaded,
    Replay,
    StreamPipelineBuilder,
    TextDelta,
    compose,
    filter_content,
    race,
    retry,
)

REQUEST = CompletionRequest(model="m", messages="Hi")
WIRE = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Bound:
    """An operator that takes note of the calls it was bound to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.closed = 0

    def __call__(self, source: Observable[Any], /) -> Observable[Any]:
        return source

    def for_call(self, call: Call, /) -> Operator[Any, Any]:
        self.calls.append(call)
        return self

    async def aclose(self) -> None:
        self.closed += 1


def test_it_is_the_same_as_the_operators_one_by_one() -> None:
    one_by_one = rx.from_iterable(TOKENS).pipe(filter_content(["secret"]), ops.take(9), ops.to_list()).run()
    composed = compose(filter_content(["secret"]), ops.take(9))
    assert rx.from_iterable(TOKENS).pipe(composed, ops.to_list()).run() == one_by_one


def test_none_at_all_changes_nothing() -> None:
    assert rx.of(1, 2).pipe(compose(), ops.to_list()).run() == [1, 2]


async def test_each_is_bound_to_the_call_and_closed_with_the_pipeline() -> None:
    first, second = Bound(), Bound()
    pipeline = StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT)).pipe(compose(first, compose(second))).build()
    await pipeline.stream(REQUEST)
    await pipeline.stream(REQUEST)
    assert len(first.calls) == 2
    assert first.calls == second.calls
    await pipeline.aclose()
    assert (first.closed, second.closed) == (1, 1)


async def test_a_race_inside_asks_the_source_for_each_runner() -> None:
    bound = Bound()
    pipeline = StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT)).pipe(compose(bound, race())).build()
    await pipeline.stream(REQUEST)
    assert len(bound.calls) >= 1
    assert all(call.provider == "replay" for call in bound.calls)


@pytest.mark.parametrize("nested", [True, False])
def test_a_retry_inside_asks_again_all_that_stands_before_it(nested: bool) -> None:
    answers = iter([rx.throw(Overloaded("busy", retry_after=0)), rx.of(TextDelta("Hello"))])
    source = rx.defer(lambda _: next(answers))
    again = compose(compose(filter_content(["x"])), retry()) if nested else compose(filter_content(["x"]), retry())
    assert source.pipe(again).run() == TextDelta("Hello")
