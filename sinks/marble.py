"""Draw a stream as it was: marble diagrams of real runs, for a terminal, a notebook or a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakSet

from msgspec import Struct
from reactivex import Observer, abc

from ..streams import tokens
from ..streams.call import Call
from ..streams.decisions import Decision
from ..streams.types import Sink

__all__ = ["Marble", "Marbles"]

Kind: TypeAlias = Literal["next", "error", "completed", "left", "decided"]
MOST: Final = 2_000  # marbles; what comes later is only counted
LANE: Final = 46  # pixels
LEFT: Final = 150
MARBLE: Final = 21
TEXT: Final = 14
LETTER: Final = 6
SIGNS: Final[dict[type, str]] = {
    tokens.ResponseStart: "R",
    tokens.ReasoningDelta: "~",
    tokens.ReasoningSignature: "~",
    tokens.ToolCallStart: "{",
    tokens.ToolCallDelta: "·",
    tokens.ToolCallEnd: "}",
    tokens.Citation: "c",
    tokens.Usage: "U",
    tokens.Retract: "<",
    tokens.Seam: "≈",
    tokens.Raw: "?",
    tokens.Finish: "F",
}
ENDS: Final[dict[Kind, str]] = {"error": "#", "completed": "|", "left": "x"}


class Marble(Struct, frozen=True):
    """Something that came: when, in seconds from the beginning, in which lane, and what to write on it."""

    lane: str
    at: float
    kind: Kind
    label: str


class Marbles:
    """A marble diagram that draws itself while a pipeline runs.

    Each :meth:`lane` is a sink; attach one wherever the stream should be seen. What is decided on the way (a retry,
    a seam) has a lane of its own. Text fragments are shown by their words only if ``words`` says so.

    Args:
        words: Write the first letter of each text fragment on its marble, in place of a dot.
        clock: Seconds that never go back.

    Example:
        >>> from tokenrill import OPENAI_CHAT, CompletionRequest, Replay, StreamPipelineBuilder, filter_content
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
        >>> diagram = Marbles(words=True, clock=iter(range(9)).__next__)
        >>> builder = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).attach(diagram.lane("source"))
        >>> _ = builder.build().run(CompletionRequest(model="any", messages="Hello"))
        >>> print(diagram)
        source  -RHUF|
        0 s to 5 s; R start, U usage, F finish, | completed
    """

    def __init__(self, *, words: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._words = words
        self._clock = clock
        self._begun: float | None = None
        self._lanes: list[str] = []
        self._calls: WeakSet[Call] = WeakSet()
        self.marbles: list[Marble] = []
        self.missed = 0

    def lane(self, name: str) -> Sink[Any]:
        """A sink that draws what it sees on a line of its own, called ``name``."""
        if name not in self._lanes:
            self._lanes.append(name)
        return lambda call: self._watch(name, call)

    def note(self, label: str, lane: str = "decided") -> None:
        """Write something on a lane, at this moment."""
        self._add(lane, "decided", label)

    def _watch(self, name: str, call: Call) -> abc.ObserverBase[Any]:
        self._since_begin()
        if call not in self._calls:
            self._calls.add(call)
            call.decisions.subscribe(lambda decision: self.note(said(decision)))
        return Drawing(name, self._add, self._words)

    def _add(self, lane: str, kind: Kind, label: str = "") -> None:
        at = self._since_begin()
        if lane not in self._lanes:
            self._lanes.append(lane)
        if len(self.marbles) < MOST:
            self.marbles.append(Marble(lane, at, kind, label))
        else:
            self.missed += 1

    def _since_begin(self) -> float:
        now = self._clock()
        if self._begun is None:
            self._begun = now
        return now - self._begun

    def __str__(self) -> str:
        return "\n".join(self._lines(72))

    def __repr__(self) -> str:
        return f"Marbles({', '.join(self._lanes)}: {len(self.marbles)} marbles)"

    def _repr_svg_(self) -> str:
        return self.svg()

    def svg(self, width: int = 900) -> str:
        """The diagram as an SVG picture that can be read on light and on dark pages."""
        scale = (width - LEFT - 40) / self._span
        rows = [list(spread(self.of(lane), scale, MARBLE)) for lane in self._lanes]
        under = [captions(row) for row in rows]
        ends = [place + 40 for row in rows for _, place in row]
        ends += [x + LETTER * len(label) + 16 for labels, _ in under for _, x, _, label in labels]
        width = max([width, *(LEFT + round(end) for end in ends)])
        drawn: list[str] = []
        y = 26
        for lane, row, (labels, deep) in zip(self._lanes, rows, under, strict=True):
            drawn.append(f'<text class="ink" x="8" y="{y + 4}">{escape(lane)}</text>')
            drawn.append(f'<line class="line" x1="{LEFT}" y1="{y}" x2="{width - 16}" y2="{y}"/>')
            drawn += [part for marble, place in row for part in shape(marble, LEFT + place, y)]
            drawn += [
                f'<text class="{kind}" x="{LEFT + x:.1f}" y="{y + 21 + line * TEXT}">{escape(label)}</text>'
                for kind, x, line, label in labels
            ]
            y += LANE + TEXT * max(deep - 1, 0)
        for part in range(6):
            at = self._span * part / 5
            x = LEFT + at * scale
            drawn.append(f'<text class="soft" x="{x:.1f}" y="{y - 6}" text-anchor="middle">{at:.3g} s</text>')
        return "".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 8}" width="{width}" ',
                f'height="{y + 8}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">',
                f"<style>{STYLE}</style>",
                *drawn,
                "</svg>",
            ]
        )

    @property
    def _span(self) -> float:
        return max((marble.at for marble in self.marbles), default=0.0) or 1.0

    def _lines(self, width: int) -> Iterator[str]:
        broad = max(map(len, self._lanes), default=0)
        columns = min(width, max(len({marble.at for marble in self.marbles}) - 1, 1))
        seen: set[str] = set()
        for lane in self._lanes:
            cells: dict[int, str] = {}
            for marble, place in spread(self.of(lane), columns / self._span, 1):
                cells[round(place)] = ENDS.get(marble.kind) or marble.label
            seen.update(cells.values())
            notes = [f"{marble.at:.3g} s: {marble.label}" for marble in self.of(lane) if marble.kind == "decided"]
            line = "".join(cells.get(column, "-") for column in range(max([*cells, columns]) + 1))
            yield f"{lane.ljust(broad)}  {'; '.join(notes) or line}"
        legend = [f"{sign} {meaning}" for sign, meaning in LEGEND.items() if sign in seen]
        missed = [f"{self.missed:,} more not shown"] if self.missed else []
        yield f"0 s to {self._span:.3g} s; {', '.join(legend + missed)}"

    def of(self, lane: str) -> list[Marble]:
        """The marbles of one lane, as they came."""
        return [marble for marble in self.marbles if marble.lane == lane]


class Drawing(Observer[Any]):
    """Sees one lane of one call. A source that is tried again signals more than once, so it is no usual observer."""

    def __init__(self, lane: str, add: Callable[[str, Kind, str], None], words: bool) -> None:
        super().__init__()
        self._lane, self._add, self._words = lane, add, words

    def on_next(self, value: Any) -> None:
        self._add(self._lane, "next", sign_of(value, self._words))

    def on_error(self, error: Exception) -> None:
        self._add(self._lane, "error", type(error).__name__)

    def on_completed(self) -> None:
        self._add(self._lane, "completed", "")

    def on_dispose(self) -> None:
        """The consumer hung up."""
        self._add(self._lane, "left", "")


def spread(marbles: Iterable[Marble], scale: float, apart: float) -> Iterator[tuple[Marble, float]]:
    """Where to draw each: at its moment, or right behind the one before, where they came at once."""
    free = 0.0
    for marble in marbles:
        place = max(marble.at * scale, free)
        free = place + (apart if marble.kind != "decided" else 0)
        yield marble, place


def captions(row: Iterable[tuple[Marble, float]]) -> tuple[list[tuple[str, float, int, str]], int]:
    """What is written under a lane: class, place and line of each label, and how many lines that makes.

    None covers another: each is on the first line that is free there; what repeats the one before is left out.
    """
    labels: list[tuple[str, float, int, str]] = []
    free: list[float] = []
    before = ""
    for marble, place in row:
        if marble.kind not in ("decided", "error") or marble.label == before:
            continue
        before = marble.label
        wide = LETTER * len(before)
        start = place - wide / 2 if marble.kind == "error" else place - 4
        line = next((number for number, end in enumerate(free) if end <= start), len(free))
        free[line : line + 1] = [start + wide + LETTER]
        labels.append(("bad" if marble.kind == "error" else "soft", start, line, before))
    return labels, len(free)


def sign_of(value: Any, words: bool) -> str:
    if words and isinstance(value, tokens.TextDelta):
        return value.text.strip()[:1] or "␣"
    kind: type = type(value)  # pyright: ignore[reportUnknownVariableType]
    return SIGNS.get(kind, "•")


def said(decision: Decision) -> str:
    """A decision in a few words.

    >>> from tokenrill import Retry
    >>> said(Retry("before_content", attempt=2, wait=0.5, error="Overloaded"))
    'Retry: before_content, attempt 2, wait 0.5, Overloaded'
    """
    told: list[str] = []
    for name in decision.__struct_fields__:
        value = getattr(decision, name)
        if isinstance(value, str):
            told.append(value)
        elif isinstance(value, (int, float)):
            told.append(f"{name} {value:.3g}")
    return f"{type(decision).__name__}: {', '.join(told)}"


def shape(marble: Marble, x: float, y: float) -> Iterable[str]:
    label = escape(marble.label)
    match marble.kind:
        case "next":
            yield f'<circle class="marble" cx="{x:.1f}" cy="{y}" r="10"><title>{marble.at:.3f} s</title></circle>'
            yield f'<text class="on" x="{x:.1f}" y="{y + 4}" text-anchor="middle">{label}</text>'
        case "decided":
            yield f'<line class="note" x1="{x:.1f}" y1="{y - 12}" x2="{x:.1f}" y2="{y + 12}"/>'
        case "error":
            yield f'<path class="error" d="M{x - 8:.1f} {y - 8}l16 16m0 -16l-16 16"/>'
        case "completed" | "left":
            kind = "end" if marble.kind == "completed" else "gone"
            yield f'<line class="{kind}" x1="{x:.1f}" y1="{y - 12}" x2="{x:.1f}" y2="{y + 12}"/>'


LEGEND: Final[dict[str, str]] = {
    "•": "text",
    "R": "start",
    "~": "reasoning",
    "{": "tool call",
    "≈": "seam",
    "U": "usage",
    "F": "finish",
    "|": "completed",
    "#": "error",
    "x": "left",
}
STYLE: Final = (
    ".ink{fill:#24292f}.soft{fill:#57606a;font-size:11px}.bad{fill:#cf222e;font-size:11px}.line{stroke:#8c959f}"
    ".marble{fill:#ddf4ff;stroke:#0969da}.on{fill:#0a3069;font-size:11px}.error,.end,.gone{stroke-width:2.5;fill:none}"
    ".error{stroke:#cf222e}.end{stroke:#24292f}.gone{stroke:#8c959f;stroke-dasharray:3 3}.note{stroke:#bf8700}"
    "@media(prefers-color-scheme:dark){.ink{fill:#e6edf3}.soft{fill:#9198a1}.bad{fill:#ff7b72}.line{stroke:#6e7681}"
    ".marble{fill:#0c2d6b;stroke:#58a6ff}.on{fill:#cae8ff}.error{stroke:#ff7b72}.end{stroke:#e6edf3}.note{stroke:#d29922}}"
)
