"""Draw a stream as it was: marble diagrams of real runs, for a terminal, a notebook or a page."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final
from weakref import WeakSet

from reactivex import Observer, abc

from ..streams import tokens
from ..streams.call import Call
from ..streams.decisions import Decision
from ..streams.types import Sink
from .marble_axis import SEVERAL, Kind, Marble, Moment, moments, places, row_of, told
from .marble_picture import picture
from .printable import printable

__all__ = ["Marble", "Marbles"]

MOST: Final = 2_000  # marbles; what comes later is only counted
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
            self.marbles.append(Marble(lane, at, kind, printable(label)))
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
        return picture(self._lanes, self.marbles, width)

    @property
    def _span(self) -> float:
        return max((marble.at for marble in self.marbles), default=0.0) or 1.0

    def _lines(self, width: int) -> Iterator[str]:
        broad = max((len(printable(lane)) for lane in self._lanes), default=0)
        found = moments(self.marbles, width)
        stands = places(found, columns(found, width), 1)
        seen: set[str] = set()
        for lane in self._lanes:
            cells = {int(place): cell(marbles) for marbles, place in row_of(lane, found, stands)}
            notes = [f"{told(marble.at)}: {marble.label}" for marble in self.of(lane) if marble.kind == "decided"]
            seen.update([] if notes else cells.values())
            line = "".join(cells.get(column, "-") for column in range(int(stands[-1]) + 1))
            yield f"{printable(lane).ljust(broad)}  {'; '.join(notes) or line}"
        legend = [f"{sign} {meaning}" for sign, meaning in LEGEND.items() if sign in seen]
        missed = [f"{self.missed:,} more not shown"] if self.missed else []
        yield f"0 s to {told(self._span)}; {', '.join(legend + missed)}"

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


def columns(found: Sequence[Moment], most: int) -> int:
    """How wide a terminal's axis is: enough for a column for what usually lies between two moments."""
    gaps = sorted(gap for gap in (later.at - earlier.at for earlier, later in pairwise(found)) if gap > 0)
    usual = round(sum(gaps) / gaps[len(gaps) // 2]) if gaps else 0
    return max(1, min(most, max(usual, len(found) - 1)))


def cell(marbles: list[Marble]) -> str:
    """One column of a terminal: no sign that would take two, or none."""
    if len(marbles) > 1:
        return SEVERAL
    (marble,) = marbles
    label = ENDS.get(marble.kind) or marble.label
    wide = len(label) != 1 or unicodedata.east_asian_width(label) in "WF" or unicodedata.combining(label)
    return "•" if wide else label


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
    words: list[str] = []
    for name in decision.__struct_fields__:
        value = getattr(decision, name)
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, (int, float)):
            words.append(f"{name} {value:.3g}")
    return f"{type(decision).__name__}: {', '.join(words)}"


LEGEND: Final[dict[str, str]] = {
    "•": "text",
    "R": "start",
    "~": "reasoning",
    "{": "tool call",
    "≈": "seam",
    "U": "usage",
    "F": "finish",
    SEVERAL: "several",
    "|": "completed",
    "#": "error",
    "x": "left",
}
