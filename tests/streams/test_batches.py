"""The batch view of a pipeline: all tokens of a read in one list, and nothing else changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

from tests.contracts.pushing import PushedBatches, Seen
from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Finish,
    Replay,
    StreamPipelineBuilder,
    StreamToken,
    StreamTruncated,
    TextDelta,
)
from tokenrill.streams.batches import Batches
from tokenrill.streams.pipeline import Pipeline

WORDS = [b'data: {"id":"r1","choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % number for number in range(9)]
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
REQUEST = CompletionRequest(model="m", messages="Hi")


def pipeline(cut: int, end: bytes = END) -> Pipeline[StreamToken]:
    return StreamPipelineBuilder.source(Replay(b"".join(WORDS) + end, OPENAI_CHAT, cut=cut)).build()


def lists(stream: rx.Observable[Sequence[Any]]) -> list[list[Any]]:
    return Seen(stream).items


async def collected(stream: rx.Observable[Any]) -> list[Any]:
    return await stream.pipe(ops.to_list())


async def test_each_list_is_what_one_read_brought() -> None:
    size = len(WORDS[0])
    brought = await collected(pipeline(3 * size).batches(REQUEST))
    texts = [[token.text for token in batch if isinstance(token, TextDelta)] for batch in brought]
    assert texts[:3] == [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"]]
    assert isinstance(brought[-1][-1], Finish)


@pytest.mark.parametrize("cut", [1, 7, 100, 100_000])
async def test_joined_they_are_the_stream(cut: int) -> None:
    whole = pipeline(cut)
    brought = await collected(whole.batches(REQUEST))
    assert all(brought)
    assert [token for batch in brought for token in batch] == await collected(whole.stream(REQUEST))


async def test_after_an_operator_of_rxpy_each_holds_one() -> None:
    source = StreamPipelineBuilder.source(Replay(b"".join(WORDS) + END, OPENAI_CHAT, cut=100_000))
    mapped = source.pipe(ops.map(lambda token: type(token).__name__)).build()
    assert {len(batch) for batch in await collected(mapped.batches(REQUEST))} == {1}


async def test_a_stream_that_breaks_errors_after_what_it_brought() -> None:
    brought: list[Sequence[StreamToken]] = []
    with pytest.raises(StreamTruncated) as broken:
        await pipeline(100_000, b"").batches(REQUEST).pipe(ops.do_action(brought.append))
    assert len(brought[0]) == 10
    assert broken.value.partial is not None
    assert broken.value.partial.text == "012345678"


def test_a_list_can_be_kept() -> None:
    source, batch = PushedBatches(), [1, 2]
    seen = Seen(Batches(source))
    source.push(batch)
    batch.clear()
    assert seen.items == [[1, 2]]


def test_leaving_disposes_the_source() -> None:
    source = PushedBatches()
    seen = Seen(Batches(source), leave_after=1)
    source.push([1, 2])
    source.push([3])
    assert seen.items == [[1, 2]]
    assert source.live == 0


def test_stock_items_come_one_by_one() -> None:
    assert lists(Batches(rx.of(1, 2))) == [[1], [2]]
