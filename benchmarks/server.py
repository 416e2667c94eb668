"""A server that costs as little as possible: answers made beforehand, written whole.

It runs in a process of its own, on a core of its own where the system allows that, so that what is measured
is the client. The path's first parts say what is wanted: ``/SHAPE/TOKENS/EVENTS_A_CHUNK``, and whatever the client puts
behind it; without a shape it is OpenAI's.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from benchmarks.shapes import SHAPES

__all__ = ["EVENT", "SLICE", "end", "event", "pin", "serving"]

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"x-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"
)
SLICE: Final = 4_000  # events rendered at a time: a million of them are not held in memory
event, end = SHAPES["openai"].event, SHAPES["openai"].end
EVENT: Final = event(0)


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


@lru_cache(maxsize=8)
def rendered(shape: str, events: int, a_chunk: int) -> bytes:
    event = SHAPES[shape].event
    pieces = (
        b"".join(event(number) for number in range(start, min(start + a_chunk, events)))
        for start in range(0, events, a_chunk)
    )
    return b"".join(chunk(piece) for piece in pieces)


def wanted(path: str) -> tuple[str, int, int]:
    """The shape, the tokens and the events a chunk that a path asks for."""
    parts = path.split("/")[1:4]
    shape = parts.pop(0) if parts[0] in SHAPES else "openai"
    return shape, int(parts[0]), int(parts[1])


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            path = line.split()[1].decode()
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            shape, tokens, a_chunk = wanted(path)
            writer.write(HEAD)
            if begin := SHAPES[shape].begin:
                writer.write(chunk(begin))
            for start in range(0, tokens, SLICE):
                writer.write(rendered(shape, min(SLICE, tokens - start), a_chunk))
                await writer.drain()
            writer.write(chunk(SHAPES[shape].end(tokens)) + b"0\r\n\r\n")
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def pin(core: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity") and core < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {core})


async def main() -> None:
    pin(1)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started us is gone


@contextmanager
def serving() -> Generator[str]:
    """The server in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(timeout=5)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(main())
