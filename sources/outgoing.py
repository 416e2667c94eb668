"""A request that goes out in one piece: head and body in one write, and no task to write them.

aiohttp writes a body in a task of its own, since one may be long and its server slow to take it. Ours are in memory and
most are short: written with the head they are on the wire a turn of the loop earlier on Python 3.11, and cost less on
any. Only public names of aiohttp's are used, of a class that a session takes as ``request_class``; but how its parts
fit together is nowhere promised, so it is rehearsed, and where it is not so, requests go out as aiohttp sends them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from aiohttp.http import StreamWriter
from yarl import URL

__all__ = ["Outgoing", "request_class"]

AT_ONCE: Final = 32 << 10  # half of what a transport takes before it asks for a pause
NO_TRACES: Final[list[Any]] = []  # nobody writes to it: a session of ours traces nothing
rehearsed: dict[str, bool] = {}


class Outgoing(aiohttp.ClientRequest):
    """A request whose body, when it is bytes and short, is written with its head; for sessions that trace nothing.

    Anything else goes aiohttp's own way: other bodies, a proxy that is told the whole address, ``Expect``, a connection
    on which nothing can be written just now.
    """

    whole: bytes | None = None

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Note what there is to send, before it is known on which connection."""
        if type(body) is not bytes or self.chunked:
            super().update_body_from_data(body, _stacklevel)
            return
        self.whole = body
        self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        self.headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")

    async def send(self, conn: Any) -> Any:
        """Write it, and give the answer that is to be waited for."""
        body, self.whole = self.whole, None
        if body is None:
            return await super().send(conn)
        protocol = conn.protocol
        if len(body) > AT_ONCE or self.proxy or hdrs.EXPECT in self.headers or protocol.writing_paused:
            super().update_body_from_data(body)
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(body)
        protocol.start_timeout()
        make: Any = self.response_class
        self.response = make(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=None,
            request_info=self.request_info,
            traces=NO_TRACES,
            loop=self.loop,
            session=self.session,
            stream_writer=writer,
        )
        return self.response


def request_class() -> type[aiohttp.ClientRequest]:
    """What sessions are to send: ours, if this aiohttp is still one that it fits; rehearsed once, on a loop."""
    if "aiohttp" not in rehearsed:
        try:
            rehearsed["aiohttp"] = rehearse()
        except Exception:  # whatever else it has become
            rehearsed["aiohttp"] = False
    return Outgoing if rehearsed["aiohttp"] else aiohttp.ClientRequest


class Stage(asyncio.Transport):
    """A transport that leads nowhere, and the connection to it."""

    def __init__(self) -> None:
        from aiohttp.client_proto import ResponseHandler

        super().__init__()
        self.written: list[bytes] = []
        self.protocol = ResponseHandler(asyncio.get_running_loop())
        self.protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False


def rehearse() -> bool:
    settings: Any = {"loop": asyncio.get_running_loop(), "response_class": aiohttp.ClientResponse}
    stage = Stage()
    request = Outgoing("POST", URL("http://stage.example/a?b"), headers={"x-part": "1"}, data=b"line", **settings)
    sending = request.send(stage)
    try:
        sending.send(None)
    except StopIteration as sent:
        answer = sent.value
    else:  # it waits
        sending.close()
        return False
    (piece,) = stage.written
    head, _, body = piece.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    return (
        (first, body) == (b"POST /a?b HTTP/1.1", b"line")
        and {b"Host: stage.example", b"x-part: 1", b"Content-Length: 4"} <= set(headers)
        and type(answer) is aiohttp.ClientResponse
    )
