"""Whoever leaves, and whoever loses, leaves nothing behind: on real sockets, over TLS, in the middle of every wait."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.attempts import soonest
from tests.server import Connection, authority, chunk, head, server_tls, serving
from tests.sources.asking import ASK, DONE, FINISH, KEY, event
from tokenrill import (
    CompletionRequest,
    Http,
    Pipeline,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    openai,
    race,
    rate_limit,
    resume,
    retry,
)

BUSY = head(503, "application/json", length=2, retry_after="30") + b"{}"


def asked(url: str, http: Http, *operators: Any) -> Pipeline[StreamToken]:
    builder: Any = StreamPipelineBuilder.source(openai(api_key=KEY, base_url=url, http=http))
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build()


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("headers", [True, False], ids=["in its body", "before its headers"])
@pytest.mark.parametrize("secured", [True, False], ids=["tls", "tcp"])
async def test_who_loses_is_hung_up_on_within_50_ms(secured: bool, headers: bool) -> None:
    gone: list[float] = []

    async def script(connection: Connection) -> None:
        line, _, _ = await connection.request()
        if "/slow/" not in line:
            await asyncio.sleep(0.05)
            await connection.send(head(), *map(chunk, (event("a"), FINISH, DONE)), b"0\r\n\r\n")
            return
        if headers:
            await connection.send(head())
        await connection.gone()
        gone.append(time.monotonic())

    async with serving(script, tls=server_tls() if secured else None) as server:
        tls = ssl.create_default_context(cadata=authority().cert_pem.bytes().decode()) if secured else None
        http = Http(ssl_context=tls)
        other = openai(api_key=KEY, base_url=f"{server.url}/fast/v1", http=http)
        pipeline = asked(f"{server.url}/slow/v1", http, race(other))

        async def lost() -> float:
            gone.clear()
            first: list[float] = []
            async with pipeline.open(ASK) as reader:
                async for token in reader:
                    if isinstance(token, TextDelta):
                        first.append(time.monotonic())
            await settled(lambda: bool(gone))
            return gone[0] - first[0]

        assert await soonest(lost, 0.05) < 0.05
        await pipeline.aclose()


WAITS: dict[str, Callable[[], Any]] = {
    "retry": retry,
    "limiter": lambda: rate_limit(requests_per_second=0.001),
    "resume": resume,
}


@pytest.mark.parametrize("wait", WAITS)
async def test_who_leaves_in_the_middle_of_a_wait_leaves_nothing(wait: str) -> None:
    asked_for: list[str] = []
    left = 0

    async def script(connection: Connection) -> None:
        nonlocal left
        line, _, _ = await connection.request()
        asked_for.append(line.split()[0])
        if wait == "retry":
            await connection.send(BUSY)
        elif wait == "resume" and len(asked_for) == 1:
            created = b'{"type":"response.created","sequence_number":0,"response":{"id":"r1","status":"in_progress"}}'
            said = b'{"type":"response.output_text.delta","sequence_number":1,"delta":"a","output_index":0}'
            await connection.send(head(), chunk(b"data: " + created + b"\n\n"), chunk(b"data: " + said + b"\n\n"))
            return connection.reset()
        elif wait == "limiter":
            await connection.send(head(), *map(chunk, (event("a"), FINISH, DONE)), b"0\r\n\r\n")
        await connection.gone()
        left += 1
        return None

    before = asyncio.all_tasks()
    async with serving(script) as server:
        serving_tasks = asyncio.all_tasks()
        http = Http()
        provider = openai(api="responses", api_key=KEY, base_url=server.url, http=http)
        if wait != "resume":
            provider = openai(api_key=KEY, base_url=server.url, http=http)
        pipeline = StreamPipelineBuilder.source(provider).pipe(WAITS[wait]()).build()
        request = ASK
        if wait == "resume":
            request = CompletionRequest(model="m", messages="Hi", extra={"background": True, "store": True})
        ends: list[Any] = []
        if wait == "limiter":
            await pipeline.stream(request)
        subscription = pipeline.stream(request).subscribe(on_error=ends.append, on_completed=lambda: ends.append(None))
        expected = {"retry": ["POST"], "limiter": ["POST"], "resume": ["POST", "GET"]}[wait]
        await settled(lambda: asked_for == expected)
        await asyncio.sleep(0.05)
        subscription.dispose()
        if wait == "resume":
            await settled(lambda: left == 1)
        await pipeline.aclose()
        await settled(lambda: asyncio.all_tasks() <= serving_tasks | before | {asyncio.current_task()})
        assert asked_for == expected
        assert ends == []
