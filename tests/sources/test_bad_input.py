"""What a hostile or broken server can send: each ends in a typed error that names the limit, in bounded memory.

One child process meets every case, so that its peak memory is that of the pipeline alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.server import Connection, chunk, head, last_chunk, serving
from tests.sources.asking import DONE, FINISH, KEY, child, event

CAP = 1 << 20  # max_event_bytes
MARGIN = 8 << 20
BLOCK = 64 << 10


def endless(piece: bytes, begin: bytes = b"") -> Callable[[], Iterator[bytes]]:
    """A chunked stream of ``piece`` without end."""
    block = chunk(piece * (BLOCK // len(piece)))
    return lambda: itertools.chain([head(), *([chunk(begin)] if begin else [])], itertools.repeat(block))


def whole(*events: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([head(), *map(chunk, events), last_chunk])


def bomb(piece: bytes, encoding: str) -> Callable[[], Iterator[bytes]]:
    """64 MiB of ``piece``, packed a MiB at a time."""

    def packed() -> Iterator[bytes]:
        machine = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
        block = piece * ((1 << 20) // len(piece))
        yield head(content_encoding=encoding)
        for _ in range(64):
            yield chunk(machine.compress(block) + machine.flush(zlib.Z_SYNC_FLUSH))

    return packed


def raw(begin: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.chain([begin], itertools.repeat(piece * (BLOCK // len(piece))))


def deep(levels: int) -> bytes:
    return b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x","y":%s%s}}]}\n\n' % (
        b"[" * levels,
        b"]" * levels,
    )


def digits(count: int) -> bytes:
    return b'data: {"id":"c","created":%s,"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n' % (b"9" * count)


BEGIN = b'data: {"id":"c","created":'
# name: (what is sent, the type of the error, a part of its message)
CASES: dict[str, tuple[Callable[[], Iterator[bytes]], str, str]] = {
    "endless line": (endless(b"x" * 1000, b"data: "), "LimitExceeded", "max_event_bytes=1048576"),
    "endless line of nothing": (endless(b"x" * 1000), "LimitExceeded", "max_event_bytes=1048576"),
    "endless event": (endless(b"data: x\n"), "LimitExceeded", "max_event_bytes=1048576"),
    "endless event, CRLF": (endless(b"data: x\r\n"), "LimitExceeded", "max_event_bytes=1048576"),
    "endless event, CR": (endless(b"data: x\r"), "LimitExceeded", "max_event_bytes=1048576"),
    "endless comments": (endless(b": ping\n"), "LimitExceeded", "max_event_bytes=1048576"),
    "endless number": (endless(b"9" * 1000, BEGIN), "LimitExceeded", "max_event_bytes=1048576"),
    "endless depth": (endless(b"[" * 1000, BEGIN), "LimitExceeded", "max_event_bytes=1048576"),
    "endless bytes that are no text": (endless(b"\xff" * 1000), "LimitExceeded", "max_event_bytes=1048576"),
    "gzip bomb, one line": (bomb(b"x", "gzip"), "LimitExceeded", "max_event_bytes=1048576"),
    "gzip bomb, comments": (bomb(b": x\n\n", "gzip"), "LimitExceeded", "max_inflation=200"),
    "gzip bomb, empty lines": (bomb(b"\n", "gzip"), "LimitExceeded", "max_inflation=200"),
    "gzip bomb, tokens": (bomb(event("x"), "gzip"), "LimitExceeded", "max_inflation=200"),
    "deflate bomb": (bomb(b": x\n\n", "deflate"), "LimitExceeded", "max_inflation=200"),
    "depth of 100,000": (whole(deep(100_000), FINISH, DONE), "LimitExceeded", "max_json_depth="),
    "number of 1,000,000 digits": (whole(digits(1_000_000), FINISH, DONE), "MalformedEvent", ""),
    "endless head": (raw(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), "ProtocolError", ""),
    "endless header": (raw(b"HTTP/1.1 200 OK\r\nx: ", b"y"), "ProtocolError", ""),
    "endless status": (raw(b"HTTP/1.1 200 ", b"y"), "ProtocolError", ""),
    "endless interim answers": (raw(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "StreamStalled", "idle deadline of 3 s"),
    "endless chunk extension": (raw(head() + b"1;", b"x"), "ProtocolError|ConnectionLost|StreamStalled", ""),
    "endless trailers": (raw(head() + b"0\r\n", b"x: y\r\n"), "ProtocolError|ConnectionLost|StreamTruncated", ""),
    "chunk of 2**68 bytes": (raw(head() + b"f" * 17 + b"\r\n", b"x"), "ProtocolError|ConnectionLost", ""),
    "invalid UTF-8 in a text": (
        whole(event("a").replace(b'"a"', b'"a\xff\xc3"'), FINISH, DONE),
        "",
        "a\ufffd\ufffd",
    ),
    "invalid UTF-8 beside": (whole(b": \xff\n\xfe: \xff\n" + event("b"), FINISH, DONE), "", "b"),
    "invalid UTF-8 in a name": (whole(event("c").replace(b'"id"', b'"\xff"'), FINISH, DONE), "", "c"),
    "NUL": (whole(b"\0" + event("d").replace(b"data", b"id: \0\ndata"), FINISH, DONE), "", "d"),
    "a million empty deltas": (
        lambda: itertools.chain([head()], itertools.repeat(chunk(event("") * 1000), 1000), [chunk(FINISH + DONE)]),
        "",
        "",
    ),
}

CLIENT = """
import asyncio, json, re, sys
from time import perf_counter
from tests.sources.asking import child, ASK, asking
from tokenrill import Http, TextDelta

