"""Two clients of the emulator: one that hides nothing of the wire, and our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, TypeAlias

from tokenrill import OPENAI_CHAT, CompletionRequest, StreamPipelineBuilder, accumulate, openai
from tokenrill.runners.emulator import Emulator
from tokenrill.streams.errors import StreamError
from tokenrill.streams.reply import Reply

Ending: TypeAlias = Literal["end", "fin", "rst", "silence"]
SILENCE = 0.05
CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
REQUEST = CompletionRequest(model="m-1", messages="Hello")
WIRE = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Seen(NamedTuple):
    """``end`` is the end of the body as HTTP wants it; ``fin`` and ``rst`` are a connection lost before."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    ending: Ending
    raw: bytes


@asynccontextmanager
async def connected(
    server: Emulator,
    body: dict[str, Any] | bytes = HELLO,
    *,
    method: str = "POST",
    path: str = CHAT,
    key: str = "Bearer sk-canary",
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which one request has been sent."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(payload)}\r\n"
    head += f"authorization: {key}\r\n" if key else ""
    writer.write(head.encode("latin-1") + b"\r\n" + payload)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(server: Emulator, body: dict[str, Any] | bytes = HELLO, **how: Any) -> Seen:
    """Send one request, and read all that comes, until it ends, or nothing comes after the fault has struck."""
    async with connected(server, body, **how) as (reader, _):
        received, ending, quiet = b"", "fin", 0
        while not ended(received):
            try:
                async with asyncio.timeout(SILENCE):
                    piece = await reader.read(1 << 16)
                    quiet = 0
            except TimeoutError:
                # One silence may be the machine's own: the server had no turn in it.
                quiet += bool(server.calls and server.calls[-1].struck)
                if quiet < 2:
                    continue
                ending = "silence"
                break
            except ConnectionResetError:
                ending = "rst"
                break
            if not piece:
                break
            received += piece
        return seen(received, "end" if ended(received) else ending)


def parts(received: bytes) -> tuple[dict[str, str], bytes]:
    head, _, payload = received.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, payload


def ended(received: bytes) -> bool:
    headers, payload = parts(received)
    if "content-length" in headers:
        return len(payload) == int(headers["content-length"])
    return payload.endswith(b"\r\n0\r\n\r\n") or payload == b"0\r\n\r\n"


def seen(received: bytes, ending: Any) -> Seen:
    headers, payload = parts(received)
    first = received.split(b" ", 2)
    status = int(first[1]) if first[0] == b"HTTP/1.1" and b"\r\n\r\n" in received else None
    body = dechunked(payload) if headers.get("transfer-encoding") == "chunked" else payload
    return Seen(status, headers, body, ending, received)


def dechunked(payload: bytes) -> bytes:
    body = b""
    while payload:
        size, _, rest = payload.partition(b"\r\n")
        body += rest[: int(size, 16)]
        payload = rest[int(size, 16) + 2 :]
    return body


async def reply_of(server: Emulator, key: str = "sk-canary") -> Reply:
    """The answer to :data:`REQUEST`, by our own pipeline."""
    source = openai(api_key=key, base_url=server.url + "/v1")
    try:
        return await StreamPipelineBuilder.source(source).pipe(accumulate()).build().stream(REQUEST)
    finally:
        await source.aclose()


def refusal(seen: Seen) -> StreamError:
    """What our own client makes of an answer that is not 2xx."""
    assert seen.ending == "end"
    return OPENAI_CHAT.refuse(seen.status or 0, seen.headers, seen.body)
