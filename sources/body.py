"""The body of an answer, at most 16 KiB at a time, as fast as it is wanted and no faster."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Final, TypeAlias

import aiohttp

from ..streams.call import Call
from ..streams.errors import StreamError
from .connections import READ_SIZE, fail_when_closed
from .idle import Idle
from .inflate import inflate
from .pump import Pump
from .pushed import Flow, fits, kept_back

__all__ = ["error_body", "read_body"]

MAX_ERROR_BYTES: Final = 64 << 10
ERROR_BODY_SECONDS: Final = 10.0
END_SECONDS: Final = 0.05
Inflate: TypeAlias = Callable[[bytes], Iterator[bytes]]


async def read_body(response: aiohttp.ClientResponse, call: Call, pump: Pump[bytes], read_timeout: float) -> None:
    """Push the body until it ends or nobody wants more of it; all that came before an error is pushed before it.

    Raises:
        StreamError: When no byte comes in time, or the bytes cannot be what they say they are.
        aiohttp.ClientError: When the connection breaks off.
    """
    reading = Reading(response, call, pump, read_timeout, inflate(response.headers.get("content-encoding", "")))
    forget = fail_when_closed(response)
    try:
        await reading.run()
    finally:
        reading.idle.stop()
        forget()
    if call.ended and not response.content.is_eof():
        await see_the_end(response.content)


class Reading:
    """A body being read: pushed from the transport while that is all there is to do, else pulled piece by piece.

    What a server has compressed is always pulled: much may come out of a little.
    """

    __slots__ = ("_call", "_content", "_flow", "_pieces", "_pump", "_response", "_taken", "idle")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        call: Call,
        pump: Pump[bytes],
        read_timeout: float,
        pieces: Inflate | None,
    ) -> None:
        self._response = response
        self._content = response.content
        self._call = call
        self._pump = pump
        self._pieces = pieces
        self._taken = 0
        self.idle = Idle(read_timeout, self._fail)
        self._flow: Flow | None = None

    async def run(self) -> None:
        """Push all of it, or as much as is wanted."""
        if self._pieces is None and self._response.connection is not None and await fits(self._content):
            self._flow = Flow(self._response, self._call, self._pump, self.idle)
        more = True
        while more:
            if not self._call.demand.is_open:
                await self._pause()
            self.idle.since = monotonic()
            flow = self._flow
            if flow is not None and flow.rest:
                more = await self._push(flow.next_piece())
            elif flow is not None and flow.is_open and self._is_drained:
                await flow.run()
                more = self._pump.wanted
            else:
                more = await self._pull()

    async def _pull(self) -> bool:
        try:
            chunk = await self._content.read(READ_SIZE)
        except Exception:
            chunk = kept_back(self._content)
            if not chunk:
                raise
        self._taken += len(chunk)
        return await self._push(chunk) if chunk else False

    async def _push(self, chunk: bytes) -> bool:
        self._call.received_bytes += len(chunk)
        if self._pieces is None:
            return self._pump.push(chunk)
        for piece in self._pieces(chunk):
            if not self._pump.push(piece):
                return False
            if not self._call.demand.is_open:
                await self._pause()
            elif len(piece) == READ_SIZE:
                await asyncio.sleep(0)  # let others have their turn
        return True

    @property
    def _has_unread(self) -> bool:
        return self._content.total_bytes > self._taken

    @property
    def _is_drained(self) -> bool:
        """Whether there is nothing to do but to wait for more."""
        content = self._content
        return not (self._has_unread or content.is_eof() or content.exception() is not None)

    async def _pause(self) -> None:
        """Leave the socket alone until the consumer wants more: not even its breaking off is seen before."""
        connection = None if self._content.is_eof() else self._response.connection
        transport = None if connection is None else connection.transport
        if transport is not None:
            transport.pause_reading()
        self.idle.since = math.inf
        await self._call.demand.ready()
        # With bytes still in its buffer, aiohttp resumes by itself when the next read has emptied it.
        if transport is not None and not transport.is_closing() and not self._has_unread:
            transport.resume_reading()

    def _fail(self, error: StreamError) -> None:
        self._content.set_exception(error)
        if self._flow is not None:
            self._flow.leave()


async def see_the_end(content: aiohttp.StreamReader) -> None:
    """After the last token, give the connection a moment to end its answer: then it can be used again."""
    with suppress(TimeoutError, aiohttp.ClientError, StreamError, OSError):
        async with asyncio.timeout(END_SECONDS):
            while await content.read(READ_SIZE):
                pass


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
