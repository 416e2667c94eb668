"""Between a transport and its protocol: one buffer a thread, and everything is passed on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tokenrill.sources.relay import BUFFER_SIZE, Buffered, Relay, takes_a_buffer


class Protocol:
    """Writes down what it is told."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> None:
        self.calls.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("connection lost")

    def pause_writing(self) -> None:
        self.calls.append("pause writing")

    def resume_writing(self) -> None:
        self.calls.append("resume writing")


class Plain(Relay):
    """Writes down what it reads and hands it on; both write to the same list."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self._protocol = Protocol(self.calls)

    def data_received(self, data: bytes) -> None:
        self.calls.append("read")
        self._protocol.data_received(data)

    def lost(self) -> None:
        self.calls.append("lost")


class Reading(Buffered, Plain):
    """The same, at a transport that reads into a buffer."""


def test_what_came_is_copied_before_anybody_else_reads() -> None:
    one, other = Reading(), Reading()
    one.get_buffer(-1)[:5] = b"hello"
    one.buffer_updated(5)
    other.get_buffer(100)[:3] = b"you"
    other.buffer_updated(3)
    assert one.calls == ["read", b"hello"]
    assert other.calls == ["read", b"you"]


def test_each_thread_reads_into_a_buffer_of_its_own() -> None:
    relayed = Reading()
    here = relayed.get_buffer(-1)
    elsewhere = list[memoryview]()
    thread = threading.Thread(target=lambda: elsewhere.append(relayed.get_buffer(-1)))
    thread.start()
    thread.join()
    assert relayed.get_buffer(-1) is here
    assert elsewhere[0] is not here
    assert len(here) == len(elsewhere[0]) == BUFFER_SIZE


def test_the_protocol_is_told_everything_and_the_end_before_we_are() -> None:
    relayed = Plain()
    relayed.pause_writing()
    relayed.resume_writing()
    relayed.eof_received()
    relayed.connection_lost(None)
    assert relayed.calls == ["pause writing", "resume writing", "eof", "connection lost", "lost"]


async def test_only_asyncios_own_transports_need_the_buffer() -> None:
    class Foreign(asyncio.Transport):
        pass

    assert not takes_a_buffer(Foreign())
    assert not takes_a_buffer(None)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
        own = takes_a_buffer(transport)
        transport.abort()
    assert own == type(transport).__module__.startswith("asyncio.")
