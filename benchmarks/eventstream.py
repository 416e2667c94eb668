"""AWS event streams: our parser against botocore's, side by side, by the size of a message and of a read.

    python -m benchmarks.eventstream [--json [FILE]] [--check] [--rounds N]

Each round runs both parsers on the same bytes, one right after the other, so that a busy machine slows both; the
figure is the median of the rounds' ratios, of the processor's time. Messages are counted, and no two in a row are of
one length, as with Bedrock, which sends a token in 150 to 300 bytes. The larger a message is, the more of the time is
its checksum: ours is computed by what the extra ``bedrock`` installs for that, botocore's by zlib, as it always is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from botocore.eventstream import EventStreamBuffer  # pyright: ignore[reportMissingTypeStubs]

from benchmarks.rounds import Result, run
from tokenrill.streams.eventstream import EventStreamParser, encode_message

__all__ = ["main"]

SIZES: Final = (200, 300, 1_000, 8_000)
READ_BYTES: Final = (0, 1_400, 16 << 10)  # 0: one message a read
WIRE_BYTES: Final = 3_000_000
LENGTHS: Final = 32  # how many there are of each size
HEADERS: Final = {
    ":event-type": "contentBlockDelta",
    ":content-type": "application/json",
    ":message-type": "event",
}


def message(size: int) -> bytes:
    """One message of so many bytes, as Bedrock sends it."""
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
    started = time.process_time()
    count = parse(chunks)
    elapsed = time.process_time() - started
    assert count == expected, f"{count} messages of {expected}: a parser that drops messages is not fast"
    return elapsed


def row(size: int, read: int, rounds: int) -> dict[str, float]:
    count = WIRE_BYTES // size
    messages = [message(size - number % LENGTHS) for number in range(count)]
    wire = b"".join(messages)
    chunks = [wire[start : start + read] for start in range(0, len(wire), read)] if read else messages
    ran = [(seconds(ours, chunks, count), seconds(botocores, chunks, count)) for _ in range(rounds)]
    return {
        "ours": len(wire) / median(mine for mine, _ in ran) / 1e6,
        "botocore": len(wire) / median(theirs for _, theirs in ran) / 1e6,
        "times": median(theirs / mine for mine, theirs in ran),
    }


def measure(options: argparse.Namespace) -> Result:
    figures: dict[str, dict[str, float]] = {}
    judged: dict[str, float] = {}
    lines = [f"{'MB/s':34}{'ours':>10}{'botocore':>10}{'times':>10}"]
    for size in SIZES:
        for read in READ_BYTES:
            figure = row(size, read, options.rounds)
            name = f"{size:,} B messages, {f'{read:,} B' if read else 'one a'} read"
            figures[name] = figure
            lines.append(f"{name:34}{figure['ours']:>10.1f}{figure['botocore']:>10.1f}{figure['times']:>10.1f}")
            if read == READ_BYTES[-1]:
                judged[f"{size:,} B messages, 16 KiB reads"] = figure["times"]
            worst = f"{size:,} B messages, the worst read"
            judged[worst] = min(figure["times"], judged.get(worst, figure["times"]))
    return Result({"eventstream": figures}, lines, judged)


def main() -> int:
    return run("eventstream", __doc__, measure, rounds=9)


if __name__ == "__main__":
    raise SystemExit(main())
