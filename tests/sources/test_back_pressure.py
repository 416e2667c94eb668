"""A reader that stops makes the server stop; what waits in between is bounded, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from itertools import count

import pytest

from tests.server import Connection, chunk, client_tls, head, last_chunk, server_tls, serving
from tests.sources.asking import ASK, DONE, FINISH, asking, collect, event, texts
from tokenrill import ConnectionLost, Demand, Http, StreamToken, TextDelta
from tokenrill.sources.connections import READ_SIZE
from tokenrill.sources.relay import BUFFER_SIZE

KERNEL = 24 << 20  # more than Linux gives both ends of a loopback connection by default


async def levelled_off(connection: Connection) -> int:
    """How much the server had sent when it could send no more."""
    before, sent = -1, connection.sent
    while sent > before:
        await asyncio.sleep(0.1)
        before, sent = sent, connection.sent
    return sent


async def test_a_reader_that_stops_makes_the_server_stop() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        for number in count():
            await connection.send(chunk(event(f"{number:08d} " + "x" * 16_000)))

    async with serving(script) as server:
        pipeline = asking(server)
        async with pipeline.open(ASK, high=16) as reader:
            for _ in range(10):
                await anext(reader)
            stopped_at = await levelled_off(server.connections[0])
            assert stopped_at < KERNEL
            await asyncio.sleep(0.3)
            assert server.connections[0].sent == stopped_at
            assert reader.demand.level <= 16 + 2
            for _ in range(2000):
                await anext(reader)
            assert await levelled_off(server.connections[0]) > stopped_at
        await pipeline.aclose()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("high", [1, 64, 256])
async def test_what_waits_never_exceeds_the_published_bound(high: int, packed: bool) -> None:
    total, one = 20_000, event("x")

    async def script(connection: Connection) -> None:
        await connection.request()
        body = one * total + FINISH + DONE
        wire = gzip.compress(body) if packed else body
        await connection.send(head(length=len(wire), content_encoding="gzip" if packed else "identity"), wire)
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        most = received = 0
        async with pipeline.open(ASK, high=high) as reader:
            async for token in reader:
                most = max(most, reader.demand.level)
                received += isinstance(token, TextDelta)
                if received % 1000 == 0:
                    await asyncio.sleep(0)
                    most = max(most, reader.demand.level)
        await pipeline.aclose()
    assert received == total
    assert most < high + BUFFER_SIZE // len(one) + 3  # an event begun in the read before, and Usage beside Finish


async def test_everything_arrives_in_order_however_often_the_reader_stops() -> None:
    total = 3000

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        for number in range(total):
            await connection.send(chunk(event(f"{number} " + "x" * 5000)))
        await connection.send(chunk(FINISH), chunk(DONE), last_chunk)
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        tokens: list[StreamToken] = []
        async with pipeline.open(ASK, high=8, low=2) as reader:
            async for token in reader:
                tokens.append(token)
                if len(tokens) % 500 == 0:
                    await asyncio.sleep(0.05)
        await pipeline.aclose()
    assert [int(text.split()[0]) for text in texts(tokens)] == list(range(total))


async def test_a_paused_stream_whose_connection_breaks_gives_what_had_come_then_the_error() -> None:
    """The socket is left alone while paused, so the break is seen after the tokens that came before it."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), *(chunk(event(str(number))) for number in range(1000)))

    async with serving(script) as server:
        pipeline = asking(server)
        tokens: list[StreamToken] = []

        async def read() -> None:
            async for token in pipeline.open(ASK, high=4, low=0):
                if not tokens:
                    await asyncio.sleep(0.1)
                tokens.append(token)

        with pytest.raises(ConnectionLost, match="broke off"):
            await read()
        assert texts(tokens) == [str(number) for number in range(1000)]
        await pipeline.aclose()


async def test_one_demand_can_hold_two_streams() -> None:
    async with serving(lambda connection: connection.answer(*[event("x")] * 500, FINISH, DONE)) as server:
        pipeline = asking(server)
        demand = Demand(high=10, low=0)
        done, count = asyncio.Event(), 0

        def on_next(_: StreamToken) -> None:
            demand.buffered()

        def on_completed() -> None:
            nonlocal count
            count += 1
            if count == 2:
                done.set()

        for _ in range(2):
            pipeline.stream(ASK, demand).subscribe(on_next, on_completed=on_completed)
        while not done.is_set():
            demand.taken(demand.level)
            await asyncio.wait({asyncio.ensure_future(done.wait())}, timeout=0.01)
        await pipeline.aclose()


async def test_much_that_comes_out_of_a_little_lets_others_have_their_turn() -> None:
    """Six MiB of comments in a few KiB: seconds of work, in one read."""
    wire = gzip.compress(b": x\n\n" * 1_200_000 + event("x") + FINISH + DONE)
    assert len(wire) < READ_SIZE

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(length=len(wire), content_encoding="gzip"), wire)
        await connection.gone()

    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with serving(script) as server:
        pipeline = asking(server)
        async with pipeline.open(ASK) as reader:
            opened = asyncio.ensure_future(anext(reader))
            counting = asyncio.create_task(count_turns())
            await opened
            counting.cancel()
        await pipeline.aclose()
    assert turns > 6 * 64 // 2  # a turn for every 16 KiB, give or take


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("size", [1, 20, 700])
async def test_a_fast_answer_behind_a_head_that_comes_alone_is_read_whole(size: int, tls: bool) -> None:
    """The consumer stops it again and again, wherever a chunk of the answer has just begun."""
    part, times = event("x") * size, 12_000 // size

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        await asyncio.sleep(0.05)
        await connection.send(chunk(part) * times + chunk(FINISH + DONE) + last_chunk)
        await connection.gone()  # asyncio's TLS loses what a paused reader has not seen when the other side ends

    async with serving(script, tls=server_tls() if tls else None) as server:
        pipeline = asking(server, Http(ssl_context=client_tls()))
        async with asyncio.timeout(60), pipeline.open(ASK, high=64) as reader:
            assert texts([token async for token in reader]) == ["x"] * size * times
        await pipeline.aclose()


async def test_a_chunk_whose_end_comes_by_itself_leaves_the_connection_to_be_used_again() -> None:
    whole = chunk(event("Hi") + FINISH + DONE)

    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(head())
            await asyncio.sleep(0.02)
            await connection.send(whole[:-2])
            await asyncio.sleep(0.01)
            await connection.send(whole[-2:] + last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        for _ in range(3):
            assert await collect(pipeline) == ["Hi"]
            await asyncio.sleep(0.02)
        assert len(server.connections) == 1
        await pipeline.aclose()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_a_pool_that_is_closed_while_nobody_reads_ends_the_stream_with_an_error_of_ours(packed: bool) -> None:
    body = event("x") * 20

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(content_encoding="gzip") if packed else head())
        machine = zlib.compressobj(wbits=31)
        await asyncio.sleep(0.02)
        await connection.send(chunk(machine.compress(body) + machine.flush(zlib.Z_SYNC_FLUSH) if packed else body))
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        async with asyncio.timeout(30), pipeline.open(ASK, high=4, low=0) as reader:
            await anext(reader)
            await asyncio.sleep(0.1)
            await pipeline.aclose()
            await asyncio.sleep(0.05)
            with pytest.raises(ConnectionLost):
                [token async for token in reader]
