"""A protocol that stands in for another at a transport, and lets it see what it does not take itself."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Final

__all__ = ["BUFFER_SIZE", "Buffered", "Relay", "takes_a_buffer"]

BUFFER_SIZE: Final = 80 << 10


def takes_a_buffer(transport: asyncio.BaseTransport | None) -> bool:
    """Whether what stands in at this transport had better be :class:`Buffered`.

    A transport of asyncio's takes 256 KiB for each read and gives them back, which costs more than the read. Others,
    such as uvloop's, have a buffer of their own.
    """
    return type(transport).__module__.startswith("asyncio.")


class Relay(ABC):
    """Between a transport and its protocol, which is told everything but what is read.

    It is set as the transport's protocol by whoever makes it, and so is the other again.
    """

    __slots__ = ("_protocol",)

    _protocol: Any

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Here is one more read."""

    @abstractmethod
    def lost(self) -> None:
        """The protocol was told that its connection is no more."""

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self.lost()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


class Buffer(threading.local):
    """One for each thread that reads."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_SIZE))


buffer: Final = Buffer()


class Buffered(Relay, asyncio.BufferedProtocol):
    """One that reads into a buffer of all the streams of a thread: what came is copied before anybody else can read."""

    __slots__ = ()

    # Answers `buffer.view` whatever is asked for: a built-in costs less than a function, and it is asked at each read.
    get_buffer: Any = staticmethod(partial(getattr, buffer, "view"))

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(buffer.view[:nbytes].tobytes())
