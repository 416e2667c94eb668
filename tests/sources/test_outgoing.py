"""A request that goes out in one piece is, to its server, what aiohttp would have sent."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp.http import StreamWriter

from tests.server import Connection, Server, head, serving
from tests.sources.asking import ASK, DONE, FINISH, KEY, asking
from tokenrill import CompletionRequest, Http
from tokenrill.sources import outgoing
from tokenrill.sources.outgoing import AT_ONCE, Outgoing, request_class

SMALL = b'{"model":"m"}'
JSON = {"content-type": "application/json", "authorization": "Bearer sk-canary"}


async def short_answer(connection: Connection) -> None:
    while True:
        await connection.request()
        await connection.send(head(length=2), b"ok")


async def sent(server: Server, kind: type[aiohttp.ClientRequest], body: Any, **settings: Any) -> Any:
    """What came to the server."""
    async with (
        aiohttp.ClientSession(request_class=kind) as session,
        session.request(
            settings.pop("method", "POST"), server.url + "/a%20b?c=%C3%A9", data=body, **settings
        ) as answer,
    ):
        assert await answer.read() == b"ok"
    return server.requests[-1]


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        pytest.param(SMALL, {"headers": JSON}, id="short"),
        pytest.param(b"", {"headers": JSON}, id="empty"),
        pytest.param(SMALL, {}, id="no type"),
        pytest.param(None, {}, id="none"),
        pytest.param(None, {"method": "GET"}, id="get"),
        pytest.param(b"", {"method": "GET"}, id="get with an empty body"),
        pytest.param(b"x" * AT_ONCE, {"headers": JSON}, id="as long as goes at once"),
        pytest.param(b"x" * (AT_ONCE + 1), {"headers": JSON}, id="longer"),
        pytest.param(b"x" * 4_000_000, {"headers": JSON}, id="longer than a socket takes"),
        pytest.param("text", {"headers": JSON}, id="not bytes"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_what_is_sent_is_what_aiohttp_sends(body: Any, settings: Mapping[str, Any]) -> None:
    async with serving(short_answer) as server:
        theirs = await sent(server, aiohttp.ClientRequest, body, **settings)
        assert await sent(server, Outgoing, body, **settings) == theirs


async def test_a_file_goes_aiohttps_way() -> None:
    async with serving(short_answer) as server:
        line, headers, body = await sent(server, Outgoing, io.BytesIO(SMALL), headers=JSON)
        assert (line, body) == ("POST /v1/a%20b?c=%C3%A9 HTTP/1.1", SMALL)
        assert headers["content-length"] == str(len(SMALL))


async def test_head_and_body_are_one_write_and_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    written: list[bytes] = []
    warm = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(length=2))
        await warm.wait()
        await connection.send(b"ok")
        await short_answer(connection)

    def make(loop: asyncio.AbstractEventLoop, work: Any, **settings: Any) -> asyncio.Task[Any]:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **settings)

    async with serving(script) as server, aiohttp.ClientSession(request_class=Outgoing) as session:
        async with session.post(server.url, data=SMALL) as answer:
            kept: Any = answer.connection and answer.connection.transport
            warm.set()
            await answer.read()
        write = kept.write

        def note(piece: bytes) -> None:
            written.append(bytes(piece))
            write(piece)

        monkeypatch.setattr(kept, "write", note)
        asyncio.get_running_loop().set_task_factory(make)
        try:
            async with session.post(server.url, data=SMALL) as answer:
                assert await answer.read() == b"ok"
        finally:
            asyncio.get_running_loop().set_task_factory(None)
        assert len(server.connections) == 1
    assert made == []
    (piece,) = written
    assert piece.startswith(b"POST ")
    assert piece.endswith(b"\r\n\r\n" + SMALL)


async def test_a_server_may_ask_for_the_head_alone_first() -> None:
    order: list[str] = []

    async def careful(connection: Connection) -> None:
        lines = await connection.reader.readuntil(b"\r\n\r\n")
        order.append("head")
        assert b"100-continue" in lines
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        order.append((await connection.reader.readexactly(len(SMALL))).decode())
        await connection.send(head(length=2), b"ok")

    async with (
        serving(careful) as server,
        aiohttp.ClientSession(request_class=Outgoing) as session,
        session.post(server.url, data=SMALL, expect100=True) as answer,
    ):
        assert await answer.read() == b"ok"
    assert order == ["head", SMALL.decode()]


async def test_a_proxy_is_told_the_whole_address() -> None:
    async with serving(short_answer) as proxy:
        async with (
            aiohttp.ClientSession(request_class=Outgoing) as session,
            session.post("http://some.example/path", data=SMALL, proxy=proxy.url) as answer,
        ):
            assert await answer.read() == b"ok"
        ((line, _, body),) = proxy.requests
    assert (line, body) == ("POST http://some.example/path HTTP/1.1", SMALL)


async def test_the_installed_aiohttp_is_one_that_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(outgoing.rehearsed, "aiohttp", raising=False)
    assert request_class() is Outgoing
    monkeypatch.setattr(outgoing, "rehearse", None)  # once is enough
    assert request_class() is Outgoing


async def nothing(writer: StreamWriter, chunk: bytes) -> None:
    """Write nothing at all."""


async def head_first(writer: StreamWriter, chunk: bytes) -> None:
    """Two writes."""
    writer.send_headers()
    await writer.write(chunk)


async def in_chunks(writer: StreamWriter, chunk: bytes) -> None:
    """Another body than was asked for."""
    writer.enable_chunking()
    await writer.write(chunk)


async def later(writer: StreamWriter, chunk: bytes) -> None:
    """Wait for something."""
    await asyncio.Event().wait()


async def break_off(writer: StreamWriter, chunk: bytes) -> None:
    """Raise what nobody expects."""
    raise AttributeError("no such part")


@pytest.mark.parametrize("write_eof", [nothing, head_first, in_chunks, later, break_off])
async def test_another_aiohttp_sends_by_itself(monkeypatch: pytest.MonkeyPatch, write_eof: Any) -> None:
    monkeypatch.delitem(outgoing.rehearsed, "aiohttp", raising=False)
    monkeypatch.setattr(StreamWriter, "write_eof", write_eof)
    assert request_class() is aiohttp.ClientRequest


@pytest.mark.parametrize("fits", [True, False])
async def test_what_a_pipeline_asks_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch, fits: bool) -> None:
    monkeypatch.setitem(outgoing.rehearsed, "aiohttp", fits)
    long = CompletionRequest(model="some-model", messages="Hello " * AT_ONCE)

    async def script(connection: Connection) -> None:
        while True:
            await connection.answer(FINISH, DONE)

    async with serving(script) as server, Http() as http:
        for request in (ASK, long, ASK):
            await asking(server, http).stream(request)
        assert len(server.connections) == 1
        for request, (line, headers, body) in zip((ASK, long, ASK), server.requests, strict=True):
            assert line == "POST /v1/chat/completions HTTP/1.1"
            assert headers["authorization"] == f"Bearer {KEY}"
            assert json.loads(body)["messages"] == [{"role": "user", "content": request.turns[0].text}]


async def test_an_answer_that_is_not_waited_for_closes_the_connection() -> None:
    asked = asyncio.Event()

    async def silent(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await connection.gone()

    async with serving(silent) as server, aiohttp.ClientSession(request_class=Outgoing) as session:
        asking = asyncio.ensure_future(session.post(server.url, data=SMALL))
        await asked.wait()
        asking.cancel()
        await server.connections[0].hung_up()
        assert asking.cancelled()
