"""What streams keep in memory: one that never seems to end, one that comes at once, and a thousand slow ones.

    python -m benchmarks.memory            # ten million tokens
    python -m benchmarks.memory --quick    # one million

1. Resident memory while ten million tokens pass through the whole pipeline, as a curve. The first twentieth warms up
   (buffers, caches, the bounded partial reply); what is judged is the growth after that.
2. The most that ``tracemalloc`` sees at any moment of one stream that comes as fast as it is read, above what was
   there before it.
3. The same while a thousand paced streams flow, a stream: all of it, and what was allocated by lines of this
   library; with no operator, and with a deadline, a content filter and metrics. What those lines have other libraries
   allocate is theirs, as ``tracemalloc`` sees it.

Each is measured in a process of its own; the servers run in another.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

import tokenrill
from benchmarks import paced_server, server
from benchmarks.files import allow_open_files
from benchmarks.rounds import Result, in_own_process, run
from tokenrill import (
    CompletionRequest,
    Pipeline,
    StreamMetrics,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    deadline,
    filter_content,
    openai,
)

__all__ = ["REQUEST", "main", "resident_mib", "usual"]

TOKENS: Final = 10_000_000
QUICK_TOKENS: Final = 1_000_000
TRACED_TOKENS: Final = 200_000
EVENTS_A_CHUNK: Final = 50
STREAMS: Final = 1000
PACE_US: Final = 500_000  # slow, since tracing slows the client
PACED_TOKENS: Final = 24
POINTS: Final = 20
MIB: Final = 1 << 20
REQUEST: Final = CompletionRequest(model="m", messages="Hi")
OURS: Final = Path(tokenrill.__file__).parent
ROOMS: Final = ("streams", "operators", "sources", "sinks", "runners")


def plain(url: str) -> Pipeline[StreamToken]:
    """A provider's stream, and nothing more."""
    return StreamPipelineBuilder.source(openai(api_key="bench-key", base_url=url)).build()


def usual(url: str) -> Pipeline[StreamToken]:
    """The same with a deadline, a content filter and metrics."""
    builder = StreamPipelineBuilder.source(openai(api_key="bench-key", base_url=url))
    return (
        builder.pipe(deadline(first_token=60, idle=60))
        .pipe(filter_content(["forbidden"]))
        .attach(StreamMetrics())
        .build()
    )


def resident_mib() -> float:
    """Resident memory now, or its peak where the system only tells that."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1 << 10)


async def read_all(pipeline: Pipeline[StreamToken], every: int, look: Callable[[], None]) -> int:
    """Subscribe, and ``look`` after so many tokens each; how many came."""
    count = 0

    def see(token: object) -> None:
        nonlocal count
        if type(token) is TextDelta:
            count += 1
            if count % every == 0:
                look()

    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pipeline.stream(REQUEST).subscribe(see, done.set_exception, lambda: done.set_result(None))
    await done
    return count


async def curve(url: str, tokens: int) -> dict[str, Any]:
    """Resident memory after each twentieth of a long stream."""
    pipeline = usual(f"{url}/{tokens}/1/v1")
    points: list[float] = []
    started = time.perf_counter()
    count = await read_all(pipeline, tokens // POINTS, lambda: points.append(resident_mib()))
    elapsed = time.perf_counter() - started
    await pipeline.aclose()
    assert count == tokens, f"saw {count} tokens of {tokens}"
    return {"points": points, "seconds": elapsed}


async def peak(url: str, a_chunk: int) -> float:
    """Megabytes that one unpaced stream held at its worst moment."""
    warm = usual(f"{url}/2000/{a_chunk}/v1")
    await read_all(warm, 1000, lambda: None)
    await warm.aclose()
    pipeline = usual(f"{url}/{TRACED_TOKENS}/{a_chunk}/v1")
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    count = await read_all(pipeline, TRACED_TOKENS, lambda: None)
    most = tracemalloc.get_traced_memory()[1]
    await pipeline.aclose()
    assert count == TRACED_TOKENS, f"saw {count} tokens of {TRACED_TOKENS}"
    return (most - before) / 1e6


class Share(Struct, frozen=True):
    """What some file's lines hold, a stream."""

    file: str
    size: float
    blocks: float


