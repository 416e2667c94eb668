"""aiohttp's reader of a body, made to gather what the parser gives it, and made aiohttp's own again.

It leans on aiohttp's insides, so it is rehearsed once with the aiohttp that is installed. Where that does not do what
is expected of it, :func:`fits` says no, and bodies are read with ``content.read`` all the way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import aiohttp

__all__ = ["NOTHING", "Gathering", "fits", "gather", "give_back", "rehearsed"]

HEAD: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
# What a reader holds until the parser gives it something, which for most slow streams is never again: a deque's first
# block is 600 bytes.
NOTHING: Final = ()
rehearsed: dict[str, bool] = {}


class Gathering(aiohttp.StreamReader):
    """aiohttp's reader, made to keep what the parser gives it and to do nothing else about it."""

    __slots__ = ()

    # How the server cut its body does not matter; a built-in that does nothing costs less than a function.
    begin_http_chunk_receiving = end_http_chunk_receiving = staticmethod(bool)  # pyright: ignore[reportAssignmentType]

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        insides: Any = self
        try:
            insides._buffer.append(data)
        except AttributeError:  # it is NOTHING
            insides._buffer = [data]
        return False  # there is no more where this came from


def gather(content: Any) -> None:
    """Have a reader gather, which holds nothing unread."""
    content.__class__ = Gathering
    content._buffer = NOTHING


def give_back(content: Any) -> None:
    """Let a reader be aiohttp's own again, with what it has gathered."""
    content.__class__ = aiohttp.StreamReader
    content._buffer = deque(content._buffer)
    if not content._eof and content._http_chunk_splits is None:
        content._http_chunk_splits = deque()  # it is to be told of the end of a chunk whose begin it has not seen


async def fits(content: aiohttp.StreamReader) -> bool:
    """Whether this aiohttp is still one whose readers can be made to gather: rehearsed once, with its own parser."""
    if "aiohttp" not in rehearsed:
        try:
            rehearsed["aiohttp"] = await rehearse_to_the_end() and await rehearse_leaving()
        except Exception:  # whatever else it has become
            rehearsed["aiohttp"] = False
    return rehearsed["aiohttp"] and type(content) is aiohttp.StreamReader


async def rehearse_to_the_end() -> bool:
    """Whether an answer can be gathered to its end, from the second chunk on."""
    protocol, content = await answering(HEAD + b"1\r\na\r\n")
    if content.read_nowait() != b"a":
        return False
    gather(content)
    under_way = content._eof
    protocol.data_received(b"1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")
    gathered, content._buffer = content._buffer, NOTHING
    ended = content._eof
    give_back(content)
    ours = gathered == [b"b", b"c"] and content.total_bytes == 1 and (under_way, ended) == (False, True)
    return ours and content.at_eof() and await content.read() == b""


async def rehearse_leaving() -> bool:
    """Whether a reader that has gathered the begin of the first chunk can be aiohttp's own for the rest."""
    protocol, content = await answering(HEAD)
    gather(content)
    protocol.data_received(b"2\r\na")
    give_back(content)
    protocol.data_received(b"b\r\n1\r\nc\r\n0\r\n\r\n")
    return content.exception() is None and [await content.read(), content.at_eof()] == [b"abc", True]


async def answering(begin: bytes) -> tuple[Any, Any]:
    """aiohttp's protocol and reader, of an answer that begins like this."""
    from aiohttp.client_proto import ResponseHandler

    protocol = ResponseHandler(asyncio.get_running_loop())
    protocol.set_response_params(auto_decompress=False)
    protocol.data_received(begin)
    _, content = await protocol.read()
    return protocol, content
