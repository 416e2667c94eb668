"""Framing speed in MB/s, by the size of an event and of a read.

    python -m benchmarks.sse             # the table
    python -m benchmarks.sse --json      # the figures
    python -m benchmarks.sse --check     # fail when a case is under the floor

``events`` is SseParser (data, type and id of each event), ``payloads`` is SsePayloads (what decoders use),
``split`` a bare ``bytes.split`` of the same bytes, as a ceiling. Best of five, results counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from tokenrill import SseParser, SsePayloads

__all__ = ["main"]

FLOOR: Final = 100  # MB/s, for 250-byte events at 1.4, 16 and 64 KiB reads
FLOOR_EVENT: Final = 250
FLOOR_READS: Final = (1_400, 16 << 10, 64 << 10)
EVENT_BYTES: Final = (60, 250, 1_000, 4_000)
READ_BYTES: Final = (1, 64, *FLOOR_READS)
WIRE_BYTES: Final = 8_000_000
Framer = Callable[[], Any]


def event(size: int) -> bytes:
    """One event of exactly this many bytes."""
    head, tail = b'data: {"choices":[{"delta":{"content":"', b'"}}]}\n\n'
    return head + b"x" * (size - len(head) - len(tail)) + tail


def megabytes_per_second(new: Framer, chunks: list[bytes], expected: int) -> float:
    best = 0.0
    for _ in range(5):
        parser = new()
        started = time.perf_counter()
        count = sum(length(parser.feed(chunk)) for chunk in chunks)
        elapsed = time.perf_counter() - started
        assert count == expected, f"{count} events of {expected}: a parser that drops events is not fast"
        best = max(best, sum(map(len, chunks)) / elapsed / 1e6)
    return best


def length(events: Iterable[object]) -> int:
    return len(events) if isinstance(events, (list, tuple)) else sum(1 for _ in events)


class Split:
    """What the interpreter's own ``split`` does with each read, right or wrong."""

    def feed(self, chunk: bytes) -> list[bytes]:
        return chunk.split(b"\n\n")


def table() -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = {}
    for size in EVENT_BYTES:
        for read in READ_BYTES:
            count = max(1, (WIRE_BYTES if read > 64 else WIRE_BYTES // 16) // size)
            wire = event(size) * count
            chunks = [wire[start : start + read] for start in range(0, len(wire), read)]
            row = {name: megabytes_per_second(new, chunks, count) for name, new in FRAMERS.items()}
            pieces = sum(len(chunk.split(b"\n\n")) for chunk in chunks)
            figures[f"{size} B events, {read:,} B reads"] = {
                **row,
                "split": megabytes_per_second(Split, chunks, pieces),
            }
    return figures


FRAMERS: Final[dict[str, Framer]] = {"events": SseParser, "payloads": SsePayloads}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    figures = table()
    if options.json:
        print(json.dumps({"sse": figures}, indent=2))
    else:
        print(f"{'MB/s':32}{'events':>10}{'payloads':>10}{'split':>10}")
        for shape, row in figures.items():
            print(f"{shape:32}{row['events']:>10.0f}{row['payloads']:>10.0f}{row['split']:>10.0f}")
    slow = [
        shape
        for read in FLOOR_READS
        if min((row := figures[shape := f"{FLOOR_EVENT} B events, {read:,} B reads"])["events"], row["payloads"])
        < FLOOR
    ]
    if options.check and slow:
        print(f"under the floor of {FLOOR} MB/s: {', '.join(slow)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
