"""AWS event streams: our parser against botocore's, side by side, by the size of a message and of a read.

    python -m benchmarks.eventstream             # the table
    python -m benchmarks.eventstream --json      # the figures
    python -m benchmarks.eventstream --check     # fail when a case is under the floor

Each round runs both parsers on the same bytes, one right after the other, so that a busy machine slows both; the
figure is the median of the rounds' ratios. Messages are counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from botocore.eventstream import EventStreamBuffer  # pyright: ignore[reportMissingTypeStubs]

from tokenrill.streams.eventstream import EventStreamParser, encode_message

__all__ = ["main"]

# Times botocore's speed, by the size of a message: 200 bytes is what Bedrock sends a token in. The larger it is, the
# more of the time is the checksum, which is the same function for both.
FLOORS: Final = {200: 6.0, 1_000: 3.0, 8_000: 1.5}
READ_BYTES: Final = (0, 1_400, 16 << 10)  # 0: one message a read
WIRE_BYTES: Final = 400_000
ROUNDS: Final = 7
HEADERS: Final = {
    ":event-type": "contentBlockDelta",
    ":content-type": "application/json",
    ":message-type": "event",
}


def message(size: int) -> bytes:
    """One message of exactly this many bytes, as Bedrock sends it."""
    empty = len(encode_message(HEADERS, b""))
    return encode_message(HEADERS, b"x" * (size - empty))


def ours(chunks: list[bytes]) -> int:
    parser = EventStreamParser()
    count = 0
    for chunk in chunks:
        for found in parser.feed(chunk):
            count += found.headers[":event-type"] == "contentBlockDelta" and bool(found.payload)
    return count


def botocores(chunks: list[bytes]) -> int:
    buffer: Any = EventStreamBuffer()
    count = 0
    for chunk in chunks:
        buffer.add_data(chunk)
        for found in buffer:
            count += found.headers[":event-type"] == "contentBlockDelta" and bool(found.payload)
    return count


def seconds(parse: Callable[[list[bytes]], int], chunks: list[bytes], expected: int) -> float:
    started = time.perf_counter()
    count = parse(chunks)
    elapsed = time.perf_counter() - started
    assert count == expected, f"{count} messages of {expected}: a parser that drops messages is not fast"
    return elapsed


def row(size: int, read: int) -> dict[str, float]:
    count = WIRE_BYTES // size
    wire = message(size) * count
    step = read or size
    chunks = [wire[start : start + step] for start in range(0, len(wire), step)]
    rounds = [(seconds(ours, chunks, count), seconds(botocores, chunks, count)) for _ in range(ROUNDS)]
    return {
        "ours": len(wire) / min(mine for mine, _ in rounds) / 1e6,
        "botocore": len(wire) / min(theirs for _, theirs in rounds) / 1e6,
        "times": median(theirs / mine for mine, theirs in rounds),
        "floor": FLOORS[size],
    }


def table() -> dict[str, dict[str, float]]:
    return {
        f"{size:,} B messages, {f'{read:,} B' if read else 'one a'} read": row(size, read)
        for size in FLOORS
        for read in READ_BYTES
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    figures = table()
    if options.json:
        print(json.dumps({"eventstream": figures}, indent=2))
    else:
        print(f"{'MB/s':34}{'ours':>10}{'botocore':>10}{'times':>10}")
        for shape, figure in figures.items():
            print(f"{shape:34}{figure['ours']:>10.1f}{figure['botocore']:>10.1f}{figure['times']:>10.1f}")
    slow = [shape for shape, figure in figures.items() if figure["times"] < figure["floor"]]
    if options.check and slow:
        print(f"under the floor against botocore: {', '.join(slow)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
