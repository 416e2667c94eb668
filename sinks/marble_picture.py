"""A marble diagram as an SVG picture, for light pages and dark ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from .marble_axis import SEVERAL, Marble, Moment, moments, places, row_of, told
from .printable import printable

__all__ = ["picture"]

LANE: Final = 46  # pixels
LEFT: Final = 150
MARBLE: Final = 21
TEXT: Final = 14
LETTER: Final = 6
TICK: Final = 100
STYLE: Final = (
    ".ink{fill:#24292f}.soft{fill:#57606a;font-size:11px}.bad{fill:#cf222e;font-size:11px}.line{stroke:#8c959f}"
    ".marble{fill:#ddf4ff;stroke:#0969da}.many{stroke-width:2.5}.on{fill:#0a3069;font-size:11px}.error,.end,.gone{stroke-width:2.5;fill:none}"
    ".error{stroke:#cf222e}.end{stroke:#24292f}.gone{stroke:#8c959f;stroke-dasharray:3 3}.note{stroke:#bf8700}"
    "@media(prefers-color-scheme:dark){.ink{fill:#e6edf3}.soft{fill:#9198a1}.bad{fill:#ff7b72}.line{stroke:#6e7681}"
    ".marble{fill:#0c2d6b;stroke:#58a6ff}.on{fill:#cae8ff}.error{stroke:#ff7b72}.end{stroke:#e6edf3}.note{stroke:#d29922}}"
)


def picture(lanes: Sequence[str], marbles: Sequence[Marble], width: int) -> str:
    """The picture, at least so many pixels wide: a line for each lane, and the times under them."""
    broad = width - LEFT - 40
    found = moments(marbles, broad // MARBLE)
    stands = places(found, broad, MARBLE)
    rows = [list(row_of(lane, found, stands)) for lane in lanes]
    under = [captions(row) for row in rows]
    ends = [*(place + 40 for place in stands)]
    ends += [x + LETTER * len(label) + 16 for labels, _ in under for _, x, _, label in labels]
    width = max([width, *(LEFT + round(end) for end in ends)])
    drawn: list[str] = []
    y = 26
    for lane, row, (labels, deep) in zip(lanes, rows, under, strict=True):
        drawn.append(f'<text class="ink" x="8" y="{y + 4}">{escape(printable(lane))}</text>')
        drawn.append(f'<line class="line" x1="{LEFT}" y1="{y}" x2="{width - 16}" y2="{y}"/>')
        drawn += [part for marbles, place in row for part in shape(marbles, LEFT + place, y)]
        drawn += [
            f'<text class="{kind}" x="{LEFT + x:.1f}" y="{y + 21 + line * TEXT}">{escape(label)}</text>'
            for kind, x, line, label in labels
        ]
        y += LANE + TEXT * max(deep - 1, 0)
    for at, x in ticks(found, stands):
        drawn.append(f'<text class="soft" x="{LEFT + x:.1f}" y="{y - 6}" text-anchor="middle">{told(at)}</text>')
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 8}" width="{width}" ',
            f'height="{y + 8}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">',
            f"<style>{STYLE}</style>",
            *drawn,
            "</svg>",
        ]
    )


def ticks(found: Iterable[Moment], stands: Iterable[float]) -> Iterator[tuple[float, float]]:
    """The times that are written under the axis, and where: some that do not cover each other."""
    free = 0.0
    for moment, place in zip(found, stands, strict=True):
        if place >= free:
            yield moment.at, place
            free = place + TICK


def captions(row: Iterable[tuple[list[Marble], float]]) -> tuple[list[tuple[str, float, int, str]], int]:
    """What is written under a lane: class, place and line of each label, and how many lines that makes.

    None covers another: each is on the first line that is free there; what repeats the one before is left out.
    """
    labels: list[tuple[str, float, int, str]] = []
    free: list[float] = []
    before = ""
    for marble, place in ((marble, place) for marbles, place in row for marble in marbles):
        if marble.kind not in ("decided", "error") or marble.label == before:
            continue
        before = marble.label
        wide = LETTER * len(before)
        start = place - wide / 2 if marble.kind == "error" else place - 4
        line = next((number for number, end in enumerate(free) if end <= start), len(free))
        free[line : line + 1] = [start + wide + LETTER]
        labels.append(("bad" if marble.kind == "error" else "soft", start, line, before))
    return labels, len(free)


def shape(marbles: list[Marble], x: float, y: float) -> Iterator[str]:
    """What is drawn for those that stand in one place."""
    told_apart = [marble for marble in marbles if marble.kind != "next"]
    count = len(marbles) - len(told_apart)
    if count:
        first = marbles[0]
        when = f"{count} from {first.at:.3f} s to {marbles[-1].at:.3f} s" if count > 1 else f"{first.at:.3f} s"
        label = f"{count}" if 1 < count < 1_000 else SEVERAL if count > 1 else first.label
        many = " many" if count > 1 else ""
        yield f'<circle class="marble{many}" cx="{x:.1f}" cy="{y}" r="10"><title>{when}</title></circle>'
        yield f'<text class="on" x="{x:.1f}" y="{y + 4}" text-anchor="middle">{escape(label)}</text>'
    for marble in told_apart:
        match marble.kind:
            case "decided":
                yield f'<line class="note" x1="{x:.1f}" y1="{y - 12}" x2="{x:.1f}" y2="{y + 12}"/>'
            case "error":
                yield f'<path class="error" d="M{x - 8:.1f} {y - 8}l16 16m0 -16l-16 16"/>'
            case _:
                kind = "end" if marble.kind == "completed" else "gone"
                yield f'<line class="{kind}" x1="{x:.1f}" y1="{y - 12}" x2="{x:.1f}" y2="{y + 12}"/>'
