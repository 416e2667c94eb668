"""What is likely wrong with a pipeline, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from msgspec import Struct

__all__ = ["Finding", "findings"]

# RxPY's operators that store what they get, without a bound that the call's demand would know of.
STORING: Final = frozenset(
    "buffer buffer_with_time buffer_with_count buffer_with_time_or_count concat_map delay flat_map group_by join merge "
    "merge_all observe_on replay sample time_interval to_list window zip".split()
)
WHOLE: Final = frozenset({"accumulate"})
SHOWING: Final = frozenset({"console", "display", "jsonl", "record"})


class Named(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...


class Finding(Struct, frozen=True):
    """``rule`` names what was found, ``step`` where (from 1; 0 is the whole pipeline), ``advice`` what to do."""

    rule: str
    step: int
    advice: str


def findings(steps: Sequence[Named]) -> Iterator[Finding]:
    """Read the steps in order, and say what will surprise."""
    names = [step.name for step in steps]
    if "deadline" not in names:
        yield Finding("no-deadline", 0, "only the socket notices a silent model: pipe deadline(first_token=, idle=)")
    for number, step in enumerate(steps, 1):
        before = names[: number - 1]
        if step.kind == "pipe" and step.name in STORING:
            yield Finding("unbounded", number, f"{step.name} stores what it gets, outside of the pipeline's bound")
        if WHOLE.intersection(before):
            yield Finding("after-the-end", number, f"{step.name} comes after accumulate, and sees one reply, no tokens")
        shown = [name for name in before if name in SHOWING]
        if step.name == "filter_content" and shown:
            yield Finding("shown-unfiltered", number, f"{shown[0]} is attached before the filter, and sees all")
        if step.kind == "pipe" and step.name == "deadline" and "filter_content" in before:
            yield Finding("late-deadline", number, "deadline comes after a filter that holds text back: put it first")
