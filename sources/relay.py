"""Between a transport and its protocol: the protocol is told everything, and somebody else when it has been."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any, Final, Protocol

__all__ = ["BUFFER_SIZE", "relay"]

BUFFER_SIZE: Final = 80 << 10


class Listener(Protocol):
    """Whoever wants to know that the protocol was told."""

    def takes(self, read: bytes, /) -> bool:
        """Whether the protocol need not see this read, since it is done with."""
        ...

    def arrived(self, read: bytes, /) -> None:
        """It was given one more read."""

    def lost(self) -> None:
        """It was told that its connection is no more."""


def relay(transport: asyncio.BaseTransport, protocol: Any, listener: Listener) -> asyncio.BaseProtocol:
    """A protocol to give to ``transport`` in place of its own, which it goes on serving.

    A transport of asyncio's takes 256 KiB for each read and gives them back, which costs more than the read; here
    it reads into one buffer for all the streams of a thread. Others, such as uvloop's, have such a buffer.
    """
    if type(transport).__module__.startswith("asyncio."):
        return BufferedRelay(protocol, listener)
    return PlainRelay(protocol, listener)


class Relay:
    """What both relays share."""

    __slots__ = ("_listener", "_protocol")

    def __init__(self, protocol: Any, listener: Listener) -> None:
        self._protocol = protocol
        self._listener = listener

    def data_received(self, data: bytes) -> None:
        listener = self._listener
        if not listener.takes(data):
            self._protocol.data_received(data)
            listener.arrived(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._listener.lost()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


class PlainRelay(Relay, asyncio.Protocol):
    """For transports that give bytes."""

    __slots__ = ()


class Buffer(threading.local):
    """One for each thread that reads."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_SIZE))


buffer: Final = Buffer()


class BufferedRelay(Relay, asyncio.BufferedProtocol):
    """For transports that read into a buffer and say so at once: what came is copied before anybody else can read."""

    __slots__ = ()

    # Answers `buffer.view` whatever is asked for: a built-in costs less than a function, and it is asked at each read.
    get_buffer: Any = staticmethod(partial(getattr, buffer, "view"))

    def buffer_updated(self, nbytes: int) -> None:
        data, listener = bytes(buffer.view[:nbytes]), self._listener
        if not listener.takes(data):
            self._protocol.data_received(data)
            listener.arrived(data)
