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
SUSPECT: Final = 16 << 20


def inflate(encoding: str) -> Callable[[bytes], Iterator[bytes]] | None:
    """A function from a chunk as received to the pieces it holds, each at most 16 KiB; None when there is nothing to undo.

    We ask for no encoding; some servers and proxies compress all the same. However a bomb is packed, only
    one piece of it is in memory, and the limits of the parser behind see it come.

    >>> import gzip
    >>> b"".join(inflate("gzip")(gzip.compress(b"data: x")))
    b'data: x'

    Raises:
        UnexpectedContent: For an encoding that nobody asked for and that cannot be undone here.
        ProtocolError: From the function, when the bytes are not in that encoding.
        LimitExceeded: From the function, past ``max_inflation``: 200 times what was received, once 16 MiB came of it.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in WINDOW_BITS:
        raise UnexpectedContent(f"the answer is encoded as {name[:40]!r}, though no encoding was asked for")
    return Inflater(WINDOW_BITS[name])


class Inflater:
    """zlib's machine, fed one chunk at a time."""

    __slots__ = ("_given", "_machine", "_received", "_window_bits")

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._machine = zlib.decompressobj(window_bits)
        self._received = self._given = 0

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        machine, data = self._begin(chunk), chunk
        self._received += len(chunk)
        while not machine.eof:
            try:
                piece = machine.decompress(data, PIECE)
            except zlib.error:
                raise ProtocolError("the answer's compression is damaged") from None
            data = machine.unconsumed_tail
            # A full piece may leave more inside the machine, even when it has taken in all its data.
            if piece:
                self._count(len(piece))
                yield piece
            if not data and len(piece) < PIECE:
                return

    def _begin(self, chunk: bytes) -> zlib._Decompress:  # pyright: ignore[reportPrivateUsage]
        if not self._received and self._window_bits == WINDOW_BITS["deflate"] and not is_zlib(chunk):
            self._machine = zlib.decompressobj(-15)
        return self._machine

    def _count(self, size: int) -> None:
        self._given += size
        if self._given > SUSPECT and self._given > MAX_INFLATION * self._received:
            raise LimitExceeded("max_inflation", MAX_INFLATION)


def is_zlib(start: bytes) -> bool:
    # "deflate" means zlib by the standard, and raw deflate to some servers. RFC 1950: the method is 8, the window
    # at most 7, and both header bytes together a multiple of 31; one byte alone must do for the first two.
    return start[0] & 0x8F == 8 and (len(start) < 2 or (start[0] << 8 | start[1]) % 31 == 0)
