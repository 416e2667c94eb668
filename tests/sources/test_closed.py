"""A call is told when a connection that its consumer has left is closed, and only then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex import Observer, operators as ops

from tests.server import Connection, Script, Server, chunk, head, serving
from tests.sources.asking import ASK, WHOLE, asking, event
from tests.sources.leaving import endless, silent
from tokenrill import Call, Closed, Pipeline, StreamPipelineBuilder, StreamToken


def listening(server: Server) -> tuple[Pipeline[StreamToken], list[Any]]:
    """A pipeline that asks the server, and what its calls decide."""
    told: list[Any] = []

    def sink(call: Call) -> Observer[StreamToken]:
        call.decisions.subscribe(told.append)
        return Observer()

    return StreamPipelineBuilder.source(asking(server).source).attach(sink).build(), told


@pytest.mark.parametrize("when", ["before the head", "in the middle", "inside on_next"])
async def test_leaving_tells_how_long_the_connection_took_to_close(when: str) -> None:
    async with serving(silent if when == "before the head" else endless) as server:
        pipeline, told = listening(server)
        seen = asyncio.Event()

        def on_next(_: StreamToken) -> None:
            if when == "inside on_next":
                subscription.dispose()
            seen.set()

        subscription = pipeline.stream(ASK).subscribe(on_next)
        connection = await server.connection()
        if when != "before the head":
            await asyncio.wait_for(seen.wait(), 30)
        subscription.dispose()
        await connection.hung_up()
        await asyncio.sleep(0.01)
        [closed] = told
        assert isinstance(closed, Closed)
        assert closed.seconds >= 0
        await pipeline.aclose()


async def whole(connection: Connection) -> None:
    await connection.answer(*WHOLE)


async def cut(connection: Connection) -> None:
    await connection.request()
    await connection.send(head(), chunk(event("Hi")))


@pytest.mark.parametrize("script", [whole, cut])
async def test_a_stream_that_ends_by_itself_tells_nothing(script: Script) -> None:
    async with serving(script) as server:
        pipeline, told = listening(server)
        ended = asyncio.Event()
        pipeline.stream(ASK).subscribe(on_error=lambda _: ended.set(), on_completed=ended.set)
        await asyncio.wait_for(ended.wait(), 30)
        await asyncio.sleep(0.01)
        assert told == []
        await pipeline.aclose()


async def test_leaving_an_answer_that_had_all_come_keeps_the_connection() -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.answer(*WHOLE)

    async with serving(script) as server:
        pipeline, told = listening(server)
        for _ in range(2):
            await pipeline.stream(ASK).pipe(ops.take(1))
            await asyncio.sleep(0.02)
        assert told == []
        assert len(server.connections) == 1
        await pipeline.aclose()
