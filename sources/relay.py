"""Between a transport and its protocol: the protocol is told everything, and somebody else when it has been."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final, Protocol

__all__ = ["relay"]

BUFFER_SIZE: Final = 64 << 10


class Listener(Protocol):
    """Whoever wants to know that the protocol was told."""

    def arrived(self) -> None:
        """It was given one more read."""

    def leave(self) -> None:
        """Its connection is lost."""


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
        self._protocol.data_received(data)
        self._listener.arrived()

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._listener.leave()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


class PlainRelay(Relay, asyncio.Protocol):
    """For transports that give bytes."""

    __slots__ = ()


class BufferedRelay(Relay, asyncio.BufferedProtocol):
    """For transports that read into a buffer and say so at once: what came is copied before anybody else can read."""

    __slots__ = ()

    def get_buffer(self, sizehint: int) -> memoryview:
        return buffer.view

    def buffer_updated(self, nbytes: int) -> None:
        self._protocol.data_received(bytes(buffer.view[:nbytes]))
        self._listener.arrived()


class Buffer(threading.local):
    """One for each thread that reads."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_SIZE))


buffer = Buffer()
