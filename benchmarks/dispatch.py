"""What a request costs before its first byte is on the wire, and until its first token is here.

    python -m benchmarks.dispatch             # the table
    python -m benchmarks.dispatch --json      # the figures
    python -m benchmarks.dispatch --check     # fail when a figure is over its budget

One request after the other on a warm connection, with an answer of one token from a server in a process and on a core
of its own. The first byte is on the wire when the transport is given it. Beside the pipeline, in the same rounds, the
loop that one writes by hand with aiohttp, and the rendering and signing of a request alone. The figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from asyncio import selector_events
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp

from benchmarks.end_to_end import five_operators
from benchmarks.rounds import Result, in_own_process, run
from benchmarks.server import HEAD, chunk, end, event, pin
from tokenrill import CompletionRequest, Pipeline, StreamPipelineBuilder, TextDelta, openai
from tokenrill.sources.auth import Secret, bearer
from tokenrill.sources.http import Headers, HttpRequest
from tokenrill.sources.sigv4 import AwsKeys, sign

__all__ = ["main"]

REQUESTS: Final = 400
WARM_UP: Final = 50
PAUSE: Final = 0.002
ASK: Final = CompletionRequest(model="m", messages="Hi")
KEY: Final = "sk-bench-key"
Asking = Callable[[], Awaitable[int]]


class Answering(asyncio.Protocol):
    """Answers each request with one token, and a moment later with the end: no model says all at once."""

    def __init__(self) -> None:
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if found and len(body) >= length:
            self._seen = b""
            self._transport.write(HEAD + chunk(event(0)))
            asyncio.get_running_loop().call_later(PAUSE, self._transport.write, chunk(end(1)) + b"0\r\n\r\n")


async def serve() -> None:
    pin(1)
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started us is gone


@contextmanager
def serving() -> Generator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.dispatch", "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=5)
        process.stdout.close()


def by_hand(url: str) -> tuple[Asking, Callable[[], Awaitable[None]]]:
    """aiohttp, ``async for line``, ``json.loads``; when its first token came."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    headers = {"authorization": f"Bearer {KEY}"}

    async def ask() -> int:
        first = 0
        async with session.post(f"{url}/chat/completions", json=body, headers=headers) as response:
            async for line in response.content:
                text = line.decode().rstrip()
                if not text.startswith("data: ") or text == "data: [DONE]":
                    continue
                for choice in json.loads(text[6:])["choices"]:
                    if choice["delta"].get("content"):
                        first = first or time.monotonic_ns()
            return first

    return ask, session.close


def ours(url: str, *, operators: bool) -> tuple[Asking, Callable[[], Awaitable[None]]]:
    """A pipeline, built once."""
    provider = openai(api_key=KEY, base_url=url)
    builder = StreamPipelineBuilder.source(provider)
    pipeline: Pipeline[Any] = (five_operators(builder) if operators else builder).build()

    async def ask() -> int:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first = 0

        def see(token: object) -> None:
            nonlocal first
            if not first and isinstance(token, TextDelta):
                first = time.monotonic_ns()

        pipeline.stream(ASK).subscribe(see, done.set_exception, lambda: done.set_result(None))
        await done
        return first

    return ask, pipeline.aclose


CONTENDERS: Final[Mapping[str, Callable[[str], tuple[Asking, Callable[[], Awaitable[None]]]]]] = {
    "by hand": by_hand,
    "ours": lambda url: ours(url, operators=False),
    "ours, five operators": lambda url: ours(url, operators=True),
}


def note_writes() -> list[int]:
    """When anything was given to a transport, from now on."""
    written: list[int] = []
    kind: Any = selector_events

    def noting(write: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def noted(transport: Any, data: Any) -> None:
            written.append(time.monotonic_ns())
            write(transport, data)

        return noted

    for name in ("write", "writelines"):
        setattr(kind._SelectorSocketTransport, name, noting(getattr(kind._SelectorSocketTransport, name)))
    return written


async def timed(name: str, url: str) -> tuple[float, float]:
    """Medians in ms: until the first byte is on the wire, and until the first token is here."""
    written = note_writes()
    ask, close = CONTENDERS[name](url)
    dispatch: list[float] = []
    first_token: list[float] = []
    for number in range(WARM_UP + REQUESTS):
        written.clear()
        started = time.monotonic_ns()
        first = await ask()
        if number >= WARM_UP:
            dispatch.append((written[0] - started) / 1e6)
            first_token.append((first - started) / 1e6)
    await close()
    return statistics.median(dispatch), statistics.median(first_token)


def one(name: str, url: str) -> tuple[float, float]:
    """A contender's process."""
    pin(0)
    return asyncio.run(timed(name, url))


async def preparation() -> dict[str, float]:
    """In µs: what is done to a request before it is sent."""
    provider = openai(api_key=KEY, base_url="http://127.0.0.1:9")
    request = HttpRequest("POST", "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m", Headers(), b"{}" * 100)
    keys = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI"))
    authorize = bearer(Secret(KEY))

    async def signed() -> object:
        return sign(request, keys, region="eu-west-1")

    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "render and sign": lambda: provider.prepare(ASK),
        "bearer": lambda: authorize(request),
        "SigV4": signed,
    }
    figures: dict[str, float] = {}
    for name, step in steps.items():
        rounds: list[float] = []
        for _ in range(7):
            started = time.perf_counter()
            for _ in range(500):
                await step()
            rounds.append((time.perf_counter() - started) / 500 * 1e6)
        figures[name] = statistics.median(rounds)
    return figures


def measure(options: argparse.Namespace) -> Result:
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    with serving() as url:
        for _ in range(options.rounds):
            for name in CONTENDERS:
                runs[name].append(in_own_process("benchmarks.dispatch", name, url))
    figures: dict[str, dict[str, float]] = {}
    for name, pairs in runs.items():
        over = [mine[1] - raw[1] for mine, raw in zip(pairs, runs["by hand"], strict=True)]
        figures[name] = {
            "dispatch_ms": statistics.median(pair[0] for pair in pairs),
            "first_token_ms": statistics.median(pair[1] for pair in pairs),
            "first_token_over_by_hand_ms": statistics.median(over),
        }
    prepared = asyncio.run(preparation())
    lines = [f"one request after the other on a warm connection, medians of {options.rounds} rounds of {REQUESTS}, ms"]
    lines += [
        f"  {name:22} first byte on the wire {row['dispatch_ms']:.3f}   first token {row['first_token_ms']:.3f}"
        f"   ({row['first_token_over_by_hand_ms']:+.3f})"
        for name, row in figures.items()
    ]
    lines.append("  " + "   ".join(f"{name} {took:.1f} µs" for name, took in prepared.items()))
    judged: dict[str, float] = {}
    for name in ("ours", "ours, five operators"):
        judged[f"{name}: to the first byte, ms"] = figures[name]["dispatch_ms"]
        judged[f"{name}: first token over by hand, ms"] = figures[name]["first_token_over_by_hand_ms"]
    return Result({"dispatch": figures, "preparation_us": prepared}, lines, judged)


def main() -> int:
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(serve())
        return 0
    return run("dispatch", __doc__, measure, one=one)


if __name__ == "__main__":
    raise SystemExit(main())
