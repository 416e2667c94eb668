"""Leaving at any moment: while connecting, before the head, in the middle, after the end."""

from __future__ import annotations

import asyncio
from time import monotonic

import psutil
import pytest

from tests.attempts import soonest
from tests.server import Connection, Server, server_tls, serving
from tests.sources.asking import ASK, DONE, FINISH, asking, event
from tests.sources.leaving import WITHIN, endless, flood, silent, watched
from tokenrill import CompletionRequest, StreamToken


async def asked(server: Server) -> Connection:
    """The first connection, as soon as its request is there."""
    connection = await server.connection()
    while not connection.requests:  # noqa: ASYNC110 - nobody tells when it has come
        await asyncio.sleep(0.002)
    return connection


@pytest.mark.parametrize("secured", [False, True], ids=["tcp", "tls"])
async def test_leaving_before_the_head_hangs_up(secured: bool) -> None:
    async def attempt() -> float:
        async with watched(silent, server_tls() if secured else None) as (server, pipeline):
            subscription = pipeline.stream(ASK).subscribe()
            connection = await asked(server)
            subscription.dispose()
            left = monotonic()
            return await connection.hung_up() - left

    assert await soonest(attempt, WITHIN) < WITHIN


async def test_leaving_a_silent_stream_from_another_thread_hangs_up() -> None:
    async def attempt() -> float:
        async with watched(silent) as (server, pipeline):
            subscription = pipeline.stream(ASK).subscribe()
            connection = await asked(server)
            left = monotonic()
            await asyncio.to_thread(subscription.dispose)
            return await connection.hung_up() - left

    assert await soonest(attempt, WITHIN) < WITHIN


async def test_leaving_while_connecting_hangs_up() -> None:
    """The handshake of TLS never ends: the server does not speak it."""

    async def script(connection: Connection) -> None:
        await connection.gone()

    async def attempt() -> float:
        async with serving(script) as server:
            pipeline = asking(f"https://127.0.0.1:{server.port}")
            subscription = pipeline.stream(ASK).subscribe()
            connection = await server.connection()
            subscription.dispose()
            left = monotonic()
            took = await connection.hung_up() - left
            await pipeline.aclose()
            return took

    assert await soonest(attempt, WITHIN) < WITHIN


async def test_leaving_while_a_long_prompt_goes_out_lets_go_of_the_socket() -> None:
    """The server does not read, so the rest of the prompt would wait for ever in our buffers."""

    async def script(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    request = CompletionRequest(model="m", messages="x" * (32 << 20))

    async with serving(script, limit=1024) as server:
        pipeline = asking(server)
        subscription = pipeline.stream(request).subscribe()
        await server.connection()
        await asyncio.sleep(0.2)
        assert sockets_to(server) == 1
        subscription.dispose()
        await asyncio.sleep(WITHIN)
        assert sockets_to(server) == 0
        await pipeline.aclose()


def sockets_to(server: Server) -> int:
    """How many sockets of this process are a client's end of a connection to the server."""
    return sum(bool(it.raddr) and it.raddr.port == server.port for it in psutil.Process().net_connections("tcp"))


async def test_leaving_at_once_sends_nothing() -> None:
    async with watched(silent) as (server, pipeline):
        pipeline.stream(ASK).subscribe().dispose()
        await asyncio.sleep(0.05)
        assert server.connections == []


async def test_leaving_at_any_turn_of_the_loop_leaves_nothing() -> None:
    async def attempt() -> float:
        async with watched(endless) as (server, pipeline):
            for turns in range(40):
                subscription = pipeline.stream(ASK).subscribe()
                for _ in range(turns):
                    await asyncio.sleep(0)
                subscription.dispose()
            left = monotonic()
            for connection in server.connections:
                await connection.hung_up()
            return monotonic() - left

    assert await soonest(attempt, WITHIN + 0.05) < WITHIN + 0.05


async def test_leaving_after_the_end_changes_nothing() -> None:
    signals: list[str] = []
    ended = asyncio.Event()

    def on_completed() -> None:
        signals.append("completed")
        ended.set()

    async with watched(lambda connection: connection.answer(event("Hi"), FINISH, DONE)) as (_, pipeline):
        subscription = pipeline.stream(ASK).subscribe(on_completed=on_completed)
        await asyncio.wait_for(ended.wait(), 30)
        subscription.dispose()
        subscription.dispose()
        await asyncio.sleep(0.02)
        assert signals == ["completed"]


async def test_nothing_comes_after_leaving() -> None:
    signals: list[object] = []
    first = asyncio.Event()

    def on_next(token: StreamToken) -> None:
        signals.append(token)
        first.set()

    async with watched(flood) as (server, pipeline):
        subscription = pipeline.stream(ASK).subscribe(on_next, signals.append, lambda: signals.append(None))
        await asyncio.wait_for(first.wait(), 30)
        subscription.dispose()
        count = len(signals)
        await server.connections[0].hung_up()
        assert len(signals) == count


async def test_a_pause_is_not_an_end() -> None:
    """Left alone, the same reader reads on to the end."""
    async with watched(lambda connection: connection.answer(*map(event, "abc"), FINISH, DONE)) as (_, pipeline):
        async with pipeline.open(ASK, high=1, low=0) as reader:
            tokens: list[StreamToken] = []
            async for token in reader:
                await asyncio.sleep(0.005)
                tokens.append(token)
        assert len(tokens) == 6
