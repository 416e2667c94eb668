"""The body pushed from the transport: what only that way promises, and the check that it can be had at all."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from typing import Any

import aiohttp
import pytest
from aiohttp.streams import EMPTY_PAYLOAD
from reactivex import operators as ops

from tests.server import Connection, chunk, client_tls, head, last_chunk, server_tls, serving
from tests.sources.asking import ASK, DONE, FINISH, KEY, WHOLE, asking, collect, event, texts
from tokenrill import Call, Http, StreamToken, TextDelta, openai
from tokenrill.sources import gathering
from tokenrill.sources.connections import FORGOTTEN, READ_SIZE, Answer
from tokenrill.sources.relay import BUFFER_SIZE

SPOKEN_FOR: ContextVar[str] = ContextVar("spoken_for")


def reader() -> aiohttp.StreamReader:
    protocol: Any = None
    return aiohttp.StreamReader(protocol, READ_SIZE, loop=asyncio.get_running_loop())


async def test_the_installed_aiohttp_lets_a_body_be_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(gathering.rehearsed, "aiohttp", raising=False)
    assert await gathering.fits(reader())
    assert not await gathering.fits(EMPTY_PAYLOAD)


@pytest.mark.parametrize("change", ["feed_data", "_buffer"])
async def test_another_aiohttp_is_left_alone(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """As if the parser called other methods, or the reader kept its pieces elsewhere."""
    monkeypatch.delitem(gathering.rehearsed, "aiohttp", raising=False)
    if change == "feed_data":
        monkeypatch.delattr(gathering.Gathering, "feed_data")
    else:
        monkeypatch.setattr(gathering.Gathering, "_buffer", property(lambda _: []), raising=False)
    assert not await gathering.fits(reader())


async def pieces_of(*writes: bytes, tls: bool = False) -> list[bytes]:
    """A body, as its observer gets it; each write is a read of its own."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        for write in writes:
            await asyncio.sleep(0.05)
            await connection.send(write)
        await connection.send(last_chunk)

    async with serving(script, tls=server_tls() if tls else None) as server:
        provider = openai(api_key=KEY, base_url=server.url, http=Http(ssl_context=client_tls()))
        call = Call("openai", ASK)
        pieces: list[bytes] = await provider.body(call).pipe(ops.to_list())
        assert call.received_bytes == sum(map(len, pieces))
        await provider.aclose()
        return pieces


@pytest.mark.parametrize("tls", [False, True])
async def test_what_comes_in_one_read_goes_on_as_one_piece(tls: bool) -> None:
    first = [b"%d" % number for number in range(50)]
    assert await pieces_of(b"".join(map(chunk, first)), chunk(b"alone"), tls=tls) == [b"".join(first), b"alone"]


async def test_a_big_read_goes_on_in_slices() -> None:
    body = b"".join(b"%07d" % number for number in range(30_000))
    pieces = await pieces_of(chunk(body))
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= BUFFER_SIZE


