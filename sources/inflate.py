"""Undo a content encoding without trusting it: at most 64 KiB come out at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from ..streams.errors import ProtocolError, UnexpectedContent

__all__ = ["inflate"]

PIECE: Final = 64 << 10
WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def inflate(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    """A function from a chunk as received to the pieces it holds, each at most 64 KiB.

    We ask for no encoding; some servers and proxies compress all the same. However a bomb is packed, only
    one piece of it is in memory, and the limits of the parser behind see it come.

    >>> import gzip
    >>> b"".join(inflate("gzip")(gzip.compress(b"data: x")))
    b'data: x'

    Raises:
        UnexpectedContent: For an encoding that nobody asked for and that cannot be undone here.
        ProtocolError: From the function, when the bytes are not in that encoding.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return plain
    if name not in WINDOW_BITS:
        raise UnexpectedContent(f"the answer is encoded as {name[:40]!r}, though no encoding was asked for")
    return Inflater(WINDOW_BITS[name])


def plain(chunk: bytes) -> Iterator[bytes]:
    yield chunk


class Inflater:
    def __init__(self, window_bits: int) -> None:
        self._machine = zlib.decompressobj(window_bits)
        self._started = False

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        data = chunk
        while data:
            try:
                piece = self._machine.decompress(data, PIECE)
            except zlib.error:
                if self._started:
                    raise ProtocolError("the answer's compression is damaged") from None
                # "deflate" means zlib by the standard, and raw deflate to some servers.
                self._machine, self._started = zlib.decompressobj(-15), True
                continue
            self._started = True
            data = self._machine.unconsumed_tail
            if piece:
                yield piece
            if self._machine.eof:
                return
