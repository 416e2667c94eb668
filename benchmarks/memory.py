"""Memory while a million tokens pass through the whole pipeline, as a curve.

    python -m benchmarks.memory [--tokens N] [--check]

Resident memory of this process is read at every twentieth of the way; the server runs in another. The first twentieth
warms up (buffers, caches, the bounded partial reply); what is judged is the growth after that.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.server import pin, serving
from tokenrill import CompletionRequest, StreamMetrics, StreamPipelineBuilder, TextDelta, filter_content, openai

__all__ = ["main"]

FLOOR_MIB: Final = 1.0
POINTS: Final = 20


def resident_mib() -> float:
    """Resident memory now, or its peak where the system only tells that."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / (1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


async def curve(url: str, tokens: int) -> list[float]:
    points: list[float] = []
    count = 0
    step = max(1, tokens // POINTS)

    def see(token: object) -> None:
        nonlocal count
        if type(token) is TextDelta:
            count += 1
            if count % step == 0:
                points.append(resident_mib())

    provider = openai(api_key="bench-key", base_url=url)
    builder = StreamPipelineBuilder.source(provider).pipe(filter_content(["forbidden"])).attach(StreamMetrics())
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request = CompletionRequest(model="m", messages="Hi")
    builder.build().stream(request).subscribe(see, done.set_exception, lambda: done.set_result(None))
    await done
    await provider.aclose()
    assert count == tokens, f"saw {count} tokens of {tokens}"
    return points


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--check", action="store_true", help=f"fail when memory grows by more than {FLOOR_MIB} MiB")
    options = parser.parse_args()
    pin(0)
    with serving() as server:
        started = time.perf_counter()
        points = asyncio.run(curve(f"{server}/{options.tokens}/1/v1", options.tokens))
        elapsed = time.perf_counter() - started
    low, high = min(points), max(points)
    for number, point in enumerate(points, 1):
        bar = "█" * (1 + round(39 * (point - low) / max(high - low, 1.0)))
        print(f"{options.tokens * number // POINTS:>12,} tokens {point:8.2f} MiB {bar}")
    growth = points[-1] - points[0]
    rate = options.tokens / elapsed
    print(f"{options.tokens:,} tokens in {elapsed:.1f} s, {rate:,.0f} a second; growth {growth:+.2f} MiB")
    return 1 if options.check and growth > FLOOR_MIB else 0


if __name__ == "__main__":
    raise SystemExit(main())