def status(name):
    with open("/proc/self/status") as lines:
        return int(re.search(name + r":\\s+(\\d+) kB", lines.read())[1]) << 10

def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

async def main(url, names):
    http = Http(read_timeout=3)
    for name in names:
        forget_peak()
        before, begun, text, error = status("VmRSS"), perf_counter(), "", None
        try:
            async with asking(url + name, http).open(ASK) as reader:
                async for token in reader:
                    if isinstance(token, TextDelta):
                        text = (text + token.text)[:10]
        except Exception as caught:
            error = caught
        seconds = perf_counter() - begun
        kind = type(error).__name__ if error else ""
        print(json.dumps([kind, str(error), text, status("VmHWM") - before, seconds]), flush=True)
    await http.aclose()

asyncio.run(main(sys.argv[1], sys.argv[2].split(",")))
"""


async def script(connection: Connection) -> None:
    line, _, _ = await connection.request()
    name = line.split()[1].split("/")[2]
    pieces = whole(*[event("x") * 50] * 400, FINISH, DONE)() if name == "warm" else list(CASES.values())[int(name)][0]()
    for piece in pieces:
        await connection.send(piece)
        await asyncio.sleep(0)


async def meet_all() -> dict[str, list[Any]]:
    async with serving(script) as server:
        names = ["warm", *map(str, range(len(CASES)))]
        stdout, _, _ = await child("-c", CLIENT, f"{server.url}/", ",".join(names), seconds=280)
        lines = [json.loads(line) for line in stdout.splitlines()]
        return dict(zip(["warm", *CASES], lines, strict=True))


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Any]]:
    return asyncio.run(meet_all())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory since a moment of one's choice")
@pytest.mark.parametrize("name", CASES)
def test_it_ends_typed_and_in_bounded_memory(outcomes: dict[str, list[Any]], name: str) -> None:
    _, kind, says = CASES[name]
    error, message, text, growth, seconds = outcomes[name]
    assert error in kind.split("|"), message
    assert says in (message if kind else text)
    assert KEY not in message
    assert len(message) < 300
    assert growth < CAP + MARGIN
    assert seconds < 30
