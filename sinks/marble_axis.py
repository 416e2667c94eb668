"""Where marbles stand: one axis for all lanes, true to time as far as there is room.

What comes at the same moment stands under each other, and what comes later stands to the right of it. Where marbles
would cover each other the axis gives way: each has its place, and what room is left is shared out by time, so that a
silence is seen. Where there are too many, those of a moment are drawn as one, with their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from msgspec import Struct

__all__ = ["SEVERAL", "Kind", "Marble", "Moment", "moments", "places", "row_of", "told"]

Kind: TypeAlias = Literal["next", "error", "completed", "left", "decided"]
SEVERAL: Final = "*"
FULL: Final = 0.75  # how much of the axis marbles may take, if some must be drawn as one: the rest is for silence


class Marble(Struct, frozen=True):
    """Something that came: when, in seconds from the beginning, in which lane, and what to write on it."""

    lane: str
    at: float
    kind: Kind
    label: str


class Moment(Struct):
    """What stands under each other: ``at`` so many seconds, the marbles of each lane."""

    at: float
    lanes: dict[str, list[Marble]]

    def takes(self, other: Moment) -> bool:
        """Whether the other's marbles can be drawn as one with these: ends have a place of their own."""
        both = self.lanes.keys() & other.lanes.keys()
        return all(
            marble.kind in ("next", "decided") for lane in both for marble in self.lanes[lane] + other.lanes[lane]
        )

    def add(self, other: Moment) -> None:
        """Draw them here."""
        for lane, marbles in other.lanes.items():
            self.lanes.setdefault(lane, []).extend(marbles)


def moments(marbles: Iterable[Marble], most: int) -> list[Moment]:
    """The moments to draw, the beginning first, and hardly more than ``most`` if there can be as few.

    >>> ticks = [Marble("a", float(second), "next", "•") for second in range(1, 100)]
    >>> [len(moment.lanes["a"]) for moment in moments(ticks, 8) if moment.lanes]
    [16, 17, 17, 17, 17, 15]
    """
    known = [*marbles]
    span = max((marble.at for marble in known), default=0.0)
    each = found = [*apart(known, span / (2 * most))]
    if len(found) > most:
        most = max(1, int(most * FULL))
        near = span / most
        while len(found) > most and near <= 2 * span:
            found = [*together(each, near)]
            near = 1.5 * near or 1.0
    return found


def apart(marbles: Iterable[Marble], near: float) -> Iterator[Moment]:
    """A moment for whatever is not on another lane and as good as at the same time."""
    moment = Moment(0.0, {})
    for marble in marbles:
        taken = marble.lane in moment.lanes and marble.kind != "decided"
        if taken or marble.at - moment.at > near:
            yield moment
            moment = Moment(marble.at, {})
        moment.lanes.setdefault(marble.lane, []).append(marble)
    yield moment


def together(found: Iterable[Moment], near: float) -> Iterator[Moment]:
    """The same, with one moment in place of those that are so ``near``."""
    last: Moment | None = None
    for moment in found:
        if last is not None and last.lanes and moment.at - last.at <= near and last.takes(moment):
            last.add(moment)
            continue
        if last is not None:
            yield last
        last = Moment(moment.at, {lane: [*marbles] for lane, marbles in moment.lanes.items()})
    if last is not None:
        yield last


def places(found: Sequence[Moment], width: float, least: float) -> list[float]:
    """Where each moment stands on an axis of this width, at least so far from the one before.

    >>> found = [Moment(at, {}) for at in (0.0, 1.0, 1.0, 10.0)]
    >>> places(found, 100.0, 10.0), places(found, 30.0, 1.0)[1:]
    ([0.0, 17.0, 27.0, 100.0], [3.7, 4.7, 30.0])
    """
    gaps = [later.at - earlier.at for earlier, later in pairwise(found)]
    span = sum(gaps)
    if span and all(gap * width >= least * span for gap in gaps):
        return [moment.at * width / span for moment in found]
    spare = max(0.0, width - least * len(gaps)) / (span or 1.0)
    found_places = [0.0]
    for gap in gaps:
        found_places.append(round(found_places[-1] + least + gap * spare, 6))
    return found_places


def row_of(lane: str, found: Iterable[Moment], stands: Iterable[float]) -> Iterator[tuple[list[Marble], float]]:
    """The marbles of one lane, those that are drawn as one together, and where they stand."""
    for moment, place in zip(found, stands, strict=True):
        if lane in moment.lanes:
            yield moment.lanes[lane], place


def told(seconds: float) -> str:
    """A time that can be read at a glance.

    >>> [told(seconds) for seconds in (0, 0.000841, 0.1, 12.345)]
    ['0 s', '0.841 ms', '0.1 s', '12.3 s']
    """
    return f"{seconds * 1e3:.3g} ms" if 0 < seconds < 0.1 else f"{seconds:.3g} s"
