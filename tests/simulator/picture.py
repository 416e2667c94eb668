"""The quotas over time and what was taken of them: small pictures in one SVG, readable in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from tests.simulator.run import Outcome

__all__ = ["FILE", "picture"]

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "resilience" / "limits.svg"
WIDTH: Final = 960
COLUMNS: Final = 2
LEFT, RIGHT, WIDE = 62, 22, 396
TOP, TALL, ROW = 142, 104, 204
MEAN: Final = 5  # seconds, for one point of a line
STYLE: Final = """
  text { font: 12px ui-sans-serif, system-ui, sans-serif }
  .page { fill: #ffffff } .head { font-size: 17px; font-weight: 600 } .name { font-size: 13px; font-weight: 600 }
  .head, .name { fill: #1f2328 } .soft { fill: #59636e } .grid { stroke: #d1d9e0 }
  .limit { fill: none; stroke: #8c959f; stroke-width: 5; stroke-opacity: 0.55; stroke-linejoin: round }
  .used { fill: none; stroke: #0969da; stroke-width: 1.6; stroke-linejoin: round } .refused { stroke: #cf222e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .head, .name { fill: #f0f6fc } .soft { fill: #9198a1 } .grid { stroke: #3d444d }
    .limit { stroke: #7d8590 } .used { stroke: #4493f8 } .refused { stroke: #ff7b72 }
  }"""


def picture(outcomes: Sequence[Outcome], seed: int) -> str:
    """One small picture for each outcome, in the order given."""
    rows = math.ceil(len(outcomes) / COLUMNS)
    height = TOP + ROW * rows
    minutes = len(outcomes[0].samples) // 60
    panels = "\n".join(panel(outcome, place) for place, outcome in enumerate(outcomes))
    title = "What rate_limit takes of limits that nobody tells it"
    note = f"a simulated run of {minutes} minutes in virtual time, seed {seed}; means of {MEAN} seconds"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{title}">\n<style>{STYLE}\n</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>\n'
        f"{words(24, 32, title, 'head')}\n{words(24, 54, note, 'soft')}\n{legend(24, 78)}\n{panels}\n</svg>\n"
    )


def legend(x: float, y: float) -> str:
    return "\n".join(
        (
            f'<path class="limit" d="M{x} {y - 4}h28"/>',
            words(x + 36, y, "the hidden limit (less what neighbours take)", "soft"),
            f'<path class="used" d="M{x + 330} {y - 4}h28"/>',
            words(x + 366, y, "taken", "soft"),
            f'<path class="refused" d="M{x + 430} {y - 9}v9m4 -9v9m7 -9v9"/>',
            words(x + 450, y, "a second in which somebody was refused", "soft"),
        )
    )


def panel(outcome: Outcome, place: int) -> str:
    """The limit behind, what was taken before it, and a stroke below for each second with a refusal."""
    left = LEFT + (place % COLUMNS) * (LEFT + WIDE + RIGHT)
    top = TOP + (place // COLUMNS) * ROW
    bottom, seconds = top + TALL, len(outcome.samples)
    limits = means([sample.quota for sample in outcome.samples])
    used = means([sample.used for sample in outcome.samples])
    most = 2 * step(max(*limits, *used) / 2)

    def x(second: float) -> float:
        return left + WIDE * second / seconds

    def y(value: float) -> float:
        return bottom - TALL * value / most

    marks = [
        words(left, top - 30, outcome.scenario, "name"),
        words(left, top - 13, f"{outcome.share:.1%} used, {outcome.refusals:.2%} refused", "soft"),
    ]
    for value in (0.0, most / 2, most):
        marks.append(f'<path class="grid" d="M{left} {y(value):.1f}h{WIDE}"/>')
        told = f"{value:,.4g}" if value < 1_000 else f"{value / 1_000:.4g}K"
        marks.append(words(left - 8, y(value) + 4, told, "soft", "end"))
    for minute in range(0, seconds // 60 + 1, 2):
        told = f"{minute} min" if minute + 2 > seconds // 60 else str(minute)
        marks.append(words(x(minute * 60), bottom + 28, told, "soft", "middle"))
    steady = "places taken" if outcome.unit == "places" else f"{outcome.unit} a second"
    marks.append(
        f'<text class="soft" transform="translate({left - 48} {top + TALL / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(steady)}</text>'
    )
    marks.append(f'<path class="limit" d="{line(limits, x, y)}"/>')
    marks.append(f'<path class="used" d="{line(used, x, y)}"/>')
    refusals = "".join(
        f"M{x(second + 0.5):.1f} {bottom + 3}v9" for second, sample in enumerate(outcome.samples) if sample.refused
    )
    marks.append(f'<path class="refused" d="{refusals}"/>' if refusals else "")
    return "\n".join(filter(None, marks))


def means(values: Sequence[float]) -> list[float]:
    return [sum(values[start : start + MEAN]) / MEAN for start in range(0, len(values) - MEAN + 1, MEAN)]


def step(least: float) -> float:
    """The next round number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * digit >= least)


def line(values: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    points = [f"{x((place + 0.5) * MEAN):.1f} {y(value):.1f}" for place, value in enumerate(values)]
    return "M" + "L".join(points)


def words(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
