"""Undo a content encoding without trusting it: at most 16 KiB come out at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from ..streams.errors import LimitExceeded, ProtocolError, UnexpectedContent

__all__ = ["inflate"]

PIECE: Final = 16 << 10
WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# Streams of JSON events shrink to a fiftieth at best; what is smaller was packed to hurt.
MAX_INFLATION: Final = 200
SUSPECT: Final = 8 << 20


def inflate(encoding: str) -> Callable[[bytes], Iterator[bytes]] | None:
    """A function from a chunk as received to the pieces it holds, each at most 16 KiB; None for bytes as they are.

    We ask for no encoding; some servers and proxies compress all the same. However a bomb is packed, only
    one piece of it is in memory, and the limits of the parser behind see it come.

    >>> import gzip
    >>> b"".join(inflate("gzip")(gzip.compress(b"data: x")))
    b'data: x'

    Raises:
        UnexpectedContent: For an encoding that nobody asked for and that cannot be undone here.
        ProtocolError: From the function, when the bytes are not in that encoding.
        LimitExceeded: From the function, past ``max_inflation``: 200 times what was received, once 8 MiB came of it.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in WINDOW_BITS:
        raise UnexpectedContent(f"the answer is encoded as {name[:40]!r}, though no encoding was asked for")
    return Inflater(WINDOW_BITS[name])


class Inflater:
    """zlib's machine, fed one chunk at a time; gzip may hold several members, one behind the other."""

    __slots__ = ("_given", "_machine", "_received", "_window_bits")

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._machine = zlib.decompressobj(window_bits)
        self._received = self._given = 0

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        if not self._received and self._window_bits == WINDOW_BITS["deflate"] and not is_zlib(chunk):
            self._machine = zlib.decompressobj(-15)
        self._received += len(chunk)
        data, piece = chunk, b""
        # A full piece may leave more inside the machine, even when it has taken in all its data.
        while data or len(piece) == PIECE:
            if self._machine.eof:
                data = data.lstrip(b"\0")
                if not data or self._window_bits != WINDOW_BITS["gzip"]:
                    return
                self._machine = zlib.decompressobj(self._window_bits)
            piece = self._decompress(data)
            data = self._machine.unused_data if self._machine.eof else self._machine.unconsumed_tail
            if piece:
                yield piece

    def _decompress(self, data: bytes) -> bytes:
        try:
            piece = self._machine.decompress(data, PIECE)
        except zlib.error:
            raise ProtocolError("the answer's compression is damaged") from None
        self._given += len(piece)
        if self._given > SUSPECT and self._given > MAX_INFLATION * self._received:
            raise LimitExceeded("max_inflation", MAX_INFLATION)
        return piece


def is_zlib(start: bytes) -> bool:
    # "deflate" means zlib by the standard, and raw deflate to some servers. RFC 1950: the method is 8, the window
    # at most 7, and both header bytes together a multiple of 31; one byte alone must do for the first two.
    return start[0] & 0x8F == 8 and (len(start) < 2 or (start[0] << 8 | start[1]) % 31 == 0)
