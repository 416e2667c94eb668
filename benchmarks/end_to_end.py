"""Tokens a second through a real socket: the whole pipeline beside the loop one would write by hand.

    python -m benchmarks.end_to_end            # the table
    python -m benchmarks.end_to_end --json     # the figures
    python -m benchmarks.end_to_end --check    # fail when a ratio is under its budget

The contenders run one after the other in every round, each in a process of its own on core 0, the server on core 1; the
figures are medians. The pipeline has five operators attached, and its subscriber gets one token at a time; the
hand-written loop only decodes and counts. Events are about 300 bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import aiohttp

from benchmarks.rounds import Result, in_own_process, interleaved, medians, ratio, run
from benchmarks.server import pin, serving
from tokenrill import (
    CompletionRequest,
    StreamMetrics,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    deadline,
    filter_content,
    openai,
    transduce,
)

__all__ = ["five_operators", "main", "ours"]

TOKENS: Final = 200_000
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


class Shouting:
    """An operator of one's own: every text in capitals. A transducer."""

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        yield TextDelta(token.text.upper(), token.index, token.choice) if type(token) is TextDelta else token

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        """The same for all tokens of a read; without this method it would be slower, and right."""
        return [
            TextDelta(token.text.upper(), token.index, token.choice) if type(token) is TextDelta else token
            for token in tokens
        ]

    def close(self) -> Iterable[StreamToken]:
        return ()


class Counting:
    """Another: count the characters that pass. A transducer."""

    def __init__(self) -> None:
        self.characters = 0

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        self.feed_batch((token,))
        return (token,)

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        self.characters += sum([len(token.text) for token in tokens if type(token) is TextDelta])
        return tokens

    def close(self) -> Iterable[StreamToken]:
        return ()


def five_operators(builder: StreamPipelineBuilder[StreamToken]) -> StreamPipelineBuilder[StreamToken]:
    """A content filter, a deadline, metrics, and two operators of one's own, one of which makes new tokens."""
    return (
        builder.pipe(filter_content(["forbidden"]))
        .pipe(deadline(first_token=60, idle=60))
        .pipe(transduce(Shouting))
        .pipe(transduce(Counting))
        .attach(StreamMetrics())
    )


async def ours(url: str) -> int:
    """The pipeline with five operators, one token an item at the subscriber; tokens counted."""
    count = 0

    def see(token: object) -> None:
        nonlocal count
        if type(token) is TextDelta:
            count += 1

    provider = openai(api_key="bench-key", base_url=url)
    pipeline = five_operators(StreamPipelineBuilder.source(provider)).build()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request = CompletionRequest(model="m", messages="Hi")
    pipeline.stream(request).subscribe(see, done.set_exception, lambda: done.set_result(None))
    await done
    await provider.aclose()
    return count


CONTENDERS: Final[Mapping[str, Callable[[str], Awaitable[int]]]] = {"by_hand": by_hand, "ours": ours}


def one(name: str, url: str) -> float:
    """A contender's process: tokens a second of one run."""
    pin(0)

    async def timed() -> float:
        await CONTENDERS[name](url.replace(f"/{TOKENS}/", "/500/"))
        started = time.perf_counter()
        count = await CONTENDERS[name](url)
        elapsed = time.perf_counter() - started
        assert count == TOKENS, f"{name} saw {count} tokens of {TOKENS}"
        return count / elapsed

    return asyncio.run(timed())


def measure(options: argparse.Namespace) -> Result:
    figures: dict[str, dict[str, float]] = {}
    judged: dict[str, float] = {}
    with serving() as server:
        for a_chunk in EVENTS_A_CHUNK:
            url = f"{server}/{TOKENS}/{a_chunk}/v1"

            def rate(name: str, url: str = url) -> float:
                return in_own_process("benchmarks.end_to_end", name, url)

            rates = interleaved(list(CONTENDERS), options.rounds, rate)
            times = ratio(rates, "ours", "by_hand")
            shape = f"{a_chunk} event{'s' if a_chunk > 1 else ''} a chunk"
            figures[shape] = {**medians(rates), "ratio": times}
            judged[f"times by hand, {shape}"] = times
    lines = [f"{TOKENS:,} tokens of 300-byte events, medians of {options.rounds} rounds, tokens/s"]
    lines += [
        f"  {shape:20} by hand {row['by_hand']:>9,.0f}   ours {row['ours']:>9,.0f}   ratio {row['ratio']:.2f}"
        for shape, row in figures.items()
    ]
    return Result({"end_to_end": figures}, lines, judged)


def main() -> int:
    return run("end_to_end", __doc__, measure, one=one)


if __name__ == "__main__":
    raise SystemExit(main())
