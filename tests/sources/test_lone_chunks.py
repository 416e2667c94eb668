"""A read that is one whole chunk goes past aiohttp's parser: it brings what the parser would have made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from hypothesis import given, settings, strategies as st

from tokenrill import Call, CompletionRequest, Demand
from tokenrill.sources.pump import Pump
from tokenrill.sources.pushed import Flow, lone_chunk
from tokenrill.sources.relay import BUFFER_SIZE
from tokenrill.streams.batched import BatchObserver

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Told(ResponseHandler):
    """aiohttp's own protocol, which writes down what it is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.reads: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        if data:
            self.reads.append(data)
        super().data_received(data)


class Wire(asyncio.Transport):
    """A transport that brings what a test gives it."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


class Flowing(Flow):
    def settle(self) -> None: ...

    def close(self) -> None: ...


class Brought:
    """What came of some reads: the pieces, what aiohttp's parser saw, and the reader."""

    pieces: list[bytes]
    seen: list[bytes]
    content: aiohttp.StreamReader
    call: Call


async def brought_by(reads: Sequence[bytes], before: bytes = b"", demand: Demand | None = None) -> Brought:
    brought = Brought()
    protocol = Told(asyncio.get_running_loop())
    protocol.connection_made(Wire(protocol))
    protocol.set_response_params(auto_decompress=False)
    protocol.data_received(HEAD + before)
    _, brought.content = await protocol.read()
    brought.content.read_nowait()
    protocol.reads.clear()
    wire = Wire(protocol)
    brought.pieces, brought.seen, brought.call = (
        [],
        protocol.reads,
        Call("test", CompletionRequest(model="m", messages="Hi"), demand),
    )

    async def work(_: object) -> None: ...

    def on_batch(items: Sequence[bytes]) -> None:
        brought.pieces += items

    def ignore(*_: object) -> None: ...

    pump = Pump(BatchObserver(on_batch, ignore, ignore), work)
    response: Any = SimpleNamespace(
        content=brought.content, connection=SimpleNamespace(transport=wire, protocol=protocol)
    )
    flow = Flowing(response, brought.call, pump)
    flow.begin()
    for read in reads:
        wire.protocol.data_received(read)
    while flow.rest:
        brought.pieces.append(flow.next_piece())
    return brought


def chunk(payload: bytes, line: str = "{:x}") -> bytes:
    return line.format(len(payload)).encode() + b"\r\n" + payload + b"\r\n"


async def test_the_parser_sees_chunks_until_it_is_known_to_be_between_two_and_then_the_end() -> None:
    reads = [chunk(b"word %d" % number) for number in range(6)] + [b"0\r\n\r\n"]
    brought = await brought_by(reads)
    assert brought.pieces == [b"word %d" % number for number in range(6)]
    assert brought.seen == [*reads[:2], reads[-1]]
    assert brought.content.at_eof()
    assert brought.call.received_bytes == 36


async def test_what_is_more_or_less_than_a_chunk_is_the_parsers_and_so_is_what_follows() -> None:
    plain = [chunk(b"a"), chunk(b"b"), chunk(b"c")]
    odd = [chunk(b"d") + chunk(b"e"), b"3\r", b"\nfoo", b"\r\n"]
    again = [chunk(b"f"), chunk(b"g"), chunk(b"h")]
    brought = await brought_by([*plain, *odd, *again])
    assert brought.pieces == [b"a", b"b", b"c", b"de", b"foo", b"f", b"g", b"h"]
    assert brought.seen == [*plain[:2], *odd, again[0]]


async def test_a_parser_that_lags_behind_is_not_taken_for_one_between_two_chunks() -> None:
    """aiohttp pauses its parser at the 1025th small chunk; all chunks alike cannot be told apart by what they bring."""
    reads = [chunk(b"same")] * 5 + [b"0\r\n\r\n"]
    brought = await brought_by(reads, before=chunk(b"x") * 1025)
    assert b"".join(brought.pieces) == b"same" * 5
    assert brought.content.at_eof()


async def test_a_chunk_within_a_chunk_is_text() -> None:
    inner = chunk(b"within")
    whole = chunk(inner * 3)
    size, _, rest = whole.partition(b"\r\n")
    reads = [chunk(b"a"), chunk(b"b"), chunk(b"c"), size + b"\r\n", *[inner] * 3, b"\r\n", chunk(b"d")]
    assert rest.startswith(inner)
    assert (await brought_by(reads)).pieces == [b"a", b"b", b"c", inner, inner, inner, b"d"]


@pytest.mark.parametrize(
    "read", [b"+5", b"-5", b"0x5", b" 5", b"5 ", b"5_0", b"", b"5;a=b", b"05", b"005", b"000000000005", b"5\n", b"05a"]
)
def test_only_a_plain_size_is_read_here(read: bytes) -> None:
    assert lone_chunk(read + b"\r\nhello\r\n") == b""


@pytest.mark.parametrize("read", [b"0\r\n\r\n", b"5\r\nhell\r\n", b"5\r\nhello\r", b"5\r\nhello!\r\n", b"5\r\n", b""])
def test_only_a_whole_chunk_with_something_in_it_is_read_here(read: bytes) -> None:
    assert lone_chunk(read) == b""


@pytest.mark.parametrize("line", ["{:x}", "{:X}"])
def test_a_size_is_hexadecimal_in_either_case(line: str) -> None:
    for size in (*range(1, 300), *range(4080, 4110), 65_535, 65_536):
        assert lone_chunk(chunk(b"x" * size, line)) == b"x" * size


LINES = ("{:x}", "{:x}", "{:X}", "{:03x}", "{:x};extension")
PAYLOADS = st.sampled_from([b"a", b"same", b"same", chunk(b"a"), b"\r\n", b"1\r\na\r\n1\r\nb\r\n", b"x" * 300])


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(st.tuples(PAYLOADS, st.sampled_from(LINES)), min_size=1, max_size=20))
def test_however_a_body_is_cut_it_is_what_aiohttp_alone_reads(data: st.DataObject, sent: Any) -> None:
    """Cuts at the ends of chunks are the likely ones, and a few anywhere."""
    wire, ends = b"", list[int]()
    for payload, line in sent:
        wire += chunk(payload, line)
        ends.append(len(wire))
    wire += b"0\r\n\r\n"
    anywhere = data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=5))
    kept = data.draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends)))
    cuts = sorted({0, len(wire), *anywhere, *(end for end, keep in zip(ends, kept, strict=True) if keep)})
    reads = [wire[start:end] for start, end in pairwise(cuts)]
    brought = asyncio.run(brought_by(reads))
    assert b"".join(brought.pieces) == b"".join(payload for payload, _ in sent)
    assert brought.content.at_eof()


class Wavering(Demand):
    """A demand that somebody in another thread has closed for a moment."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    @property
    def is_open(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._looks += 1
        return self._looks != 1

    @is_open.setter
    def is_open(self, value: bool) -> None: ...


async def test_what_must_wait_for_a_moment_is_not_overtaken() -> None:
    """The demand is closed when the second half of a long read is looked at, and open again just after."""
    long = b"a" * BUFFER_SIZE + b"b" * BUFFER_SIZE
    brought = await brought_by([chunk(long), chunk(b"c")], demand=Wavering())
    assert b"".join(brought.pieces)[: len(long)] == long