async def test_a_token_is_handed_on_in_its_subscribers_context_without_a_task() -> None:
    """Also on a connection that was opened in somebody else's."""
    seen: list[tuple[str, bool]] = []

    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(head())
            await asyncio.sleep(0.02)
            await connection.send(*map(chunk, WHOLE), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        for name in ("first", "second"):
            ended = asyncio.Event()
            SPOKEN_FOR.set(name)

            def on_next(_: StreamToken) -> None:
                seen.append((SPOKEN_FOR.get(), asyncio.current_task() is None))
                SPOKEN_FOR.set(SPOKEN_FOR.get().rstrip("!") + "!")

            def on_completed(ended: asyncio.Event = ended) -> None:
                seen.append((SPOKEN_FOR.get(), False))
                ended.set()

            pipeline.stream(ASK).subscribe(on_next, on_completed=on_completed)
            await asyncio.wait_for(ended.wait(), 30)
            assert SPOKEN_FOR.get() == name
        assert len(server.connections) == 1
        await pipeline.aclose()
    expected = [("first", True), *[("first!", True)] * 4, ("first!", False)]
    assert seen == expected + [(name.replace("first", "second"), free) for name, free in expected]


async def test_a_body_that_flows_keeps_neither_a_task_nor_the_head() -> None:
    spoken, looked = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        await asyncio.sleep(0.02)
        await connection.send(chunk(event("Hi")))
        await looked.wait()
        await connection.send(*map(chunk, (FINISH, DONE)), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        ended = asyncio.Event()
        pipeline.stream(ASK).subscribe(lambda _: spoken.set(), on_completed=ended.set)
        await asyncio.wait_for(spoken.wait(), 30)
        assert [task for task in asyncio.all_tasks() if task.get_name() == "tokenrill stream"] == []
        [answer] = [found for found in gc.get_objects() if type(found) is Answer and found.connection is not None]
        assert [getattr(answer, name) for name in FORGOTTEN] == [None] * len(FORGOTTEN)
        looked.set()
        await asyncio.wait_for(ended.wait(), 30)
        assert len(server.connections) == 1
        await pipeline.aclose()


async def test_a_parser_that_was_told_to_pause_gives_all_that_it_has() -> None:
    """aiohttp pauses its parser at the 1025th small chunk, and the parser remembers until the next piece."""
    body = b":".ljust(1025 - len(event("Hel")) - 2, b"x") + b"\n\n" + event("Hel")
    heard_first = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head() + b"".join(chunk(body[at : at + 1]) for at in range(len(body))))
        await heard_first.wait()
        await asyncio.sleep(0.02)
        await connection.send(chunk(event("one")) + chunk(event("two")))
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        heard: list[str] = []
        async with asyncio.timeout(30), pipeline.open(ASK) as tokens:
            async for token in tokens:
                heard += texts([token])
                if heard:
                    heard_first.set()
                if heard[-1:] == ["two"]:
                    break
        assert heard == ["Hel", "one", "two"]
        await pipeline.aclose()


async def test_streams_that_share_a_buffer_do_not_mix() -> None:
    async def script(connection: Connection) -> None:
        _, _, body = await connection.request()
        name = "xyz"[len(body) % 3]
        await connection.send(head())
        for _ in range(20):
            await connection.send(chunk(event(name * 1000)))
            await asyncio.sleep(0)
        await connection.send(*map(chunk, (event(name), FINISH, DONE)), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        for heard in await asyncio.gather(*[collect(pipeline) for _ in range(30)]):
            assert len(set("".join(heard))) == 1
            assert len("".join(heard)) == 20_001
        await pipeline.aclose()


async def test_what_ends_a_program_ends_it_from_inside_a_read_too() -> None:
    class Enough(BaseException):
        pass

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        await asyncio.sleep(0.02)
        await connection.send(chunk(event("Hi")))
        await connection.gone()

    ending: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()

    def look() -> None:
        ending.set_result(next(task for task in asyncio.all_tasks() if task.get_name() == "tokenrill stream"))

    def on_next(token: StreamToken) -> None:
        if isinstance(token, TextDelta):
            asyncio.get_running_loop().call_soon(look)
            raise Enough

    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    async with serving(script) as server:
        pipeline = asking(server)
        pipeline.stream(ASK).subscribe(on_next)
        task = await asyncio.wait_for(ending, 30)
        with pytest.raises(Enough):
            await task
        await server.connections[0].hung_up()
        await pipeline.aclose()
    assert contexts == []


async def test_nothing_of_ours_stays_with_a_connection_that_is_kept() -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(head())
            await asyncio.sleep(0.02)
            await connection.send(*map(chunk, WHOLE), last_chunk)

    async with serving(script) as server:
        http = Http()
        pipeline = asking(server, http)
        await collect(pipeline)
        session = await http._sessions.current()  # pyright: ignore[reportPrivateUsage]
        assert session.connector is not None
        kept: Any = session.connector
        [[(protocol, _)]] = kept._conns.values()
        assert protocol.transport.get_protocol() is protocol
        await pipeline.aclose()
