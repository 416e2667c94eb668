"""Between a transport and its protocol: one buffer a thread, and everything is passed on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tokenrill.sources.relay import BUFFER_SIZE, BufferedRelay, PlainRelay, relay


class Told:
    """A protocol and a listener that write down what they are told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> None:
        self.calls.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("connection lost")

    def takes(self, read: bytes) -> bool:
        if read == b"taken":
            self.calls.append("taken")
        return read == b"taken"

    def arrived(self, read: bytes) -> None:
        self.calls.append("arrived")

    def lost(self) -> None:
        self.calls.append("lost")


def test_what_came_is_copied_before_anybody_else_reads() -> None:
    first, second = Told(), Told()
    one, other = BufferedRelay(first, first), BufferedRelay(second, second)
    one.get_buffer(-1)[:5] = b"hello"
    one.buffer_updated(5)
    other.get_buffer(100)[:3] = b"you"
    other.buffer_updated(3)
    assert first.calls == [b"hello", "arrived"]
    assert second.calls == [b"you", "arrived"]


def test_what_the_listener_takes_the_protocol_does_not_see() -> None:
    told = Told()
    plain, buffered = PlainRelay(told, told), BufferedRelay(told, told)
    plain.data_received(b"taken")
    buffered.get_buffer(-1)[:5] = b"taken"
    buffered.buffer_updated(5)
    plain.data_received(b"other")
    assert told.calls == ["taken", "taken", b"other", "arrived"]


def test_each_thread_reads_into_a_buffer_of_its_own() -> None:
    told = Told()
    relayed = BufferedRelay(told, told)
    here = relayed.get_buffer(-1)
    elsewhere = list[memoryview]()
    thread = threading.Thread(target=lambda: elsewhere.append(relayed.get_buffer(-1)))
    thread.start()
    thread.join()
    assert relayed.get_buffer(-1) is here
    assert elsewhere[0] is not here
    assert len(here) == len(elsewhere[0]) == BUFFER_SIZE


def test_the_end_is_told_to_the_protocol_and_then_to_the_listener() -> None:
    told = Told()
    relayed = PlainRelay(told, told)
    relayed.data_received(b"a")
    relayed.eof_received()
    relayed.connection_lost(None)
    assert told.calls == [b"a", "arrived", "eof", "connection lost", "lost"]


async def test_only_asyncios_own_transports_need_the_buffer() -> None:
    told = Told()

    class Foreign(asyncio.Transport):
        pass

    assert isinstance(relay(Foreign(), told, told), PlainRelay)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
        own = isinstance(relay(transport, told, told), BufferedRelay)
        transport.abort()
    assert own == type(transport).__module__.startswith("asyncio.")
