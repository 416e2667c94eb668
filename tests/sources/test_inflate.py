"""Content encodings: undone piece by piece, whatever was packed."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections import deque
from collections.abc import Callable
from itertools import accumulate

import pytest

from tokenrill import LimitExceeded, ProtocolError, UnexpectedContent
from tokenrill.sources.inflate import PIECE, inflate

TEXT = b"".join(b'data: {"n":%d}\n\n' % number for number in range(20_000))


def raw_deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


def members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:]) + b"\0" * 100


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip ", gzip.compress),
    "stored": ("gzip", lambda data: gzip.compress(data, 0)),
    "members": ("gzip", members),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
}


def inflated(encoding: str, chunks: list[bytes]) -> list[bytes]:
    undo = inflate(encoding)
    assert undo is not None
    return [piece for chunk in chunks for piece in undo(chunk)]


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("cut", [1, 7, 1400, 1 << 20])
def test_any_cut_gives_the_same_bytes(name: str, cut: int) -> None:
    encoding, pack = PACKERS[name]
    packed = pack(TEXT if cut > 1 else TEXT[:5000])
    pieces = inflated(encoding, [packed[at : at + cut] for at in range(0, len(packed), cut)])
    assert b"".join(pieces) == (TEXT if cut > 1 else TEXT[:5000])
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE])
def test_nothing_stays_behind_at_the_edge_of_a_piece(size: int) -> None:
    machine = zlib.compressobj(wbits=31)
    flushed = machine.compress(b"x" * size) + machine.flush(zlib.Z_SYNC_FLUSH)  # the stream goes on later
    assert len(b"".join(inflated("gzip", [flushed]))) == size


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_bytes_as_they_are_need_nothing(encoding: str) -> None:
    assert inflate(encoding) is None


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 10_000])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(UnexpectedContent, match="no encoding was asked for") as caught:
        inflate(encoding)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_damage_is_a_protocol_error(encoding: str) -> None:
    with pytest.raises(ProtocolError, match="damaged"):
        inflated(encoding, [b"\x1f\x00\x1f\x00 this is not compressed"])
    packed = bytearray(PACKERS[encoding][1](random.Random(1).randbytes(1000)))
    packed[-3] ^= 0xFF
    with pytest.raises(ProtocolError, match="damaged"):
        inflated(encoding, [bytes(packed)])


def test_a_bomb_is_seen_after_8_mib_and_costs_no_more_than_a_piece() -> None:
    machine = zlib.compressobj(9, wbits=31)
    bomb = b"".join(machine.compress(bytes(1 << 20)) for _ in range(64)) + machine.flush()
    undo = inflate("gzip")
    assert undo is not None
    pieces = (piece for at in range(0, len(bomb), 16 << 10) for piece in undo(bomb[at : at + (16 << 10)]))
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="max_inflation=200"):
            deque((pytest.fail("too much") for given in accumulate(map(len, pieces)) if given > 8 << 20), 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_long_stream_of_like_events_is_no_bomb() -> None:
    event = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"%d"}}]}\n\n'
    wire = b"".join(event % random.Random(number).randrange(10**6) for number in range(250_000))
    assert len(wire) > 24 << 20
    machine = zlib.compressobj(9, wbits=31)
    packed = machine.compress(wire) + machine.flush()
    assert sum(map(len, inflated("gzip", [packed[at : at + 16384] for at in range(0, len(packed), 16384)]))) == len(
        wire
    )
