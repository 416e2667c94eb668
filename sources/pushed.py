"""A body that is pushed from the socket's own callback, with no task to wake for each read.

This is the one place that leans on aiohttp's insides, and only for speed. While a body flows, it stands between the
transport and aiohttp's protocol itself, and the response's reader is one that does nothing but gather: after each
read of the network, all that aiohttp's parser made of it goes on at once, in the context of its subscriber. A read
that is one whole chunk goes past the parser, once the reads before it have proved the parser to be between two. As
soon as there is anything else to do (nothing more is wanted, the body ends, the connection breaks), aiohttp has its
own again, and ``content.read`` goes on from there. Where :func:`.fits` says no, it is ``content.read`` all the way.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from time import monotonic
from typing import Any, Final

import aiohttp

from ..streams.call import Call
from .connections import READ_SIZE, Answer, closed_early
from .gathering import NOTHING, gather, give_back
from .pump import Pump
from .relay import BUFFER_SIZE, Relay

__all__ = ["Flow", "kept_back"]

MOST_DIGITS: Final = 6


def lone_chunk(read: bytes) -> bytes:
    """What is in the chunk of a chunked body that a read is, from its size to the line end after it; else nothing."""
    heads, start = heads_of(len(read))
    return read[start:-2] if read.startswith(heads) and read.endswith(b"\r\n") else b""


@lru_cache(maxsize=4096)  # most chunks are as long as others were
def heads_of(length: int) -> tuple[tuple[bytes, ...], int]:
    """What a read of this length begins with if it is one chunk, in small letters and in capitals; and where that ends.

    A server may write a size otherwise too, with zeros before it or an extension behind it: that is left to aiohttp.
    """
    for digits in range(1, MOST_DIGITS + 1):
        head = b"%x\r\n" % max(length - digits - 4, 0)
        if len(head) == digits + 2 and head[:1] != b"0":
            return (head, head.upper()), len(head)
    return (), 0


def kept_back(content: aiohttp.StreamReader) -> bytes:
    """What came before the connection broke off: aiohttp has it, and no public way to it once there is an error."""
    take: Any = getattr(content, "_read_nowait", None)
    return b"" if take is None else take(READ_SIZE)


class Flow(Relay):
    """One body on its way from the transport to the pump, whenever that is all there is to do.

    It is itself what the transport is given, since with a thousand streams that take turns each object is one more to
    fetch; a subclass that is :class:`.Buffered` too is for the transports of asyncio.

    Attributes:
        rest: What has come and must wait, since nothing more is wanted now.
        since: ``time.monotonic()`` of the last byte; infinite while nobody reads.
    """

    __slots__ = (
        "_attached",
        "_between",
        "_call",
        "_content",
        "_pump",
        "_transport",
        "_unproven",
        "rest",
        "since",
    )

    def __init__(self, response: Answer, call: Call, pump: Pump[bytes]) -> None:
        connection = response.connection
        self._content: Any = response.content
        self._transport: Any = None if connection is None else connection.transport
        self._protocol = None if connection is None else connection.protocol
        self._call = call
        self._pump = pump
        self._attached = self._between = False
        self._unproven = True
        self.rest = b""
        self.since = monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the connection can still bring anything."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_flowing(self) -> bool:
        """Whether it is pushed now, and no task is needed."""
        return self._attached

    def begin(self) -> None:
        """Push what comes until it has to wait, has ended or failed, or is not wanted any more: then :meth:`settle`.

        It must not begin while the reader holds anything unread, nor when there is no more to come.
        """
        self._attached = self._unproven = True
        gather(self._content)
        self._transport.set_protocol(self)
        self._pump.rest(self)

    @abstractmethod
    def settle(self) -> None:
        """It flows no more: see to what comes after."""

    @abstractmethod
    def close(self) -> None:
        """It is over."""

    def cancel(self) -> None:
        """The consumer has left."""
        self.detach()
        self.close()

    def next_piece(self) -> bytes:
        """The first of what must wait."""
        piece, self.rest = self.rest[:READ_SIZE], self.rest[READ_SIZE:]
        return piece

    def leave(self) -> None:
        """Let aiohttp have its own again, if it has not, and see to what comes after."""
        if self._attached:
            self.detach()
            self.settle()

    def lost(self) -> None:
        """aiohttp has been told that its connection is no more."""
        self._arrived(b"")  # where the end of the connection ends the answer
        if self._attached:
            self.break_off()
            self.leave()

    def break_off(self) -> None:
        """Nothing more will come: an answer that is not complete never will be."""
        content = self._content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(closed_early(self._protocol))

    def detach(self) -> None:
        """Let aiohttp have its own again."""
        if self._attached:
            self._attached = self._between = False
            give_back(self._content)
            if not self._transport.is_closing():  # one that is closing has us tell aiohttp so
                self._transport.set_protocol(self._protocol)

    def data_received(self, data: bytes) -> None:
        """Hand on a read that is one whole chunk of the body, if aiohttp's parser is between two and need not see it.

        A slow model's reads are such chunks, and the parser is half of what there is to fetch for one.
        """
        if self._between:
            piece = lone_chunk(data)
            if piece:
                self._hand_on(piece, ended=False)
                return
            self._between = False
        self._protocol.data_received(data)
        self._arrived(data)

    def _arrived(self, read: bytes) -> None:
        """aiohttp's parser has seen one more read: hand on what came of it."""
        if not self._attached:
            return
        content = self._content
        unproven = self._unproven and not content._eof
        if unproven:
            # A parser that was told to pause between two pieces does so after the next one, and needs another call.
            self._protocol.data_received(b"")
            self._unproven = not content._buffer
        pieces, ended = content._buffer, content._eof
        data = b""
        if pieces:
            lone = len(pieces) == 1
            data = pieces[0] if lone else b"".join(pieces)
            # It gave what is in the chunk that the read is: so it saw that chunk begin, and has seen it end.
            self._between = lone and not (unproven or ended) and lone_chunk(read) == data
            if self._between:
                content._buffer = NOTHING
            else:
                pieces.clear()
        if ended:
            self.detach()  # the connection may have a new user before this one's observer has returned
        self._hand_on(data, ended=ended)

    def _hand_on(self, data: bytes, *, ended: bool) -> None:
        wanted = True
        if data:
            pump = self._pump
            try:
                if len(data) <= BUFFER_SIZE:
                    self._call.received_bytes += len(data)
                    wanted = pump.context.run(pump.push, data)
                else:
                    wanted = pump.context.run(self._push_in_parts, data)
            except BaseException as error:  # what ends a program, or a task: other errors stop at the pump
                self._end_with(error)
                return
            self.since = monotonic()
        if ended:
            self.settle()
        elif not wanted or self.rest or ((demand := self._call.counted) is not None and not demand.is_open):
            self.leave()

    def _push_in_parts(self, data: bytes) -> bool:
        call, push = self._call, self._pump.push
        for start in range(0, len(data), BUFFER_SIZE):
            if start and call.counted is not None and not call.counted.is_open:
                self.rest = data[start:]
                break
            piece = data[start : start + BUFFER_SIZE]
            call.received_bytes += len(piece)
            if not push(piece):
                return False
        return True

    def _end_with(self, error: BaseException) -> None:
        self.detach()

        async def end(pump: Pump[bytes]) -> Exception | None:
            pump.rest(None)
            try:
                raise error
            finally:
                self.close()

        self._pump.go_on(end)
