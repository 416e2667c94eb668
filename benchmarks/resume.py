"""How soon a stream that broke off is asked for again, and whether anything is lost or said twice.

    python -m benchmarks.resume             # the table
    python -m benchmarks.resume --json      # the figures
    python -m benchmarks.resume --check     # fail when a figure is over its budget

A background response of OpenAI's breaks off at every byte in turn, by a clean end of the body, by a lost connection
and by a reset. The server, in a process and on a core of its own, notes when it breaks off, and when the first byte of
the next request arrives: the time between is all that the client needs, from the fault on the wire to the request on
the wire, a new connection included where the old one is lost. ``message`` is the same
for a model that is asked to write on, and ``by hand`` the loop that one writes with aiohttp, for a lost connection. The
p99 is the median of that of blocks of 250 streams; ``of all`` is that of all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import aiohttp

from benchmarks.rounds import Result, run
from benchmarks.server import chunk, pin
from tokenrill import (
    OPENAI_RESPONSES,
    CompletionRequest,
    Finish,
    Http,
    Reply,
    ResponseStart,
    Seam,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    accumulate,
    openai,
    resume,
)

__all__ = ["main"]

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: %s\r\ntransfer-encoding: chunked\r\n\r\n"
)
END: Final = b"0\r\n\r\n"
NUMBER: Final = re.compile(rb'"sequence_number":(\d+)')
KINDS: Final = ("clean end", "lost", "reset")
SAID: Final[Sequence[StreamToken]] = (
    ResponseStart("resp_1", "m"),
    *(TextDelta(word) for word in ("Es ", "ist ", "20 °C ", "in ", "東京 ", "🌤.")),
    ToolCallStart("c1", "add"),
    ToolCallDelta('{"a": '),
    ToolCallDelta("1}"),
    ToolCallEnd(),
    Usage(9, 12),
    Finish("tool_calls", "completed"),
)
MESSAGE_TIMES: Final = 500
BLOCK: Final = 250


def encoded() -> bytes:
    encoder = OPENAI_RESPONSES.encode({"model": "m"})
    return b"".join([data for token in SAID for data in encoder.feed(token)] + list(encoder.close()))


WIRE: Final = encoded()
FIRST: Final = WIRE.index(b"\n\n") + 2  # before that nobody knows which response it is


def events_after(number: int) -> bytes:
    events = (event + b"\n\n" for event in WIRE.split(b"\n\n") if event)
    return b"".join(event for event in events if int(NUMBER.findall(event)[0]) > number)


class Breaking(asyncio.Protocol):
    """``POST /KIND/BYTES/…`` breaks off after so many bytes; the next request is told how long it took to come."""

    broke_off = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._begun = 0
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._begun = self._begun or time.monotonic_ns()
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if found and len(body) >= length:
            begun, self._begun, self._seen = self._begun, 0, b""
            self._answer(head.split(b" ", 2)[1].decode(), head.startswith(b"GET"), body, begun)

    def _answer(self, path: str, again: bool, body: bytes, begun: int) -> None:
        if again or b"Continue from where" in body:
            rest = events_after(int(path.rpartition("starting_after=")[2])) if again else WIRE
            took = b"%d" % (begun - Breaking.broke_off)
            self._transport.write(HEAD % took + (chunk(rest) if rest else b"") + END)
            return
        kind, cut = KINDS[int(path.split("/")[1])], int(path.split("/")[2])
        self._transport.write(HEAD % b"first" + chunk(WIRE[:cut]) + (END if kind == "clean end" else b""))
        Breaking.broke_off = time.monotonic_ns()
        if kind == "reset":
            asyncio.get_running_loop().call_later(0.001, self._reset)  # what was written is out by then
        elif kind == "lost":
            self._transport.close()

    def _reset(self) -> None:
        Breaking.broke_off = time.monotonic_ns()
        linger = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()


async def serve() -> None:
    pin(1)
    server = await asyncio.get_running_loop().create_server(Breaking, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started us is gone


@contextmanager
def serving() -> Generator[str]:
    command = [sys.executable, "-m", "benchmarks.resume", "--serve"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(timeout=5)
        process.stdout.close()


class Watching:
    """Counts seams, and knows the call."""

    def __init__(self) -> None:
        self.seams = 0
        self.call: Any = None

    def __call__(self, call: Any) -> Any:
        self.call = call
        return self

    def on_next(self, token: StreamToken) -> None:
        self.seams += isinstance(token, Seam)

    def on_error(self, error: Exception) -> None:
        pass

    def on_completed(self) -> None:
        pass


async def ask(url: str, http: Http, kind: int, cut: int, strategy: str) -> tuple[Reply, float, int]:
    """The answer, the milliseconds from the fault to the request for the rest, and how many seams there were."""
    provider = openai(api="responses", api_key="any", base_url=f"{url}/{kind}/{cut}/v1", http=http)
    watching = Watching()
    builder = StreamPipelineBuilder.source(provider).pipe(resume(strategies=[strategy])).attach(watching)
    request = CompletionRequest(model="m", messages="Hi", extra={"background": True, "store": True})
    reply = await builder.pipe(accumulate()).build().stream(request)
    return reply, int(watching.call.request_id) / 1e6, watching.seams


async def by_hand(session: aiohttp.ClientSession, url: str, kind: int, cut: int) -> float:
    """What one would write oneself: read until it breaks off, and ask again at once."""
    address = f"{url}/{kind}/{cut}/v1/responses"
    number = -1
    with suppress(aiohttp.ClientError):
        async with session.post(address, json={"stream": True}) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    number = json.loads(line[6:])["sequence_number"]
    async with session.get(f"{address}/resp_1?stream=true&starting_after={number}") as response:
        await response.read()
        return int(response.headers["x-request-id"]) / 1e6


async def measured(url: str, rounds: int) -> dict[str, Any]:
    took: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "message", "by hand")}
    wrong = 0
    whole = OPENAI_RESPONSES.decode([WIRE])
    text = "".join(token.text for token in whole if isinstance(token, TextDelta))
    async with Http() as http, aiohttp.ClientSession() as session:
        for _ in range(rounds):
            for cut in range(FIRST, len(WIRE)):
                for number, kind in enumerate(KINDS):
                    reply, milliseconds, seams = await ask(url, http, number, cut, "sequence")
                    right = reply.text == text and [call.arguments for call in reply.tool_calls] == ['{"a": 1}']
                    wrong += not right or seams != 0
                    took[kind].append(milliseconds)
                took["by hand"].append(await by_hand(session, url, 1, cut))
        half = WIRE.index("東京".encode())
        for _ in range(MESSAGE_TIMES * rounds):
            took["message"].append((await ask(url, http, 1, half, "message"))[1])
    return {"took": took, "wrong": wrong}


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def p99(values: Sequence[float]) -> float:
    """The median of the 99th percentiles of blocks: a machine that has other things to do as well is late in some."""
    blocks = (values[start : start + BLOCK] for start in range(0, len(values), BLOCK))
    return statistics.median(quantile(block, 0.99) for block in blocks)


def measure(options: argparse.Namespace) -> Result:
    with serving() as url:
        found = asyncio.run(measured(url, options.rounds))
    took, wrong = found["took"], found["wrong"]
    figures = {
        kind: {
            "streams": len(ms),
            "p50_ms": statistics.median(ms),
            "p99_ms": p99(ms),
            "all_p99_ms": quantile(ms, 0.99),
            "max_ms": max(ms),
        }
        for kind, ms in took.items()
    }
    lines = ["from the fault on the wire to the request for the rest on the wire, in ms"]
    lines += [f"{'':<12} {'streams':>8} {'p50':>7} {'p99':>7} {'of all':>7} {'most':>7}"]
    for kind, (count, *times) in ((kind, row.values()) for kind, row in figures.items()):
        lines.append(f"{kind:<12} {count:>8} " + " ".join(f"{milliseconds:>7.2f}" for milliseconds in times))
    lines += [f"cuts with a gap, a repetition or a seam: {wrong} of {sum(len(took[kind]) for kind in KINDS)}"]
    judged = {
        "p99 from fault to request, ms": max(figures[kind]["p99_ms"] for kind in (*KINDS, "message")),
        "times the p50 by hand": figures["lost"]["p50_ms"] / figures["by hand"]["p50_ms"],
        "cuts with a gap or a repetition": wrong,
    }
    return Result({**figures, "wrong_cuts": wrong}, lines, judged)


def main() -> int:
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(serve())
        return 0
    return run("resume", __doc__, measure, rounds=1)


if __name__ == "__main__":
    raise SystemExit(main())
