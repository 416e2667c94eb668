"""AWS event streams: our parser against botocore's, side by side, by the size of a message and of a read.

    python -m benchmarks.eventstream [--json [FILE]] [--check] [--rounds N]

Each round runs both parsers on the same bytes, one right after the other, so that a busy machine slows both; the
figure is the median of the rounds' ratios, of the processor's time. Messages are counted, and no two in a row are of
one length, as with Bedrock, which sends a token in 150 to 300 bytes. The larger a message is, the more of the time is
its checksum: ours is computed by what the extra ``bedrock`` installs for that, botocore's by zlib, as it always is.
``bare`` parses nothing: it is told where the payloads are, puts each together and computes that checksum of it. No
parser in Python can be more times botocore's than ``at most``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from statistics import median
from typing import Any, Final, TypeAlias

from botocore.eventstream import EventStreamBuffer  # pyright: ignore[reportMissingTypeStubs]

from benchmarks.rounds import Result, run
from tokenrill.streams.eventstream import EventStreamParser, encode_message, fastest_crc32

__all__ = ["main"]

Part: TypeAlias = tuple[bytes, int, int]
"""A chunk, and from where to where a payload is in it."""

SIZES: Final = (200, 300, 1_000, 8_000)
READ_BYTES: Final = (0, 1_400, 16 << 10)  # 0: one message a read
WIRE_BYTES: Final = 3_000_000
LENGTHS: Final = 32  # how many there are of each size
CHECKSUM_BYTES: Final = 4
HEADERS: Final = {
    ":event-type": "contentBlockDelta",
    ":content-type": "application/json",
    ":message-type": "event",
}
EMPTY: Final = encode_message(HEADERS, b"")


def message(size: int) -> bytes:
    """One message of so many bytes, as Bedrock sends it."""
    return encode_message(HEADERS, b"x" * (size - len(EMPTY)))


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


def payload_parts(messages: Sequence[bytes], chunks: Sequence[bytes]) -> list[list[Part]]:
    """Where each message's payload is in the chunks."""
    head_bytes = len(EMPTY) - CHECKSUM_BYTES
    edges = [0, *accumulate(map(len, chunks))]
    found: list[list[Part]] = []
    number = 0
    for end, length in zip(accumulate(map(len, messages)), map(len, messages), strict=True):
        first, last = end - length + head_bytes, end - CHECKSUM_BYTES
        while edges[number + 1] <= first:
            number += 1
        parts: list[Part] = []
        for at in range(number, len(chunks)):
            if edges[at] >= last:
                break
            parts.append((chunks[at], max(first - edges[at], 0), min(last, edges[at + 1]) - edges[at]))
        found.append(parts)
    return found


def bare(places: list[list[Part]], _: list[bytes]) -> int:
    crc32 = fastest_crc32()
    count = 0
    for parts in places:
        if len(parts) == 1:
            ((chunk, start, end),) = parts
            payload = chunk[start:end]
        else:
            payload = b"".join([chunk[start:end] for chunk, start, end in parts])
        count += crc32(payload, 1) != 0 and bool(payload)
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
    runs = {"ours": ours, "botocore": botocores, "bare": partial(bare, payload_parts(messages, chunks))}
    ran = [{name: seconds(run, chunks, count) for name, run in runs.items()} for _ in range(rounds)]
    return {
        **{name: len(wire) / median(times[name] for times in ran) / 1e6 for name in runs},
        "times": median(times["botocore"] / times["ours"] for times in ran),
        "at most": median(times["botocore"] / times["bare"] for times in ran),
    }


def measure(options: argparse.Namespace) -> Result:
    figures: dict[str, dict[str, float]] = {}
    judged: dict[str, float] = {}
    columns = ("ours", "botocore", "bare", "times", "at most")
    lines = [f"{'MB/s':34}" + "".join(f"{column:>10}" for column in columns)]
    for size in SIZES:
        for read in READ_BYTES:
            figure = row(size, read, options.rounds)
            name = f"{size:,} B messages, {f'{read:,} B' if read else 'one a'} read"
            figures[name] = figure
            lines.append(f"{name:34}" + "".join(f"{figure[column]:>10.1f}" for column in columns))
            if read == READ_BYTES[-1]:
                judged[f"{size:,} B messages, 16 KiB reads"] = figure["times"]
            worst = f"{size:,} B messages, the worst read"
            judged[worst] = min(figure["times"], judged.get(worst, figure["times"]))
    return Result({"eventstream": figures}, lines, judged)


def main() -> int:
    return run("eventstream", __doc__, measure, rounds=9)


if __name__ == "__main__":
    raise SystemExit(main())
