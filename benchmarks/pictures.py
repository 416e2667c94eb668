"""Figures as pictures: SVG that is readable in light and in dark, and needs nothing to be drawn.

python -m benchmarks.pictures FILE [FOLDER]    # of what `python -m benchmarks --json FILE` wrote
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from msgspec import Struct

__all__ = ["FOLDER", "Bar", "bars", "curve", "draw", "pictures"]

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "performance"
WIDTH: Final = 760
LEFT: Final = 230  # of the bars; the labels stand before it
RIGHT: Final = 170  # for the number behind a bar
TOP: Final = 78
ROW: Final = 30
BOTTOM: Final = 52
BEHIND: Final = "in brackets: how many times as fast tokenrill is, with five operators attached"
STYLE: Final = """
  .page { fill: #ffffff } .title { font: 600 17px sans-serif; fill: #1f2328 }
  .note { font: 13px sans-serif; fill: #59636e }
  .told { stroke: #ffffff; stroke-width: 4; paint-order: stroke }
  .label { font: 14px sans-serif; fill: #1f2328 } .mine { font-weight: 600 } .grid { stroke: #d1d9e0 }
  .bar { fill: #9aa7b4 } .ours { fill: #0969da } .line { fill: none; stroke: #0969da; stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .told { stroke: #0d1117 }
    .title, .label { fill: #f0f6fc } .note { fill: #9198a1 } .grid { stroke: #3d444d }
    .bar { fill: #656c76 } .ours { fill: #4493f8 } .line { stroke: #4493f8 }
  }"""


class Bar(Struct, frozen=True):
    """One line of a bar chart."""

    label: str
    value: float
    ours: bool = False
    note: str = ""
    """What stands behind the number."""


def page(height: int, title: str, note: str, marks: Sequence[str]) -> str:
    """A picture of the usual width."""
    drawn = "\n".join(marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">\n<style>{STYLE}\n</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>\n'
        f"{words(24, 32, title, 'title')}\n{words(24, 54, note, 'note')}\n{drawn}\n</svg>\n"
    )


def words(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def number(value: float) -> str:
    """Three digits that count: 1,230,000 · 45.6 · 0.123."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def step(least: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 with noughts."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= least)


def bars(title: str, unit: str, rows: Sequence[Bar], *, log: bool = False, note: str = "") -> str:
    """Bars from the top down; on a logarithmic scale each line of the grid is ten times the one before.

    Raises:
        ValueError: When there is no bar, or one that is not more than nothing.
    """
    if not rows or min(row.value for row in rows) <= 0:
        raise ValueError("a bar chart needs bars, each of more than nothing")
    most = max(row.value for row in rows)
    low = math.floor(math.log10(min(row.value for row in rows)) - 0.05) if log else 0
    high = math.log10(most) if log else most
    wide = WIDTH - LEFT - RIGHT
    bottom = TOP + ROW * len(rows)

    def x(value: float) -> float:
        return LEFT + wide * ((math.log10(value) - low) / (high - low) if log else value / high)

    ticks = (
        [10.0**power for power in range(low, math.floor(high) + 1)] if log else [most * part / 4 for part in range(5)]
    )
    marks = [line(x(tick), TOP - 6, x(tick), bottom + 4) for tick in ticks]
    marks += [words(x(tick), bottom + 22, number(tick), "note", "middle") for tick in ticks]
    marks.append(words(WIDTH - 24, bottom + 40, unit + (", logarithmic" if log else ""), "note", "end"))
    for place, row in enumerate(rows):
        y = TOP + ROW * place
        length = max(2.0, x(row.value) - LEFT)
        kind = "bar ours" if row.ours else "bar"
        marks.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 4}" width="{length:.1f}" height="{ROW - 10}" rx="2"/>')
        marks.append(words(LEFT - 10, y + 19, row.label, "label mine" if row.ours else "label", "end"))
        told = f"{number(row.value)}{f'  {row.note}' if row.note else ''}"
        marks.append(words(LEFT + length + 8, y + 19, told, "note told"))
    return page(bottom + BOTTOM, title, note, marks)


def curve(title: str, unit: str, points: Sequence[tuple[float, float]], across: str) -> str:
    """A line over what grows from left to right; the scale begins at nothing."""
    left, bottom, right = 76, 300, WIDTH - 64
    most_x, most_y = max(x for x, _ in points), 4 * step(max(y for _, y in points) / 4)
    marks: list[str] = []
    for part in range(5):
        y = bottom - (bottom - TOP) * part / 4
        marks += [line(left, y, right, y), words(left - 8, y + 4, number(most_y * part / 4), "note", "end")]
        x = left + (right - left) * part / 4
        marks.append(words(x, bottom + 20, number(most_x * part / 4), "note", "middle"))
    path = " ".join(
        f"{left + (right - left) * x / most_x:.1f},{bottom - (bottom - TOP) * y / most_y:.1f}" for x, y in points
    )
    marks.append(f'<polyline class="line" points="{path}"/>')
    marks.append(words(right, bottom + 40, across, "note", "end"))
    return page(bottom + BOTTOM, title, unit, marks)


def pictures(benchmarks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name of each file and what is in it, of those figures that are there."""
    if "peers" in benchmarks:
        yield from peers(benchmarks["peers"])
    if "concurrency" in benchmarks:
        yield from concurrency(benchmarks["concurrency"]["concurrency"])
    if "memory" in benchmarks:
        memory = benchmarks["memory"]["memory"]
        count, points = memory["tokens"], memory["points"]
        steps = [(count * place / len(points), point) for place, point in enumerate(points, 1)]
        yield "memory.svg", curve("Memory while one stream goes on", "resident MiB", steps, "tokens so far")


def peers(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from benchmarks.peers.rows import ROWS

    for shape, key in (
        ("OpenAI", "end_to_end"),
        ("Anthropic", "end_to_end_anthropic"),
        ("Gemini", "end_to_end_gemini"),
    ):
        rates, times = figures.get(key, {}), figures.get(f"times_{key}", {})
        rows = [
            Bar(
                ROWS[name].label,
                rate,
                ROWS[name].module == "ours",
                f"({times[name]:.3g} times)" if name in times else "",
            )
            for name, rate in sorted(rates.items(), key=lambda item: -item[1])
        ]
        if rows:
            title = f"{shape}'s events through a socket, one event a read"
            yield f"peers-{shape.lower()}.svg", bars(title, "tokens a second", rows, log=True, note=BEHIND)


def concurrency(loads: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    labels = {"floor": "bytes counted only", "by_hand": "aiohttp + json, by hand", "ours": "tokenrill"}
    for load, name in (("50 ms", "late"), ("50 ms, uvloop", "late-uvloop")):
        row = loads.get(load, {})
        rows = [
            Bar(label, row[who]["p99_ms"], who == "ours")
            for who, label in labels.items()
            if "p99_ms" in row.get(who, {})
        ]
        if rows:
            title = "1,000 streams on one core, a token every 50 ms each" + (", uvloop" if "uvloop" in load else "")
            yield f"{name}.svg", bars(title, "ms late, 99th percentile", rows, log=True, note="shorter is better")


def draw(benchmarks: Mapping[str, Any], folder: Path = FOLDER) -> list[str]:
    """Write the pictures; gives their names."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[str] = []
    for name, picture in pictures(benchmarks):
        (folder / name).write_text(picture, encoding="utf-8")
        drawn.append(name)
    return drawn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    options = parser.parse_args()
    collected = json.loads(options.file.read_text(encoding="utf-8"))
    print("\n".join(draw(collected["benchmarks"], options.folder)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
