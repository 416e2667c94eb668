"""How a connection fails: before, while and after it is made."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from time import monotonic, sleep
from typing import Any

import pytest
import trustme

from tests.server import (
    Connection,
    chunk,
    client_tls,
    head,
    last_chunk,
    port_of_nobody,
    server_tls,
    serving,
)
from tests.sources.asking import (
    ASK,
    DONE,
    FINISH,
    WHOLE,
    asking,
    collect,
    event,
    failure,
    failure_of,
    texts,
)
from tokenrill import (
    CompletionRequest,
    ConnectError,
    ConnectionLost,
    Http,
    NameResolutionError,
    ProtocolError,
    StreamStalled,
    TlsError,
    TransportError,
)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-type: te",
        head(),
        head() + chunk(event("Hi")),
        head() + chunk(event("Hi"))[:-9],
        head(length=1000) + event("Hi"),
    ],
    ids=["nothing", "half a head", "head", "a chunk", "half a chunk", "half a length"],
)
async def test_a_connection_that_breaks_off_is_lost_and_can_be_tried_again(answer: bytes) -> None:
    error = await failure_of(answer, kind=ConnectionLost)
    assert error.retryable
    assert ((error.partial and error.partial.text) or "") == ("Hi" if answer.endswith((b"\n\n\r\n", b"}\n\n")) else "")


@pytest.mark.parametrize("sent", [b"", head(), head() + chunk(event("Hi"))])
async def test_a_reset_is_a_lost_connection(sent: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(sent)
        await asyncio.sleep(0.02)
        connection.reset()

    async with serving(script) as server:
        await failure(asking(server), ConnectionLost)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
    ],
    ids=["ssh", "endless header", "endless headers", "two lengths", "bad header"],
)
async def test_what_is_not_http_is_a_protocol_error(answer: bytes) -> None:
    error = await failure_of(answer, kind=ProtocolError)
    assert len(str(error)) < 300


async def test_what_came_in_one_read_with_a_broken_chunk_is_kept() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        await asyncio.sleep(0.05)
        await connection.send(chunk(event("Hi")) + b"zz\r\n")
        await connection.gone()

    async with serving(script) as server:
        error = await failure(asking(server))
        assert isinstance(error, TransportError | ProtocolError)
        partial: Any = error.partial
        assert partial.text == "Hi"


async def test_nobody_at_the_port_is_a_connect_error() -> None:
    port = port_of_nobody()
    error = await failure(asking(f"http://127.0.0.1:{port}"), ConnectError)
    assert type(error) is ConnectError
    assert str(error) == f"cannot connect to 127.0.0.1:{port}: Connection refused"
    assert error.retryable


async def test_a_name_without_an_address_is_a_name_resolution_error() -> None:
    error = await failure(asking("https://no-such-host.invalid/v1"), NameResolutionError)
    assert "no-such-host.invalid" in str(error)


@pytest.mark.parametrize("names", [("other.example",), ()])
async def test_a_certificate_that_is_not_accepted_is_a_tls_error(names: tuple[str, ...]) -> None:
    context = client_tls() if names else ssl.create_default_context(cadata=trustme.CA().cert_pem.bytes().decode())
    async with serving(lambda connection: connection.answer(*WHOLE), tls=server_tls(*names)) as server:
        error = await failure(asking(server, ssl_context=context), TlsError)
        assert "localhost" in str(error)
        assert "certificate" in str(error) or "match" in str(error).lower()
        assert not error.retryable
        assert server.requests == []


async def test_certificates_are_checked_by_default() -> None:
    async with serving(lambda connection: connection.answer(*WHOLE), tls=server_tls()) as server:
        await failure(asking(server), TlsError)


async def test_a_server_that_speaks_no_tls_is_a_tls_error() -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(script) as server:
        await failure(asking(f"https://127.0.0.1:{server.port}"), TlsError)


async def test_old_tls_is_refused() -> None:
    context = server_tls()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    async with serving(lambda connection: connection.answer(*WHOLE), tls=context) as server:
        pipeline = asking(server, ssl_context=client_tls())
        assert await collect(pipeline) == ["Hel", "lo"]
        await pipeline.aclose()
    assert ssl.create_default_context().minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_handshake_that_stalls_ends_at_the_connect_timeout() -> None:
    async with serving(lambda connection: asyncio.sleep(60)) as server:
        started = monotonic()
        error = await failure(asking(f"https://127.0.0.1:{server.port}", connect_timeout=0.2), StreamStalled)
        assert (error.phase, error.limit) == ("connect", 0.2)
        assert 0.19 < monotonic() - started < 20  # the limit, and not for ever


@pytest.mark.parametrize("sent", [b"", head(), head() + chunk(event("Hi"))], ids=["nothing", "head", "a token"])
async def test_a_server_that_falls_silent_ends_at_the_read_timeout(sent: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(sent)
        await connection.gone()

    async with serving(script) as server:
        started = monotonic()
        error = await failure(asking(server, read_timeout=0.2), StreamStalled)
        assert (error.phase, error.limit, error.retryable) == ("idle", 0.2, True)
        assert 0.19 < monotonic() - started < 20
        await server.connections[0].hung_up()


async def test_a_server_that_stops_reading_a_long_prompt_ends_at_the_read_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    async with serving(script, limit=1024) as server:
        pipeline = asking(server, read_timeout=0.2)
        with pytest.raises(StreamStalled):
            await pipeline.stream(CompletionRequest(model="m", messages="x" * (32 << 20)))
        await pipeline.aclose()


async def test_bytes_that_keep_coming_keep_a_stream_alive() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        for _ in range(6):
            await asyncio.sleep(0.25)
            await connection.send(chunk(b": ping\n\n"))
        await connection.send(*map(chunk, WHOLE), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server, read_timeout=1.2)
        assert await collect(pipeline) == ["Hel", "lo"]
        await pipeline.aclose()


async def test_no_timeout_runs_while_the_reader_does_not_read() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), *(chunk(event(str(number))) for number in range(8)))
        await asyncio.sleep(0.5)
        await connection.send(chunk(FINISH), chunk(DONE), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server, read_timeout=0.2)
        async with pipeline.open(ASK, high=4, low=0) as reader:
            first = await anext(reader)
            await asyncio.sleep(0.6)  # three times the timeout, and the reader is the one that waits
            assert texts([first, *[token async for token in reader]]) == [str(number) for number in range(8)]
        await pipeline.aclose()


async def test_a_loop_that_was_held_up_does_not_count_as_a_servers_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(head() + chunk(event("Hel")))
                sleep(0.5)
                connection.sendall(b"".join(map(chunk, WHOLE[1:])) + last_chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        pipeline = asking(f"http://127.0.0.1:{listener.getsockname()[1]}", read_timeout=1.5)
        async with pipeline.open(ASK) as reader:
            first = await anext(reader)
            await asyncio.sleep(0)
            sleep(2)  # noqa: ASYNC251 - the server's bytes come in time, and the loop sees them late
            assert texts([first, *[token async for token in reader]]) == ["Hel", "lo"]
        thread.join()
        await pipeline.aclose()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_more_than_nothing(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds, more than 0"):
        Http(connect_timeout=seconds)
    with pytest.raises(ValueError, match="seconds, more than 0"):
        Http(read_timeout=seconds)
