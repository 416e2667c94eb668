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
from .connections import READ_SIZE, closed_early, closing, look_away, look_away_later
from .inflate import inflate
from .pump import Pump
from .pushed import Flow, fits, kept_back

__all__ = ["Reading", "error_body", "see_the_end"]

MAX_ERROR_BYTES: Final = 64 << 10
ERROR_BODY_SECONDS: Final = 10.0
END_SECONDS: Final = 0.05
Inflate: TypeAlias = Callable[[bytes], Iterator[bytes]]


class Reading(Flow):
    """A body being read: pushed from the transport while that is all there is to do, else pulled piece by piece.

    What a server has compressed is always pulled: much may come out of a little. One object for all of it, since
    with a thousand streams that take turns each object is one more to fetch.
    """

    __slots__ = ("_closed", "_pieces", "_response", "_taken")

    def __init__(self, response: aiohttp.ClientResponse, call: Call, pump: Pump[bytes], read_timeout: float) -> None:
        super().__init__(response, call, pump, read_timeout)
        self._response = response
        self._pieces: Inflate | None = None
        self._taken = 0
        self._closed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Push the body until it ends or nobody wants more of it; what came before an error is pushed before it.

        Raises:
            StreamError: When no byte comes in time, or the bytes cannot be what they say they are.
            aiohttp.ClientError: When the connection breaks off.
        """
        try:
            self._pieces = inflate(self._response.headers.get("content-encoding", ""))
            self._closed = closed = closing(self._response)
            if closed is not None:
                closed.add_done_callback(self._on_closed, context=self._pump.context)
            pushed, more = self._pieces is None and await fits(self._content), True
            while more:
                if not self._call.demand.is_open:
                    await self._pause()
                self.since = monotonic()
                if self.rest:
                    more = await self._push(self.next_piece())
                elif pushed and self.is_open and self._is_drained:
                    try:
                        await self.begin()
                    finally:
                        self.leave()
                    more = self._pump.wanted
                else:
                    more = await self._pull()
        finally:
            self.stop()
            if self._closed is not None:
                self._closed.remove_done_callback(self._on_closed)
                look_away_later(self._closed)
                self._closed = None

    def fail(self, error: StreamError) -> None:
        self._content.set_exception(error)
        self.leave()

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
        self.since = math.inf
        await self._call.demand.ready()
        # With bytes still in its buffer, aiohttp resumes by itself when the next read has emptied it.
        if transport is not None and not transport.is_closing() and not self._has_unread:
            transport.resume_reading()

    def _on_closed(self, closed: asyncio.Future[None]) -> None:
        look_away(closed)
        if not self._content.is_eof() and self._content.exception() is None:
            self._content.set_exception(closed_early(self._protocol))


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
