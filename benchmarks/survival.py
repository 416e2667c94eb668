"""A thousand streams at once, from a server that fails at nearly every second request, in every way.

    python -m benchmarks.survival [--streams N] [--json [FILE]] [--check]

Ours goes through ``resilient``: every stream must end typed, none may hang or be left behind, what can be recovered
must be, and the loop's lag stays small. Beside it, in the same run, a plain aiohttp client reads from a server that
fails alike, and gives up at the first fault, as most do. The collector is asked for both as a server would ask it:
``gc.freeze()`` when all is made, and patient thresholds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import time
from collections import Counter
from typing import Any, Final

import aiohttp
from psutil import Process

from benchmarks.faulty_server import WORDS, FaultyServer, faulty_server
from benchmarks.load import PATIENT
from benchmarks.rounds import Result, run
from benchmarks.server import pin
from tokenrill import (
    CompletionRequest,
    Pipeline,
    Reply,
    StreamError,
    StreamMetrics,
    StreamPipelineBuilder,
    accumulate,
    openai,
    resilient,
)

__all__ = ["main"]

STREAMS: Final = 1_000
HUNG_AFTER: Final = 120.0
TICK: Final = 0.005
REQUEST: Final = CompletionRequest(model="m", messages="Say the words.")


async def lags(late: list[float]) -> None:
    """How late each tick of the loop is, in milliseconds, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        late.append((loop.time() - due) * 1000)


async def ours(url: str, streams: int, metrics: StreamMetrics) -> Counter[str]:
    """How the streams ended."""
    ends: Counter[str] = Counter()
    provider = openai(api_key="bench-key", base_url=url + "/v1")
    pipeline: Pipeline[Reply] = (
        StreamPipelineBuilder.source(provider)
        .pipe(
            resilient(
                attempts=6,
                resumes=6,
                first_token=2.0,
                idle=2.0,
                limiter=False,
            )
        )
        .attach(metrics)
        .pipe(accumulate())
        .build()
    )

    async def one() -> None:
        try:
            reply = await pipeline.stream(REQUEST)
        except StreamError as error:
            ends[type(error).__name__] += 1
        else:
            ends["whole" if reply.text == WORDS else "another text"] += 1

    try:
        async with asyncio.timeout(HUNG_AFTER):
            await asyncio.gather(*(one() for _ in range(streams)))
    finally:
        await provider.aclose()
    return ends


async def plain(url: str, streams: int) -> Counter[str]:
    """The same by hand: aiohttp, ``async for line``, ``json.loads``, and an error for whatever goes wrong."""
    ends: Counter[str] = Counter()
    body = {"model": "m", "messages": [{"role": "user", "content": "Say the words."}], "stream": True}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=2.0)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, headers={"authorization": "Bearer bench-key"}
    ) as session:

        async def one() -> None:
            said: list[str] = []
            try:
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    response.raise_for_status()
                    async for line in response.content:
                        text = line.decode().rstrip()
                        if text.startswith("data: {"):
                            for choice in json.loads(text[6:]).get("choices", ()):
                                said.append(choice["delta"].get("content") or "")
            except (aiohttp.ClientError, TimeoutError) as error:
                ends[type(error).__name__] += 1
            else:
                ends["whole" if "".join(said) == WORDS else "taken for whole"] += 1

        await asyncio.gather(*(one() for _ in range(streams)))
    return ends


async def measured(name: str, server: FaultyServer, streams: int) -> dict[str, Any]:
    """One contender's run: how its streams ended, in what time, and what it left."""
    process, tasks, metrics = Process(), asyncio.all_tasks(), StreamMetrics()
    late: list[float] = []
    ticking = asyncio.create_task(lags(late))
    files, cpu, started = process.num_fds(), time.process_time(), time.perf_counter()
    ends = await (ours(server.url, streams, metrics) if name == "ours" else plain(server.url, streams))
    elapsed, spent = time.perf_counter() - started, time.process_time() - cpu
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    left: dict[str, int] = {}
    for _ in range(400):  # nobody tells when the last socket has gone
        left = {
            "tasks": len(asyncio.all_tasks() - tasks),
            "files": process.num_fds() - files,
            "connections": server.status()["open"],
        }
        if not any(value > 0 for value in left.values()):
            break
        await asyncio.sleep(0.01)
    words = len(WORDS.split()) * ends["whole"]
    return {
        "ends": dict(ends),
        "seconds": elapsed,
        "cpu_seconds": spent,
        "words_a_second": words / elapsed,
        "lag_p99_ms": statistics.quantiles(late, n=100)[98],
        "lag_worst_ms": max(late),
        "left": left,
        "decided": str(metrics).splitlines()[-1] if name == "ours" else "",
    }


def judged(figures: dict[str, Any], streams: int) -> dict[str, float]:
    """What the budget file names."""
    ends = figures["ends"]
    return {
        "streams that have not ended": float(streams - sum(ends.values())),
        "answers that are not what was said": float(ends.get("another text", 0)),
        "tasks, files and connections left behind": float(sum(max(0, count) for count in figures["left"].values())),
        "lag p99, ms": figures["lag_p99_ms"],
    }


def lines(name: str, run: dict[str, Any]) -> list[str]:
    """One contender's figures, to read."""
    ends = ", ".join(f"{count} {end}" for end, count in sorted(run["ends"].items(), key=lambda item: -item[1]))
    figures = (
        f"{run['seconds']:.1f} s",
        f"{run['words_a_second']:,.0f} words/s of whole answers",
        f"{run['cpu_seconds']:.1f} s of CPU",
        f"lag p99 {run['lag_p99_ms']:.1f} ms, worst {run['lag_worst_ms']:.0f} ms",
        f"{sum(run['asked'].values())} requests",
    )
    return [
        f"{name:8} {ends}",
        f"{'':8} {', '.join(figures)}",
        *([f"{'':8} {run['decided']}"] if run["decided"] else []),
    ]


def measure(options: argparse.Namespace) -> Result:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pin(0)
    figures: dict[str, Any] = {}
    gc.set_threshold(*PATIENT)
    for name in ("by_hand", "ours"):
        with faulty_server() as server:
            gc.collect()
            gc.freeze()
            figures[name] = asyncio.run(measured(name, server, options.streams))
            figures[name]["asked"] = server.status()["asked"]
    told = [line for name, run in figures.items() for line in lines(name, run)]
    return Result({"survival": figures}, told, judged(figures["ours"], options.streams))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=STREAMS)


def main() -> int:
    return run("survival", __doc__, measure, options=add_options)


if __name__ == "__main__":
    raise SystemExit(main())
