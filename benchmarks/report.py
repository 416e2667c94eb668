"""Put measured figures into docs/performance.md, between its markers, and draw its pictures.

    python -m benchmarks.report FILE    # of what `python -m benchmarks --json FILE` wrote; make bench-report does both

A place is ``<!-- measured: NAME -->`` and ``<!-- end -->``, with what was measured last between them. What FILE does
not have stays as it is, and is named.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.budgets import budgets
from benchmarks.peers.rows import ROWS
from benchmarks.pictures import FOLDER, draw

__all__ = ["fill", "main"]

PAGE: Final = FOLDER.with_suffix(".md")
PLACE: Final = re.compile(r"(<!-- measured: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COMPARISONS: Final = {
    "OpenAI, one event a read": "end_to_end",
    "OpenAI, 50 events a read": "end_to_end_50_a_read",
    "Anthropic, one event a read": "end_to_end_anthropic",
    "Anthropic, 50 events a read": "end_to_end_anthropic_50_a_read",
    "Gemini, one event a read": "end_to_end_gemini",
    "Gemini, 50 events a read": "end_to_end_gemini_50_a_read",
}


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [row(head), row("---" for _ in head), *(row(cells) for cells in rows)]


def machine(collected: Mapping[str, Any]) -> list[str]:
    """What it was measured on."""
    on = collected["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in collected["versions"].items())
    return [
        f"Measured on {collected['date']}: {on['processor']}, {on['cores']} cores, {on['system']}, {on['python']}.",
        "",
        f"With {versions}.",
    ]


def peers(figures: Mapping[str, Any]) -> list[str]:
    """One table for each shape and read: tokens a second, and how many times as fast ours is."""
    lines: list[str] = []
    for title, key in COMPARISONS.items():
        rates, times = figures.get(key), figures.get(f"times_{key}", {})
        if rates:
            ranked = sorted(rates.items(), key=lambda item: -item[1])
            rows = [
                (ROWS[name].label, f"{rate:,.0f}", f"{times[name]:.1f}" if name in times else "")
                for name, rate in ranked
            ]
            lines += ["", *table((title, "tokens/s", "tokenrill, times that"), rows)]
    absent = {**figures.get("missing", {}), **figures.get("failed", {})}
    return [*lines[1:], *(f"\n{ROWS[name].label}: not measured, {why}." for name, why in absent.items())]


def judged(benchmarks: Mapping[str, Any]) -> list[str]:
    """Every figure that has a budget, beside it."""
    rows = [
        (name, figure, f"{value:,.3g}", str(budget), "yes" if budget.complaint(figure, value) is None else "**no**")
        for name, found in benchmarks.items()
        for figure, value in found["judged"].items()
        if (budget := budgets(name).get(figure)) is not None
    ]
    return table(("benchmark", "figure", "measured", "budget", "kept"), rows)


def block(found: Mapping[str, Any]) -> list[str]:
    """What a benchmark printed."""
    return ["```text", *found["table"], "```"]


def fill(page: str, collected: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The page with new figures in its places, and the names of the places that there are none for."""
    benchmarks: Mapping[str, Any] = collected["benchmarks"]
    missing: list[str] = []

    def put(place: re.Match[str]) -> str:
        before, name, after = place.groups()
        if name == "machine":
            lines = machine(collected)
        elif name == "judged":
            lines = judged(benchmarks)
        elif name not in benchmarks:
            missing.append(name)
            return place.group()
        else:
            lines = peers(benchmarks[name]) if name == "peers" else block(benchmarks[name])
        return "\n".join([before, *lines, "", after])

    return PLACE.sub(put, page), missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    collected = json.loads(options.file.read_text(encoding="utf-8"))
    page, missing = fill(PAGE.read_text(encoding="utf-8"), collected)
    PAGE.write_text(page, encoding="utf-8")
    print(f"report: wrote {PAGE.name} and {', '.join(draw(collected['benchmarks'])) or 'no picture'}")
    for name in missing:
        print(f"report: {name} was not measured; the page has its figures from before", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