async def paced(url: str, streams: int, build: Callable[[str], Pipeline[StreamToken]] = usual) -> dict[str, Any]:
    """What a stream holds while all of them flow."""
    allow_open_files(streams + 200)
    warm = build(f"{url}/1/2/1000/v1")
    await read_all(warm, 1, lambda: None)
    await warm.aclose()
    pipeline = build(f"{url}/{streams}/{PACED_TOKENS}/{PACE_US}/v1")
    gc.collect()
    tracemalloc.start()
    counts = [asyncio.create_task(read_all(pipeline, PACED_TOKENS, lambda: None)) for _ in range(streams)]
    await asyncio.sleep(PACED_TOKENS * PACE_US / 1e6 * 0.75)  # streams that flow for twelve seconds
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    assert all(count == PACED_TOKENS for count in await asyncio.gather(*counts)), "a stream lost tokens"
    await pipeline.aclose()
    shares = [
        Share(name_of(found.traceback[0].filename), found.size / streams, found.count / streams)
        for found in snapshot.statistics("filename")
    ]
    return {
        "all": sum(share.size for share in shares),
        "ours": sum(share.size for share in shares if is_ours(share.file)),
        "blocks": sum(share.blocks for share in shares if is_ours(share.file)),
        "largest": [(share.file, share.size, share.blocks) for share in shares[:24]],
    }


def name_of(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(OURS):
        return str(path.relative_to(OURS))
    return "/".join(path.parts[-2:])


def is_ours(file: str) -> bool:
    return file.split("/")[0] in ROOMS


def one(what: str, url: str, number: str) -> Any:
    """Measure one thing in this process."""
    server.pin(0)
    kinds: dict[str, Callable[[str, int], Any]] = {
        "curve": curve,
        "peak": peak,
        "paced": paced,
        "paced, no operator": partial(paced, build=plain),
    }
    return asyncio.run(kinds[what](url, int(number)))


def measure(options: argparse.Namespace) -> Result:
    tokens = QUICK_TOKENS if options.quick else options.tokens
    with server.serving() as url:
        found = in_own_process("benchmarks.memory", "curve", url, tokens)
        peaks = {a_chunk: in_own_process("benchmarks.memory", "peak", url, a_chunk) for a_chunk in (1, EVENTS_A_CHUNK)}
    with paced_server.serving() as slow:
        streams, bare = (
            in_own_process("benchmarks.memory", kind, slow.address, STREAMS) for kind in ("paced", "paced, no operator")
        )
    points: list[float] = found["points"]
    low, high = min(points), max(points)
    lines: list[str] = []
    for number, point in enumerate(points, 1):
        bar = "█" * (1 + round(39 * (point - low) / max(high - low, 1.0)))
        lines.append(f"{tokens * number // POINTS:>12,} tokens {point:8.2f} MiB {bar}")
    growth = max(points[1:]) - points[0]
    rate = tokens / found["seconds"]
    lines.append(f"{tokens:,} tokens in {found['seconds']:.1f} s, {rate:,.0f} a second; growth {growth:+.2f} MiB")
    lines += [
        f"peak of one unpaced stream, {a_chunk:2} events a chunk: {size:.2f} MB" for a_chunk, size in peaks.items()
    ]
    lines.append(f"{STREAMS:,} paced streams: {streams['all'] / 1024:.1f} KiB a stream, of which allocated by")
    lines += [f"  {file:40} {size:8.0f} B in {blocks:5.1f} blocks" for file, size, blocks in streams["largest"]]
    for which, held in (("", streams), (", no operator", bare)):
        lines.append(
            f"  this library's lines{which}: {held['ours'] / 1024:.2f} KiB in {held['blocks']:.0f} blocks a stream"
        )
    judged = {
        "growth, MiB": growth,
        "peak of one unpaced stream, MB": max(peaks.values()),
        "ours of a paced stream, KiB": streams["ours"] / 1024,
        "ours of a paced stream, no operator, KiB": bare["ours"] / 1024,
    }
    figures = {"tokens": tokens, "rate": rate, **found, "peaks": peaks, "paced": streams, "paced_no_operator": bare}
    return Result({"memory": figures}, lines, judged)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one million tokens")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of the long stream")


def main() -> int:
    return run("memory", __doc__, measure, one=one, options=add_options)


if __name__ == "__main__":
    raise SystemExit(main())
