"""The body of an answer, at most a read of 80 KiB at a time, as fast as it is wanted and no faster."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeAlias

import aiohttp

from ..streams.call import Call
from ..streams.errors import StreamError
from .connections import READ_SIZE, Answer, closing, hang_up, look_away, look_away_later
from .gathering import fits
from .http_errors import presentable
from .inflate import inflate
from .pump import Pump
from .pushed import Flow, kept_back
from .relay import Buffered, takes_a_buffer

__all__ = ["Reading", "error_body", "see_the_end", "tell_closed"]

MAX_ERROR_BYTES: Final = 64 << 10
ERROR_BODY_SECONDS: Final = 10.0
END_SECONDS: Final = 0.05
BROKEN_OFF: Final = (TimeoutError, aiohttp.ClientError, StreamError, OSError)
Inflate: TypeAlias = Callable[[bytes], Iterator[bytes]]


class Reading(Flow):
    """A body being read: pushed from the transport while that is all there is to do, else pulled piece by piece.

    What a server has compressed is always pulled: much may come out of a little. A task is there only while there is
    something to wait for; it ends when the body flows, and there is another one when it no longer does.
    """

    __slots__ = ("_closed", "_pieces", "_response", "_secrets", "_taken", "before", "behind")

    def __init__(
        self,
        response: Answer,
        call: Call,
        pump: Pump[bytes],
        secrets: tuple[str, ...],
    ) -> None:
        super().__init__(response, call, pump)
        self._response = response
        self._pieces: Inflate | None = None
        self._secrets = secrets
        self._taken = 0
        self._closed: asyncio.Future[None] | None = None
        self.before: Any = None
        self.behind: Any = None
        response.silence.leave(response)
        response.silence.watch(self)

    @staticmethod
    def of(response: Answer, call: Call, pump: Pump[bytes], secrets: tuple[str, ...]) -> Reading:
        """What reads the body of this answer."""
        connection = response.connection
        kind = BufferedReading if connection is not None and takes_a_buffer(connection.transport) else Reading
        return kind(response, call, pump, secrets)

    async def run(self) -> None:
        """Push the body until it flows by itself, has ended, or nobody wants more of it.

        What came before an error is pushed before it.

        Raises:
            StreamError: When no byte comes in time, or the bytes cannot be what they say they are.
            aiohttp.ClientError: When the connection breaks off.
        """
        self._pieces = inflate(self._response.headers.get("content-encoding", ""))
        await self._read()

    def close(self) -> None:
        """It is over: nothing stays, and the connection only if all of the answer has come."""
        self._response.silence.leave(self)
        if self._closed is not None:
            self._closed.remove_done_callback(self._on_closed)
            look_away_later(self._closed)
            self._closed = None
        if hang_up(self._response):
            tell_closed(self._call, self._pump)

    def fail(self, error: StreamError) -> None:
        self._content.set_exception(error)
        self.leave()

    def settle(self) -> None:
        """It flows no more: all that can be done at once is done, and for the rest there is a task."""
        pump, content = self._pump, self._content
        failure = content.exception()
        over = failure is not None or content.is_eof()
        if (self.rest or not over) if pump.wanted else (self._call.ended and not over):
            pump.go_on(self._go_on)
            return
        self.close()
        if failure is not None:
            failure = presentable(failure, self._secrets)
        pump.context.run(pump.finish, failure)

    async def _go_on(self, pump: Pump[bytes]) -> Exception | None:
        pump.rest(None)
        try:
            await self._read()
        except Exception as error:
            return presentable(error, self._secrets)
        finally:
            if not self.is_flowing:
                self.close()
        return None

    async def _read(self) -> None:
        more = self._pump.wanted
        while more:
            if not self._is_wanted:
                await self._pause()
            self.since = monotonic()
            if self.rest:
                more = await self._push(self.next_piece())
            elif not self._is_drained:
                more = await self._pull()
            else:
                self._response.forget()  # what came with the head has gone on, and nobody asks for that any more
                if self._pieces is None and self.is_open and await fits(self._content):
                    self._taken = self._content.total_bytes  # the same number, but not another object
                    self.begin()
                    return
                self._watch_the_end()
                more = await self._pull()
        if self._call.ended and not self._content.is_eof():
            await see_the_end(self._content)

    async def _pull(self) -> bool:
        content = self._content
        try:
            chunk = content.read_nowait(READ_SIZE) if self._has_unread else await content.read(READ_SIZE)
        except Exception:
            chunk = kept_back(content)
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
            if not self._is_wanted:
                await self._pause()
            elif len(piece) == READ_SIZE:
                await asyncio.sleep(0)  # let others have their turn
        return True

    @property
    def _is_wanted(self) -> bool:
        demand = self._call.counted
        return demand is None or demand.is_open

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

    def _watch_the_end(self) -> None:
        """Before a wait that aiohttp may not end."""
        if self._closed is None:
            self._closed = closed = closing(self._response)
            if closed is None:
                self.break_off()  # it was closed before anybody could be told
            elif closed.done():
                self._on_closed(closed)
            else:
                closed.add_done_callback(self._on_closed, context=self._pump.context)

    def _on_closed(self, closed: asyncio.Future[None]) -> None:
        look_away(closed)
        self.break_off()


class BufferedReading(Buffered, Reading):
    """The same at a transport of asyncio's."""

    __slots__ = ()


def tell_closed(call: Call, pump: Pump[bytes]) -> None:
    """Have the call told that the connection is closed which its consumer has left, when it is."""
    if pump.left_at is not None and not call.ended:
        # The loop closes the socket at its next turn, and does this after it.
        asyncio.get_running_loop().call_soon(say_closed, call, pump.left_at)


def say_closed(call: Call, left_at: float) -> None:
    call.closed(monotonic() - left_at)


async def see_the_end(content: aiohttp.StreamReader) -> None:
    """After the last token, give the connection a moment to end its answer: then it can be used again."""
    with suppress(*BROKEN_OFF):
        async with asyncio.timeout(END_SECONDS):
            while await content.read(READ_SIZE):
                pass


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    """What the server says of its refusal: no more than 64 KiB, and no longer than 10 s."""
    body = bytearray()
    with suppress(*BROKEN_OFF):  # the status is what matters, and it is here
        pieces = inflate(response.headers.get("content-encoding", ""))
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            while len(body) < MAX_ERROR_BYTES and (chunk := await response.content.read(READ_SIZE)):
                for piece in (chunk,) if pieces is None else pieces(chunk):
                    body += piece
                    if len(body) >= MAX_ERROR_BYTES:
                        break
    return bytes(body[:MAX_ERROR_BYTES])
