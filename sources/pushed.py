"""A body that is pushed from the socket's own callback, with no task to wake for each read.

This is the one place that leans on aiohttp's insides, and only for speed. While a body flows, a relay stands between
the transport and aiohttp's protocol, and the response's reader is one that does nothing but gather: after each read of
the network, all that aiohttp's parser made of it goes on at once, in the context of its subscriber. As soon as there
is anything else to do (nothing more is wanted, the body ends, the connection breaks), aiohttp has its own again, and
``content.read`` goes on from there. Where :func:`fits` says no, it is ``content.read`` all the way.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

import aiohttp

from ..streams.call import Call
from .connections import READ_SIZE
from .idle import Idle
from .pump import Pump
from .relay import relay

__all__ = ["Flow", "fits", "kept_back"]

REHEARSAL: Final = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
    b"1\r\nb\r\n1\r\nc\r\n0\r\n\r\n",
)
rehearsed: dict[str, bool] = {}


class Gathering(aiohttp.StreamReader):
    """aiohttp's reader, made to keep what the parser gives it and to do nothing else about it."""

    __slots__ = ()

    def begin_http_chunk_receiving(self) -> None:
        """How the server cut its body does not matter."""

    def end_http_chunk_receiving(self) -> None:
        """How the server cut its body does not matter."""

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        self._buffer.append(data)
        return False  # there is no more where this came from


async def fits(content: aiohttp.StreamReader) -> bool:
    """Whether this aiohttp is still one whose readers can be made to gather: rehearsed once, with its own parser."""
    if "aiohttp" not in rehearsed:
        try:
            rehearsed["aiohttp"] = await rehearse()
        except Exception:  # whatever else it has become
            rehearsed["aiohttp"] = False
    return rehearsed["aiohttp"] and type(content) is aiohttp.StreamReader


async def rehearse() -> bool:
    from aiohttp.client_proto import ResponseHandler

    protocol = ResponseHandler(asyncio.get_running_loop())
    protocol.set_response_params(auto_decompress=False)
    protocol.data_received(REHEARSAL[0])
    _, content = await protocol.read()
    if content.read_nowait() != b"a":
        return False
    insides: Any = content
    insides.__class__ = Gathering
    protocol.data_received(REHEARSAL[1])
    gathered = list(insides._buffer)
    insides._buffer.clear()
    insides.__class__ = aiohttp.StreamReader
    ours = gathered == [b"b", b"c"] and content.total_bytes == 1
    return ours and content.at_eof() and await content.read() == b""


def kept_back(content: aiohttp.StreamReader) -> bytes:
    """What came before the connection broke off: aiohttp has it, and no public way to it once there is an error."""
    take: Any = getattr(content, "_read_nowait", None)
    return b"" if take is None else take(READ_SIZE)


class Flow(Idle):
    """One body on its way from the transport to the pump, whenever that is all there is to do.

    Attributes:
        rest: What has come and must wait, since nothing more is wanted now.
    """

    __slots__ = (
        "_attached",
        "_call",
        "_content",
        "_news",
        "_protocol",
        "_pump",
        "_transport",
        "_unproven",
        "rest",
    )

    def __init__(self, response: aiohttp.ClientResponse, call: Call, pump: Pump[bytes], read_timeout: float) -> None:
        super().__init__(read_timeout)
        connection = response.connection
        self._content: Any = response.content
        self._transport: Any = None if connection is None else connection.transport
        self._protocol: Any = None if connection is None else connection.protocol
        self._call = call
        self._pump = pump
        self._news: asyncio.Future[None] | None = None
        self._attached = False
        self._unproven = True
        self.rest = b""

    @property
    def is_open(self) -> bool:
        """Whether the connection can still bring anything."""
        return self._transport is not None and not self._transport.is_closing()

    def begin(self) -> asyncio.Future[None]:
        """Push what comes until it has to wait, has ended or failed, or is not wanted any more: then the answer is set.

        It must not begin while the reader holds anything unread, nor when there is no more to come. Whoever waits
        says :meth:`leave` when it has been set, and when it does not wait any longer.
        """
        self._news = news = asyncio.get_running_loop().create_future()
        self._attached = self._unproven = True
        self._content.__class__ = Gathering
        self._transport.set_protocol(relay(self._transport, self._protocol, self))
        return news

    def next_piece(self) -> bytes:
        """The first of what must wait."""
        piece, self.rest = self.rest[:READ_SIZE], self.rest[READ_SIZE:]
        return piece

    def leave(self, error: BaseException | None = None) -> None:
        """Let aiohttp have its own again, and let whoever runs this go on."""
        self._detach()
        news, self._news = self._news, None
        if news is None or news.done():
            return
        if error is None:
            news.set_result(None)
        else:
            news.set_exception(error)

    def _detach(self) -> None:
        if self._attached:
            self._attached = False
            self._content.__class__ = aiohttp.StreamReader
            if not self._transport.is_closing():  # one that is closing has the relay tell aiohttp so
                self._transport.set_protocol(self._protocol)

    def arrived(self) -> None:
        """aiohttp's parser has seen one more read: hand on what came of it."""
        if not self._attached:
            return
        content = self._content
        pieces, ended = content._buffer, content.is_eof()
        if self._unproven and not ended:
            # A parser that was told to pause between two pieces does so after the next one, and needs another call.
            self._protocol.data_received(b"")
            self._unproven, ended = not pieces, content.is_eof()
        data = b""
        if pieces:
            data = pieces.popleft() if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
        if ended:
            self._detach()  # the connection may have a new user before this one's observer has returned
        wanted = True
        if data:
            try:
                wanted = self._pump.context.run(self._hand_on, data)
            except BaseException as error:  # what ends a program, or a task: other errors stop at the pump
                self.leave(error)
                return
            self.since = monotonic()
        if ended or not wanted or not self._call.demand.is_open:
            self.leave()

    def _hand_on(self, data: bytes) -> bool:
        call, push = self._call, self._pump.push
        if len(data) <= READ_SIZE:
            call.received_bytes += len(data)
            return push(data)
        for start in range(0, len(data), READ_SIZE):
            if start and not call.demand.is_open:
                self.rest = data[start:]
                break
            piece = data[start : start + READ_SIZE]
            call.received_bytes += len(piece)
            if not push(piece):
                return False
        return True
