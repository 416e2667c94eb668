"""A server that costs as little as possible: answers made beforehand, written whole.

It runs in a process of its own, on a core of its own where the system allows that, so that what is measured
is the client. The path says what is wanted: ``/TOKENS/EVENTS_A_CHUNK/v1/chat/completions``.
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

__all__ = ["EVENT", "end", "event", "pin", "serving"]

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"x-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"
)
SLICE: Final = 4_000  # events rendered at a time: a million of them are not held in memory


def event(number: int) -> bytes:
    """One delta of an OpenAI answer, about 300 bytes, as it comes off the wire."""
    return (
        b'data: {"id":"chatcmpl-BpJBJOd2Ffn76LbPDWwJa4ZgRgwW9","object":"chat.completion.chunk","created":1751568161,'
        b'"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_07871e2ad8",'
        b'"choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],'
        b'"usage":null,"obfuscation":"aB3dE5fG"}\n\n'
    ) % (number % 1000)


EVENT: Final = event(0)


def end(tokens: int) -> bytes:
    """The finish reason, the usage and the end mark."""
    head = b'data: {"id":"chatcmpl-B","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06",'
    return (
        head
        + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
        + head
        + b'"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}}\n\n'
        % (tokens, tokens + 9)
        + b"data: [DONE]\n\n"
    )


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


@lru_cache(maxsize=8)
def rendered(events: int, a_chunk: int) -> bytes:
    pieces = (
        b"".join(event(number) for number in range(start, min(start + a_chunk, events)))
        for start in range(0, events, a_chunk)
    )
    return b"".join(chunk(piece) for piece in pieces)


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
            tokens, a_chunk = (int(part) for part in path.split("/")[1:3])
            writer.write(HEAD)
            for start in range(0, tokens, SLICE):
                writer.write(rendered(min(SLICE, tokens - start), a_chunk))
                await writer.drain()
            writer.write(chunk(end(tokens)) + b"0\r\n\r\n")
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
