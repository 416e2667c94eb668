"""The body of an answer, read 16 KiB at a time, as fast as it is wanted and no faster."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final

import aiohttp

from ..streams.call import Call
from ..streams.demand import Demand
from ..streams.errors import StreamError, StreamStalled
from .connections import READ_SIZE, fail_when_closed
from .inflate import inflate
from .pump import Push

__all__ = ["error_body", "read_body"]

MAX_ERROR_BYTES: Final = 64 << 10
ERROR_BODY_SECONDS: Final = 10.0
FAREWELL_SECONDS: Final = 0.01
END_SECONDS: Final = 0.05


async def read_body(response: aiohttp.ClientResponse, call: Call, push: Push[bytes], read_timeout: float) -> None:
    """Push the body until it ends or nobody wants more of it; all that came before an error is pushed before it.

    Raises:
        StreamError: When no byte comes in time, or the bytes cannot be what they say they are.
        aiohttp.ClientError: When the connection breaks off.
    """
    pieces = inflate(response.headers.get("content-encoding", ""))
    content, demand = response.content, call.demand
    read, idle = content.read, Idle(content, read_timeout)
    forget = fail_when_closed(response)
    failure: Exception | None = None
    try:
        while True:
            try:
                chunk = await read(READ_SIZE)
            except Exception as error:
                failure, chunk = error, kept_back(content)
            if not chunk:
                break
            idle.taken += len(chunk)
            call.received_bytes += len(chunk)
            for piece in (chunk,) if pieces is None else pieces(chunk):
                if not push(piece):
                    if call.ended:
                        await see_the_end(content)
                    return
                if not demand.is_open:
                    await pause(response, demand, idle)
                elif piece is not chunk and len(piece) == READ_SIZE:
                    await asyncio.sleep(0)  # much may come out of a little: let others have their turn
            idle.since = monotonic()
    finally:
        idle.stop()
        forget()
    if failure is not None:
        raise failure


async def see_the_end(content: aiohttp.StreamReader) -> None:
    """After the last token, give the connection a moment to end its answer: then it can be used again."""
    with suppress(TimeoutError, aiohttp.ClientError, StreamError, OSError):
        async with asyncio.timeout(END_SECONDS):
            while await content.read(READ_SIZE):
                pass


class Idle:
    """Fail a body whose next byte does not come in time: one timer for all its reads, looked at when it rings."""

    __slots__ = ("_content", "_limit", "_timer", "since", "taken")

    def __init__(self, content: aiohttp.StreamReader, limit: float) -> None:
        self._content = content
        self._limit = limit
        self._timer = asyncio.get_running_loop().call_later(limit, self._look)
        self.since = monotonic()
        self.taken = 0

    @property
    def has_unread(self) -> bool:
        """Whether there are bytes that have come, and have not been read."""
        return self._content.total_bytes > self.taken

    def _look(self) -> None:
        left = self._limit if self.has_unread else self.since + self._limit - monotonic()
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(min(left, self._limit), self._look)
        else:
            self._content.set_exception(StreamStalled("idle", self._limit))

    def stop(self) -> None:
        """The body is done with."""
        self._timer.cancel()


async def pause(response: aiohttp.ClientResponse, demand: Demand, idle: Idle) -> None:
    """Leave the socket alone until the consumer wants more: not even its breaking off is seen before."""
    connection = None if response.content.is_eof() else response.connection
    protocol: Any = connection and connection.protocol
    if protocol is not None and protocol.is_connected():
        protocol.pause_reading()
    idle.since = math.inf
    await demand.ready()
    # With bytes still in its buffer, aiohttp resumes by itself when the next read has emptied it.
    if protocol is not None and protocol.is_connected() and not idle.has_unread:
        protocol.resume_reading()


async def farewell(content: aiohttp.StreamReader) -> None:
    """Whoever saw the end mark wants no more; the body's own end is often right behind, and keeps the connection."""
    with suppress(TimeoutError, aiohttp.ClientError, StreamError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await content.read(READ_SIZE)


def kept_back(content: aiohttp.StreamReader) -> bytes:
    """What came before the connection broke off: aiohttp has it, and no public way to it once there is an error."""
    take: Callable[[int], bytes] | None = getattr(content, "_read_nowait", None)
    return b"" if take is None else take(READ_SIZE)


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    """What the server says of its refusal: no more than 64 KiB, and no longer than 10 s."""
    body = bytearray()
    try:
        pieces = inflate(response.headers.get("content-encoding", ""))
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            while len(body) < MAX_ERROR_BYTES and (chunk := await response.content.read(READ_SIZE)):
                for piece in (chunk,) if pieces is None else pieces(chunk):
                    body += piece
                    if len(body) >= MAX_ERROR_BYTES:
                        break
    except (TimeoutError, aiohttp.ClientError, OSError, StreamError):
        pass  # the status is what matters, and it is here
    return bytes(body[:MAX_ERROR_BYTES])
