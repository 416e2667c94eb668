"""What subscribers raise, and which loop they are on."""

from __future__ import annotations

import asyncio
import threading
import traceback
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from tests.server import (
    Connection,
    chunk,
    head,
    port_of_nobody,
    serving,
)
from tests.sources.asking import (
    ASK,
    KEY,
    WHOLE,
    asking,
    collect,
    event,
    failure,
)
from tokenrill import (
    ConnectError,
    ConnectionLost,
    Provider,
    StreamPipelineBuilder,
    StreamToken,
)


async def test_what_a_subscriber_raises_is_reported_and_the_connection_closed() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(event("Hi")))
        await connection.gone()

    contexts: list[dict[str, Any]] = []
    failures: list[Exception] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    mistake = ZeroDivisionError("in the subscriber")

    def on_next(_: object) -> None:
        raise mistake

    async with serving(script) as server:
        pipeline = asking(server)
        pipeline.stream(ASK).subscribe(on_next, on_error=failures.append)
        connection = await server.connection()
        await connection.hung_up()
        await pipeline.aclose()
    assert [context.get("exception") for context in contexts] == [mistake]
    assert failures == []
    shown = "".join(traceback.TracebackException.from_exception(mistake, capture_locals=True).format())
    assert KEY not in shown


async def test_an_error_that_nobody_handles_is_reported() -> None:
    contexts: list[dict[str, Any]] = []
    reported = asyncio.Event()

    def handle(_: object, context: dict[str, Any]) -> None:
        contexts.append(context)
        reported.set()

    asyncio.get_running_loop().set_exception_handler(handle)
    pipeline = asking(f"http://127.0.0.1:{port_of_nobody()}")
    pipeline.stream(ASK).subscribe(lambda _: None)
    await asyncio.wait_for(reported.wait(), 30)
    await pipeline.aclose()
    assert [type(context["exception"]) for context in contexts] == [ConnectError]


async def test_an_error_while_subscribing_reaches_the_observer() -> None:
    pipeline = asking("http://127.0.0.1:9")
    mistake = RuntimeError("while subscribing")

    def refuse(*_: Any) -> Any:
        raise mistake

    def breaking(_: Observable[StreamToken]) -> Observable[StreamToken]:
        return rx.create(refuse)

    broken = StreamPipelineBuilder.source(pipeline.source).pipe(breaking).build()
    assert await failure(broken, RuntimeError) is mistake


async def test_a_pool_can_be_closed_twice_and_used_again() -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        pipeline = asking(server)
        for _ in range(2):
            assert await collect(pipeline) == ["Hel", "lo"]
            await pipeline.aclose()
            await pipeline.aclose()
        assert len(server.connections) == 2


async def test_closing_the_pool_ends_a_running_stream_with_an_error() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), chunk(event("Hi")))
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        async with pipeline.open(ASK) as reader:
            await anext(reader)
            await pipeline.aclose()
            with pytest.raises(ConnectionLost):
                await asyncio.wait_for(exhaust(reader), 30)


async def exhaust(reader: Any) -> None:
    async for _ in reader:
        pass


async def test_loops_in_two_threads_share_one_pool_without_meeting() -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.answer(*WHOLE)

    async with serving(script) as server:
        pipeline = asking(server)
        results: list[list[str]] = []

        async def many() -> None:
            for _ in range(20):
                results.append(await collect(pipeline))

        threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert results == [["Hel", "lo"]] * 40
        assert len(server.requests) == 40
        assert len(server.connections) <= 6  # kept, though a stream may begin before the one before it is put away
        await pipeline.aclose()


async def test_a_loop_that_ended_is_forgotten() -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        pipeline = asking(server)
        for _ in range(3):
            assert await asyncio.to_thread(lambda: asyncio.run(collect(pipeline))) == ["Hel", "lo"]
        source = pipeline.source
        assert isinstance(source, Provider)
        assert not source.http._sessions._pools  # pyright: ignore[reportPrivateUsage]
