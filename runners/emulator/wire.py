"""One connection's answer as bytes, with the ways to end it that no server should know."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from aiohttp import web

from .received import Received

__all__ = ["Wire", "forever", "send"]

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER, on, for 0 seconds: close() sends RST


class Wire:
    """The body of one answer, and the connection under it.

    Args:
        http: The request that is answered.
        call: Its record, kept up to date.
        now: The clock of the record.
        gzip: Compress the body, and flush after each write.
    """

    def __init__(self, http: web.Request, call: Received, now: Callable[[], float], *, gzip: bool = False) -> None:
        self._http = http
        self._call = call
        self._now = now
        self._gzip = zlib.compressobj(wbits=31) if gzip else None
        self._response = web.StreamResponse()

    async def open(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the headers."""
        self._response.set_status(status)
        if self._gzip is not None:
            self._response.headers["content-encoding"] = "gzip"
        self._response.headers.update(headers)
        await self._response.prepare(self._http)
        self._call.status = status

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self._gzip is not None:
            data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        await self._response.write(data)
        self._call.written += len(data)

    async def end(self) -> web.StreamResponse:
        """End the body as HTTP wants it."""
        tail = self._gzip.flush() if self._gzip is not None else b""
        await self._response.write_eof(tail)
        self._call.written += len(tail)
        return self._response

    async def close(self, last_words: bytes = b"") -> NoReturn:
        """Close the connection, whatever HTTP wants, and wait until aiohttp takes us off it."""
        transport = self._http.transport
        if transport is not None:
            self._call.end(self._now())
            transport.write(last_words)
            transport.close()
        await forever()

    async def reset(self) -> NoReturn:
        """Let the kernel send RST, after all that has been written so far."""
        transport = self._http.transport
        if transport is not None:
            # aiohttp has no public way to wait until all is written.
            while transport.get_write_buffer_size():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            self._call.end(self._now())
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            transport.abort()
        await forever()


async def send(
    http: web.Request, call: Received, status: int, headers: Mapping[str, str], body: bytes
) -> web.StreamResponse:
    """Answer with a body that is no stream."""
    call.status = status
    response = web.Response(status=status, headers=headers, body=body)
    await response.prepare(http)
    await response.write_eof()
    call.written = len(body)
    return response


async def forever() -> NoReturn:
    """Wait until cancelled: by the client who hangs up, or by the emulator that closes."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody has this future")
