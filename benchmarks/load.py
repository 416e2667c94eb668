"""The clients of ``benchmarks.concurrency``: many streams at once, and what they cost.

The streams begin all at once, which keeps a core busy for a while, and what comes meanwhile waits. What is told of the
steady state is measured from when the last of them has brought a tenth of its tokens until the first of them ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import aiohttp

from benchmarks.files import allow_open_files
from benchmarks.memory import REQUEST, plain, resident_mib, usual
from benchmarks.server import pin
from benchmarks.stamp import DIGITS, nanoseconds_since
from tokenrill import Pipeline, StreamToken, TextDelta

__all__ = ["CONTENDERS", "Meter", "Stream", "one"]

SPARE_FILES: Final = 200
SAMPLE_SECONDS: Final = 0.25
PATIENT: Final = (50_000, 50, 100)  # gc.set_threshold


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def waited_seconds() -> float:
    """For how long this process could have run, while the core was another's; 0 where the system does not tell."""
    told = Path("/proc/self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


class Moment:
    """Where things stand."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.cpu = cpu_seconds()
        self.waited = waited_seconds()
        self.time = time.perf_counter()


class Meter:
    """What all streams of a run bring."""

    def __init__(self, streams: int, tokens: int) -> None:
        self.streams = streams
        # Made and written to beforehand, so that no contender's memory is the meter's.
        self.late = array("q", [-1]) * (streams * tokens)
        self.settled = 1 + tokens // 10
        self.count = self.streams_settled = 0
        self.begun: Moment | None = None
        self.ending: Moment | None = None

    def settles(self) -> None:
        self.streams_settled += 1
        if self.streams_settled == self.streams:
            self.begun = Moment(self.count)

    def ended(self) -> None:
        if self.ending is None:
            self.ending = Moment(self.count)


class Stream:
    """One stream as its subscriber sees it."""

    __slots__ = ("_late", "_meter", "seen")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._late = meter.late
        self.seen = 0

    def token(self, stamp: str | bytes) -> None:
        """A token has come, with the time it was sent."""
        meter = self._meter
        self._late[meter.count] = nanoseconds_since(stamp)
        meter.count += 1
        self.seen += 1
        if self.seen == meter.settled:
            meter.settles()

    def end(self) -> None:
        """It is complete."""
        self._meter.ended()


Run: TypeAlias = Callable[[Stream], Awaitable[None]]
Close: TypeAlias = Callable[[], Awaitable[None]]
Contender: TypeAlias = Callable[[str], Awaitable[tuple[Run, Close]]]
BODY: Final = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
MARK: Final = b'"content":"'


class Counting(asyncio.Protocol):
    """Counts, and nothing more: no HTTP, no framing, no JSON."""

    def __init__(self, stream: Stream, done: asyncio.Future[None], request: bytes) -> None:
        self.stream = stream
        self.done = done
        self.request = request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        at = data.find(MARK)
        while at >= 0:
            at += len(MARK)
            self.stream.token(data[at : at + DIGITS])
            at = data.find(MARK, at + DIGITS)
        if data.endswith(b"\r\n0\r\n\r\n"):
            self.stream.end()
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed before the end"))


async def floor(url: str) -> tuple[Run, Close]:
    """A bare ``asyncio.Protocol``: what the kernel, the loop and one callback a read cost."""
    loop = asyncio.get_running_loop()
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    body = json.dumps(BODY).encode()
    head = f"POST /{path}/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body

    async def run(stream: Stream) -> None:
        done = loop.create_future()
        await loop.create_connection(lambda: Counting(stream, done, request), name, int(port))
        await done

    async def close() -> None:
        pass

    return run, close


async def by_hand(url: str) -> tuple[Run, Close]:
    """aiohttp, ``async for line``, ``json.loads``: what people write."""
    connector = aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))

    async def run(stream: Stream) -> None:
        async with session.post(f"{url}/chat/completions", json=BODY) as response:
            async for line in response.content:
                text = line.decode().rstrip()
                if not text.startswith("data: ") or text == "data: [DONE]":
                    continue
                chunk = json.loads(text[6:])
                for choice in chunk["choices"]:
                    content = choice["delta"].get("content")
                    if content:
                        stream.token(content)
        stream.end()

    return run, session.close


async def ours(url: str, build: Callable[[str], Pipeline[StreamToken]]) -> tuple[Run, Close]:
    """A pipeline; its subscriber gets one token at a time."""
    loop = asyncio.get_running_loop()
    pipeline = build(url)

    async def run(stream: Stream) -> None:
        done: asyncio.Future[None] = loop.create_future()
        take = stream.token

        def see(token: object) -> None:
            if type(token) is TextDelta:
                take(token.text)

        def completed() -> None:
            stream.end()
            done.set_result(None)

        pipeline.stream(REQUEST).subscribe(see, done.set_exception, completed)
        await done

    return run, pipeline.aclose


def uvloop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


LOOPS: Final[Mapping[str, Callable[[], Callable[[], asyncio.AbstractEventLoop]]]] = {
    "asyncio": lambda: asyncio.new_event_loop,
    "uvloop": uvloop_factory,
}
CONTENDERS: Final[Mapping[str, Contender]] = {
    "floor": floor,
    "by_hand": by_hand,
    "ours": partial(ours, build=usual),
    "ours, no operator": partial(ours, build=plain),
}


async def load(contender: Contender, url: str, streams: int, tokens: int, pace: int) -> dict[str, float]:
    warm_up, end_warm_up = await contender(f"{url}/1/2/1000/v1")
    await warm_up(Stream(Meter(1, 2)))
    await end_warm_up()
    run, close = await contender(f"{url}/{streams}/{tokens}/{pace}/v1")
    meter = Meter(streams, tokens)
    gc.collect()
    gc.freeze()
    before, most = resident_mib(), 0.0
    started = Moment(0)

    async def sample() -> None:
        nonlocal most
        while True:
            most = max(most, resident_mib())
            await asyncio.sleep(SAMPLE_SECONDS)

    seen = [Stream(meter) for _ in range(streams)]
    sampling = asyncio.create_task(sample())
    results = await asyncio.gather(*(run(stream) for stream in seen), return_exceptions=True)
    done = Moment(meter.count)
    sampling.cancel()
    with suppress(asyncio.CancelledError):
        await sampling
    await close()
    errors = [repr(result) for result in results if isinstance(result, BaseException)]
    wrong = sum(stream.seen != tokens for stream in seen)
    for error in errors[:3]:
        print(error, file=sys.stderr)
    figures: dict[str, float] = {
        "errors": len(errors),
        "wrong_counts": wrong,
        "wall": done.time - started.time,
        "cpu_a_token_us": (done.cpu - started.cpu) / max(1, meter.count) * 1e6,
        "kib_a_stream": (most - before) / streams * 1024,
        "steady_seconds": 0.0,
    }
    begun, ending = meter.begun, meter.ending
    if begun is not None and ending is not None and ending.time > begun.time:
        late = sorted(meter.late[begun.tokens : ending.tokens])
        figures |= {
            "steady_seconds": ending.time - begun.time,
            "steady_us_a_token": (ending.cpu - begun.cpu) / len(late) * 1e6,
            "core_use": (ending.cpu - begun.cpu) / (ending.time - begun.time),
            "core_lost": (ending.waited - begun.waited) / (ending.time - begun.time),
            "p50_ms": late[len(late) // 2] / 1e6,
            "p99_ms": late[len(late) * 99 // 100] / 1e6,
            "max_ms": late[-1] / 1e6,
        }
    return figures


def one(name: str, url: str, streams: str, tokens: str, pace: str, loop: str) -> dict[str, Any]:
    """Run one client in this process."""
    pin(0)
    allow_open_files(int(streams) + SPARE_FILES)
    gc.set_threshold(*PATIENT)
    with asyncio.Runner(loop_factory=LOOPS[loop]()) as runner:
        return runner.run(load(CONTENDERS[name], url, int(streams), int(tokens), int(pace)))
