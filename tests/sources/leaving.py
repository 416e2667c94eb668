"""Servers that notice when they are left, and a pipeline that must leave nothing open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.server import Connection, Server, chunk, client_tls, head, serving
from tests.sources.asking import asking, event
from tokenrill import Pipeline, StreamToken

WITHIN = 0.05  # seconds until the server must have seen it


async def endless(connection: Connection) -> None:
    """A token every 5 ms until the client goes."""
    await connection.request()
    await connection.send(head())
    going = asyncio.create_task(connection.gone())
    try:
        while not going.done():
            await connection.send(chunk(event("tick ")))
            await asyncio.wait({going}, timeout=0.005)
    finally:
        going.cancel()


async def flood(connection: Connection) -> None:
    """As much as the client takes, until it goes."""
    await connection.request()
    await connection.send(head())
    watching = asyncio.create_task(connection.gone())
    try:
        while not watching.done():
            await connection.send(chunk(event("flood ") * 100))
            await asyncio.sleep(0)
    finally:
        watching.cancel()


async def silent(connection: Connection) -> None:
    """Not even a head."""
    await connection.request()
    await connection.gone()


@asynccontextmanager
async def watched(
    script: Callable[[Connection], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncGenerator[tuple[Server, Pipeline[StreamToken]]]:
    """A server and a pipeline; all that is open at the end is a failure."""
    async with serving(script, tls=context) as server:
        pipeline = asking(server, ssl_context=client_tls())
        yield server, pipeline
        async with asyncio.timeout(30):
            # Nobody tells when the last cancelled task has had its turn.
            while any(task.get_name() == "tokenrill stream" for task in asyncio.all_tasks()):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await pipeline.aclose()
