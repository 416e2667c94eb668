"""A server for tests that says exactly which bytes it sends, when it stalls and how it breaks off.

A script is a coroutine over one :class:`Connection`; the server runs it for each connection it accepts::

    async def script(connection):
        await connection.request()
        await connection.send(head(), chunk(b"data: x\n\n"))
        await connection.gone()

    async with serving(script) as server:
        ...  # speak to server.url
        assert server.connections[0].closed_at
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from time import monotonic
from typing import Any, TypeAlias

import trustme

__all__ = [
    "Connection",
    "Script",
    "Server",
    "authority",
    "chunk",
    "client_tls",
    "head",
    "last_chunk",
    "port_of_nobody",
    "server_tls",
    "serving",
]

Script: TypeAlias = Callable[["Connection"], Awaitable[None]]


def head(
    status: int = 200, content_type: str | None = "text/event-stream", /, *, length: int | None = None, **more: str
) -> bytes:
    """A response's head: chunked, unless ``length`` says how long the body is; ``x_y="z"`` becomes ``x-y: z``."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


last_chunk = b"0\r\n\r\n"


class Connection:
    """One accepted connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.opened_at = monotonic()
        self.closed_at: float | None = None
        self.closed = asyncio.Event()
        self.sent = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def request(self) -> tuple[str, dict[str, str], bytes]:
        """Read one request: its first line, its headers, its body. Raises ``EOFError`` when none comes."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((lines[0], headers, body))
        return self.requests[-1]

    async def send(self, *pieces: bytes) -> None:
        """Send, and wait until the system has taken it."""
        for piece in pieces:
            self.writer.write(piece)
            self.sent += len(piece)
        await self.writer.drain()

    async def answer(self, *events: bytes) -> None:
        """Read a request, then send a whole stream with one chunk an event."""
        await self.request()
        await self.send(head(), *map(chunk, events), last_chunk)

    async def gone(self) -> float:
        """Wait until the client has closed the connection; the time at which it did, by ``time.monotonic``."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except (OSError, ssl.SSLError):
            pass
        return self.mark_closed()

    def mark_closed(self) -> float:
        """Note that the client has gone."""
        self.closed_at = self.closed_at or monotonic()
        self.closed.set()
        return self.closed_at

    async def hung_up(self) -> float:
        """For the test beside the script: the time at which the script saw the client go."""
        await asyncio.wait_for(self.closed.wait(), 30)
        return self.closed_at or 0.0

    def reset(self) -> None:
        """Break off with a TCP reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Server:
    """What a test may know: where the server is, and who came."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.scheme = scheme
        self.connections: list[Connection] = []
        self.arrived = asyncio.Event()

    @property
    def url(self) -> str:
        """An address that the certificate is good for."""
        return f"{self.scheme}://{'localhost' if self.scheme == 'https' else '127.0.0.1'}:{self.port}/v1"

    async def connection(self) -> Connection:
        """The first connection, as soon as there is one."""
        await self.arrived.wait()
        return self.connections[0]

    @property
    def requests(self) -> list[tuple[str, dict[str, str], bytes]]:
        """All requests, in the order of their connections."""
        return [request for connection in self.connections for request in connection.requests]


@asynccontextmanager
async def serving(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", limit: int = 1 << 16
) -> AsyncGenerator[Server]:
    """A server on a free port that runs ``script`` for each connection; leaving ends them all.

    A client that hangs up ends its script without a complaint; anything else a script raises, leaving raises.
    """
    tasks: set[asyncio.Task[None]] = set()
    failures: list[Exception] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        connection = Connection(reader, writer)
        server.connections.append(connection)
        server.arrived.set()
        try:
            await script(connection)
        except (EOFError, OSError):
            connection.mark_closed()
        except asyncio.CancelledError:
            pass  # the test is over
        except Exception as error:
            failures.append(error)
        finally:
            tasks.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    listener = await asyncio.start_server(run, host, 0, ssl=tls, limit=limit, backlog=1024)
    server = Server(listener.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in server.connections:
            # asyncio's fault: a transport that wrote the last of its buffer after it was closed has no loop any more.
            with suppress(AttributeError):
                connection.writer.transport.abort()
        await asyncio.sleep(0)
    if failures:
        raise failures[0]


@cache
def authority() -> trustme.CA:
    """A certificate authority that nobody but the tests trusts."""
    return trustme.CA()


def server_tls(*names: str) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = authority().issue_cert(*(names or ("localhost", "127.0.0.1")))
    certificate.configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    """The client's side: it trusts the tests' authority alone."""
    context = ssl.create_default_context(cadata=authority().cert_pem.bytes().decode())
    assert context.check_hostname
    return context


def port_of_nobody() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def text_of(events: bytes) -> str:
    """The text in a body of ``choices[].delta.content`` events, by the bluntest means."""
    return "".join(re.findall(r'"content":"([^"]*)"', events.decode()))
