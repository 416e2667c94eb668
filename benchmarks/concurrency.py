"""A thousand streams at once on one core, and five thousand, beside a loop written by hand and beside nothing at all.

    python -m benchmarks.concurrency             # the tables
    python -m benchmarks.concurrency --quick     # one short round
    python -m benchmarks.concurrency --uvloop    # all of it on uvloop

Four clients, one after the other in every round, each in a process of its own on core 0, the server on core 1:

* ``floor``: a bare ``asyncio.Protocol`` that counts events; what the kernel, the loop and one callback a read cost.
* ``by_hand``: aiohttp, ``async for line``, ``json.loads``.
* ``ours``: a pipeline with a deadline, a content filter and metrics, and a subscriber that gets one token at a time.
* ``ours, no operator``: the same without these three.

Every event carries the time at which it was sent; *added* is how much later the subscriber has it. CPU a token and
*added* are of the steady state, in which all streams flow; wall and memory are of the whole run. How late the server
was is told beside: what it is late, everyone waits for. *lost to others* is how long the client could have run while
its core was another process's: whatever that takes is in *added* too. So where there are rounds without, they alone
count; a tail beside a loss is not the client's.

For all clients alike ``MALLOC_TRIM_THRESHOLD_`` and ``MALLOC_MMAP_THRESHOLD_`` are raised (asyncio takes 256 KiB for
each read, which the C library otherwise gives back to the system each time), and the garbage collector leaves alone
what was there before (``gc.freeze``) and is asked less often, as a server would have it.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from msgspec import Struct

from benchmarks.files import allow_open_files
from benchmarks.load import CONTENDERS, one
from benchmarks.paced_server import PacedServer, serving
from benchmarks.rounds import Result, in_own_process, run

__all__ = ["LOADS", "Load", "main"]

ALLOCATOR: Final = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "67108864"}
SPARE_FILES: Final = 200
LONGEST: Final = 300.0
CALM: Final = 0.005
COLUMNS: Final = (
    ("wall s", "wall", ".2f"),
    ("CPU µs/token", "steady_us_a_token", ".1f"),
    ("core", "core_use", ".0%"),
    ("lost to others", "core_lost", ".1%"),
    ("added p50 ms", "p50_ms", ".2f"),
    ("p99 ms", "p99_ms", ".1f"),
    ("max ms", "max_ms", ".0f"),
    ("KiB/stream", "kib_a_stream", ".1f"),
    ("whole run µs/token", "cpu_a_token_us", ".1f"),
)

PLAIN: Final = "ours, no operator"

Round = dict[str, dict[str, float]]


class Load(Struct, frozen=True):
    """So many streams, of so many tokens, one each so many microseconds."""

    name: str
    streams: int
    tokens: int
    pace: int
    uvloop: bool = False

    @property
    def ideal(self) -> float:
        """Seconds that it takes when nothing is late."""
        return self.tokens * self.pace / 1e6

    def __str__(self) -> str:
        loop = "uvloop" if self.uvloop else "asyncio"
        return (
            f"{self.streams:,} streams of {self.tokens} tokens, one per {self.pace // 1000} ms each, {loop}; "
            f"ideal {self.ideal:.1f} s"
        )


LOADS: Final = (
    Load("20 ms", 1000, 200, 20_000),
    Load("25 ms", 1000, 160, 25_000),
    Load("50 ms", 1000, 120, 50_000),
    Load("50 ms, uvloop", 1000, 120, 50_000, True),
    Load("5,000 streams", 5000, 40, 250_000),
)


def measure_one(name: str, load: Load, server: PacedServer) -> dict[str, Any]:
    """One client in a process of its own, with how late the server was."""
    server.lateness()
    figures: dict[str, Any] = in_own_process(
        "benchmarks.concurrency",
        name,
        server.address,
        load.streams,
        load.tokens,
        load.pace,
        "uvloop" if load.uvloop else "asyncio",
        timeout=LONGEST,
    )
    lateness = server.lateness()
    figures["server_late"] = lateness["late"] / max(1.0, lateness["sent"])
    figures["server_latest_ms"] = lateness["latest_ms"]
    return figures


def rounds_of(load: Load, rounds: int, server: PacedServer) -> list[Round]:
    """All clients in every round; who begins takes turns."""
    names, taken = list(CONTENDERS), list[Round]()
    for number in range(rounds):
        at = number % len(names)
        taken.append({name: measure_one(name, load, server) for name in (*names[at:], *names[:at])})
    return taken


def calm(taken: list[Round]) -> list[Round]:
    """The rounds in which nobody took the core from a client; all of them, when there is none such."""
    return [each for each in taken if all(row.get("core_lost", 0.0) < CALM for row in each.values())] or taken


def middle(taken: list[Round], name: str) -> dict[str, float]:
    """The median of each figure; of what must not be, the sum."""
    figures: dict[str, float] = {}
    for key in taken[0][name]:
        counted = taken if key in ("errors", "wrong_counts") else calm(taken)
        values = [each[name].get(key, float("inf")) for each in counted]
        figures[key] = sum(values) if key in ("errors", "wrong_counts") else statistics.median(values)
    return figures


def ratio(taken: list[Round], key: str, mine: str, theirs: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(each[mine].get(key, float("inf")) / each[theirs].get(key, 1e-9) for each in calm(taken))


def judged(name: str, taken: list[Round]) -> Mapping[str, float]:
    """What the budget file names, of one load."""
    late, cpu = "p99_ms", "steady_us_a_token"
    match name:
        case "20 ms":
            return {
                "20 ms: times the floor's wall": ratio(taken, "wall", "ours", "floor"),
                "20 ms: times the memory by hand": ratio(taken, "kib_a_stream", "ours", "by_hand"),
                "20 ms, no operator: times the floor's wall": ratio(taken, "wall", PLAIN, "floor"),
                "20 ms, no operator: times the memory by hand": ratio(taken, "kib_a_stream", PLAIN, "by_hand"),
                "20 ms: times the added p99 by hand": ratio(taken, late, "ours", "by_hand"),
            }
        case "25 ms":
            return {"25 ms: times the added p99 by hand": ratio(taken, late, "ours", "by_hand")}
        case "50 ms":
            return {
                "50 ms: times the floor's CPU a token": ratio(taken, cpu, "ours", "floor"),
                "50 ms, no operator: times the floor's CPU a token": ratio(taken, cpu, PLAIN, "floor"),
                "50 ms: times the CPU a token by hand": ratio(taken, cpu, "ours", "by_hand"),
                "50 ms: times the added p99 by hand": ratio(taken, late, "ours", "by_hand"),
            }
        case "50 ms, uvloop":
            return {"50 ms, uvloop: added p99, ms": statistics.median(each["ours"][late] for each in calm(taken))}
        case _:
            return {"5,000 streams: times the wall by hand": ratio(taken, "wall", "ours", "by_hand")}


def table(load: Load, figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    lines = ["", str(load), f"  {'':18}" + "".join(f"{title:>20}" for title, _, _ in COLUMNS)]
    for name, row in figures.items():
        lines.append(
            f"  {name:18}" + "".join(f"{format(row.get(key, float('nan')), form):>20}" for _, key, form in COLUMNS)
        )
        if row["errors"] or row["wrong_counts"]:
            lines.append(f"  {name}: {row['errors']:.0f} errors, {row['wrong_counts']:.0f} streams with a wrong count")
    late, latest = (max(row[key] for row in figures.values()) for key in ("server_late", "server_latest_ms"))
    return [
        *lines,
        f"  the server sent {late:.1%} of its events over 1 ms late in its worst run, at most {latest:.0f} ms",
    ]


def measure(options: argparse.Namespace) -> Result:
    os.environ |= ALLOCATOR
    uvloop = find_spec("uvloop") is not None
    if options.uvloop and not uvloop:
        raise SystemExit("uvloop is not installed: pip install 'tokenrill[uvloop]'")
    loads = [load for load in LOADS if (not load.uvloop or uvloop) and options.only in load.name]
    if options.uvloop:
        loads = [Load(load.name, load.streams, load.tokens, load.pace, True) for load in loads if not load.uvloop]
    if options.quick:
        loads = [Load(load.name, load.streams, load.tokens // 3, load.pace, load.uvloop) for load in loads]
    allow_open_files(max(load.streams for load in loads) + SPARE_FILES)
    told: dict[str, Any] = {}
    lines: list[str] = []
    held: dict[str, float] = {"errors and wrong counts": 0.0}
    with serving() as server:
        for load in loads:
            taken = rounds_of(load, 1 if options.quick else options.rounds, server)
            figures = {name: middle(taken, name) for name in CONTENDERS}
            held["errors and wrong counts"] += sum(row["errors"] + row["wrong_counts"] for row in figures.values())
            shown = judged(load.name, taken)
            if not options.uvloop:
                held |= shown
            told[load.name] = {"ideal": load.ideal, **figures}
            lines += [*table(load, figures), *(f"  {name:52} {value:8.2f}" for name, value in shown.items())]
    partial = bool(options.uvloop or options.only or not uvloop)
    return Result({"concurrency": told}, lines[1:], held, partial=partial)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one round of a third of the tokens")
    parser.add_argument("--uvloop", action="store_true", help="all of it on uvloop")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the loads with this in their name")


def main() -> int:
    return run("concurrency", __doc__, measure, rounds=3, one=one, options=add_options)


if __name__ == "__main__":
    raise SystemExit(main())
