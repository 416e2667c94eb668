"""Tokens a second through a real socket: the whole pipeline beside the loop one would write by hand.

    python -m benchmarks.end_to_end            # the table
    python -m benchmarks.end_to_end --json     # the figures
    python -m benchmarks.end_to_end --check    # fail when the ratio is under the floor

The contenders run one after the other in every round, each in a process of its own on core 0, the server on core 1; the
figures are medians. The pipeline here attaches metrics and filters content, and its subscriber gets one token
at a time; the hand-written loop only decodes and counts. Events are about 300 bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import aiohttp

from benchmarks.server import pin, serving
from tokenrill import CompletionRequest, StreamMetrics, StreamPipelineBuilder, TextDelta, filter_content, openai

__all__ = ["main"]

FLOOR: Final = 2.0  # times the hand-written loop
TOKENS: Final = 60_000
EVENTS_A_CHUNK: Final = (1, 50)


async def by_hand(url: str) -> int:
    """aiohttp, ``async for line``, ``json.loads``: what people write."""
    count = 0
    timeout = aiohttp.ClientTimeout(total=None)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{url}/chat/completions", json=body) as response,
    ):
        async for line in response.content:
            text = line.decode().rstrip()
            if not text.startswith("data: ") or text == "data: [DONE]":
                continue
            chunk = json.loads(text[6:])
            for choice in chunk["choices"]:
                if choice["delta"].get("content"):
                    count += 1
    return count


async def ours(url: str) -> int:
    """The pipeline with a filter and metrics, one token an item at the subscriber."""
    count = 0

    def see(token: object) -> None:
        nonlocal count
        if type(token) is TextDelta:
            count += 1

    provider = openai(api_key="bench-key", base_url=url)
    builder = StreamPipelineBuilder.source(provider).pipe(filter_content(["forbidden"])).attach(StreamMetrics())
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request = CompletionRequest(model="m", messages="Hi")
    builder.build().stream(request).subscribe(see, done.set_exception, lambda: done.set_result(None))
    await done
    await provider.aclose()
    return count


CONTENDERS: Final[Mapping[str, Callable[[str], Awaitable[int]]]] = {"by_hand": by_hand, "ours": ours}


def measure(name: str, url: str) -> float:
    """One run in a process of its own; tokens a second."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.end_to_end", "--one", name, url], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def run_one(name: str, url: str) -> None:
    pin(0)

    async def timed() -> float:
        await CONTENDERS[name](url.replace(f"/{TOKENS}/", "/500/"))
        started = time.perf_counter()
        count = await CONTENDERS[name](url)
        elapsed = time.perf_counter() - started
        assert count == TOKENS, f"{name} saw {count} tokens of {TOKENS}"
        return count / elapsed

    print(asyncio.run(timed()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(*options.one)
        return 0
    figures: dict[str, dict[str, float]] = {}
    with serving() as server:
        for a_chunk in EVENTS_A_CHUNK:
            url = f"{server}/{TOKENS}/{a_chunk}/v1"
            rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
            for _ in range(options.rounds):
                for name in CONTENDERS:
                    rates[name].append(measure(name, url))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            ratio = statistics.median(mine / hand for mine, hand in zip(rates["ours"], rates["by_hand"], strict=True))
            figures[f"{a_chunk} events a chunk"] = {**medians, "ratio": ratio}
    if options.json:
        print(json.dumps({"end_to_end": figures}, indent=2))
    else:
        print(f"{TOKENS:,} tokens of 300-byte events, medians of {options.rounds} rounds, tokens/s")
        for shape, row in figures.items():
            print(
                f"  {shape:20} by hand {row['by_hand']:>9,.0f}   ours {row['ours']:>9,.0f}   ratio {row['ratio']:.2f}"
            )
    slow = [shape for shape, row in figures.items() if row["ratio"] < FLOOR]
    if options.check and slow:
        print(f"under the floor of {FLOOR} times the hand-written loop: {', '.join(slow)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
