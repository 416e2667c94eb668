"""Tokens a second through a real socket: pipelines of five operators beside the clients one would use otherwise.

    python -m benchmarks.peers                       # all, in three shapes, one event a read and fifty (minutes)
    python -m benchmarks.peers --quick               # the same with short runs (about a minute)
    python -m benchmarks.peers --only ours,openai    # some of them

The contenders run one after the other in every round, each in a process of its own on core 0, the server on core 1; the
figures are medians, and importing a client is not in them. Each counts its tokens; a wrong count fails. ``ours`` has
two operators of one's own among its five, ``ours_built_in`` only such as come with the library.
``make bench-peers`` installs them. ``end_to_end`` in the JSON is OpenAI's shape, one event a read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.peers.contend import contend
from benchmarks.peers.rows import ROWS
from benchmarks.rounds import ContenderFailed, Result, in_own_process, interleaved, medians, ratio, run
from benchmarks.server import serving
from benchmarks.shapes import SHAPES

__all__ = ["main"]

EVENTS_A_READ = (1, 50)


def key(shape: str, a_read: int) -> str:
    """What a comparison is called in the JSON."""
    name = "end_to_end" if shape == "openai" else f"end_to_end_{shape}"
    return name if a_read == 1 else f"{name}_{a_read}_a_read"


def length(name: str, quick: bool, scale: float) -> int:
    """How many tokens a contender streams; a multiple of 50."""
    tokens = ROWS[name].tokens * scale * (0.25 if quick else 1.0)
    return max(50, int(tokens) // 50 * 50)


def measure(options: argparse.Namespace) -> Result:
    chosen: list[str] = options.only or list(ROWS)
    missing = {name: f"make bench-peers installs it ({ROWS[name].package})" for name in chosen if not ROWS[name].python}
    failed: dict[str, str] = {}
    rounds = min(options.rounds, 1) if options.quick else options.rounds
    figures: dict[str, dict[str, float]] = {}
    judged: dict[str, float] = {}
    with serving() as server:
        for shape in options.shapes:
            for a_read in EVENTS_A_READ:
                names = [n for n in chosen if shape in ROWS[n].shapes and n not in missing and n not in failed]
                runs = compare(server, shape, a_read, names, rounds, options, failed)
                figures[key(shape, a_read)] = medians(runs)
                if "ours" in runs:
                    ratios = {name: ratio(runs, "ours", name) for name in runs if name not in OURS}
                    figures[f"times_{key(shape, a_read)}"] = ratios
                    if a_read == 1:
                        judged |= {
                            budget + told: ratio(runs, ours, name)
                            for name, (at, budget) in JUDGED.items()
                            for ours, told in OURS.items()
                            if at == shape and name in runs and ours in runs
                        }
    partial = bool(options.only) or len(options.shapes) < len(SHAPES)
    told = {**figures, "missing": missing, "failed": failed}
    for name, why in missing.items():
        print(f"peers: {name} was not measured: {why}", file=sys.stderr)
    wrong = [f"peers: {name} failed: {why}" for name, why in failed.items()]
    return Result(told, list(table(figures, {**missing, **failed})), judged, partial, wrong)


OURS: Mapping[str, str] = {"ours": "", "ours_built_in": ", built-in operators"}
# What the budget file judges, and in which shape.
JUDGED: Mapping[str, tuple[str, str]] = {
    name: (ROWS[name].shapes[0], f"times {name}")
    for name in ("openai", "litellm", "anthropic", "google-genai", "by_hand", "pyreqwest")
}


def compare(
    server: str,
    shape: str,
    a_read: int,
    names: Sequence[str],
    rounds: int,
    options: argparse.Namespace,
    failed: dict[str, str],
) -> dict[str, list[float]]:
    """The rounds of one comparison; who fails is noted and left out of it."""

    def one(name: str) -> float:
        if name in failed:
            return 0.0
        tokens = length(name, options.quick, options.scale)
        row = ROWS[name]
        try:
            return in_own_process(
                "benchmarks.peers", name, row.module, server, shape, a_read, tokens, python=str(row.python)
            )
        except ContenderFailed as error:
            failed[name] = str(error)
            return 0.0

    runs = interleaved(names, rounds, one) if names else {}
    return {name: values for name, values in runs.items() if name not in failed}


def table(figures: Mapping[str, Mapping[str, float]], absent: Mapping[str, str]) -> Iterator[str]:
    """The comparisons, the fastest first."""
    for name, row in figures.items():
        if name.startswith("times_"):
            continue
        times = figures.get(f"times_{name}", {})
        yield f"{name}, tokens/s"
        for contender, rate in sorted(row.items(), key=lambda item: -item[1]):
            beside = f"   ours is {times[contender]:6.1f} times that" if contender in times else ""
            yield f"  {ROWS[contender].label:30}{rate:>12,.0f}{beside}"
    for name, why in absent.items():
        yield f"  {ROWS[name].label:30}{'missing':>12}   {why}"


def listed(known: Sequence[str]):
    """An option's type: some of these, with commas between."""

    def read(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return names

    return read


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one round of short runs: about a minute")
    parser.add_argument("--only", type=listed(list(ROWS)), metavar="NAME,…", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--shapes", type=listed(list(SHAPES)), default=list(SHAPES), metavar="SHAPE,…")
    parser.add_argument("--scale", type=float, default=1.0, help="of the runs' lengths")


def main(arguments: Sequence[str] | None = None) -> int:
    return run("peers", __doc__, measure, rounds=3, one=contend, options=add_options, arguments=arguments)


if __name__ == "__main__":
    raise SystemExit(main())
