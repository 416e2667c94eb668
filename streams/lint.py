"""What is likely wrong with a pipeline, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from .errors import StreamError
from .recipe import Recipe
from .request import CompletionRequest

__all__ = ["Finding", "findings"]

# RxPY's operators that store what they get, without a bound that the call's demand would know of.
STORING: Final = frozenset(
    "buffer buffer_with_time buffer_with_count buffer_with_time_or_count concat_map delay flat_map group_by join merge "
    "merge_all observe_on replay sample time_interval to_list window zip".split()
)
WHOLE: Final = frozenset({"accumulate"})
SHOWING: Final = frozenset({"console", "display", "jsonl", "record"})


AGAIN: Final = frozenset({"retry", "resilient"})
TURNING: Final = frozenset({"fallback", "race", "resilient", "resume", "retry"})
PAUSING: Final = frozenset({"rate_limit", "resilient", "resume", "retry"})
SILENCES: Final = ("connect", "first_token", "idle")
TURNING_TO: Final = frozenset({"fallback", "resilient"})
ANY: Final = CompletionRequest(model="any", messages="any")


class Named(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def recipe(self) -> Recipe | None: ...


class Finding(Struct, frozen=True):
    """``rule`` names what was found, ``step`` where (from 1; 0 is the whole pipeline), ``advice`` what to do."""

    rule: str
    step: int
    advice: str


def findings(steps: Sequence[Named], source: object = None) -> Iterator[Finding]:
    """Read the steps in order, and say what will surprise; ``source`` is who is asked first."""
    names = [step.name for step in steps]
    if not any(notices_silence(step) for step in steps):
        yield Finding("no-deadline", 0, "only the socket notices a silent model: pipe deadline(first_token=, idle=)")
    for number, step in enumerate(steps, 1):
        before = names[: number - 1]
        if step.kind == "pipe" and step.name in STORING and step.recipe is None:  # our own have bounds
            yield Finding("unbounded", number, f"{step.name} stores what it gets, outside of the pipeline's bound")
        if WHOLE.intersection(before):
            yield Finding("after-the-end", number, f"{step.name} comes after accumulate, and sees one reply, no tokens")
        shown = [name for name in before if name in SHOWING]
        if step.name == "filter_content" and shown:
            yield Finding("shown-unfiltered", number, f"{shown[0]} is attached before the filter, and sees all")
        if step.kind == "pipe" and step.name == "deadline" and "filter_content" in before:
            yield Finding("late-deadline", number, "deadline comes after a filter that holds text back: put it first")
        if step.kind == "pipe":
            yield from misplaced(step, number, before)
            if step.name in TURNING_TO and turns_to_the_same(step, source):
                advice = f"{step.name} asks the provider and model again that has failed: retry() does, or name another"
                yield Finding("same-again", number, advice)


def notices_silence(step: Named) -> bool:
    """Whether it gives up on a model that says nothing; what is composed may."""
    options: Mapping[str, Any] = {} if step.recipe is None else step.recipe.options
    if step.name == "resilient":  # has limits of its own, unless they are taken away
        return any(options.get(name, 1) is not None for name in ("first_token", "idle")) or "total" in options
    return step.name in ("deadline", "compose")


def turns_to_the_same(step: Named, source: object) -> bool:
    """Whether one of its alternatives is the source or another alternative, asked for nothing else."""
    given: Sequence[Any] = () if step.recipe is None else step.recipe.options.get("alternatives", ())
    asked = [source]
    for one in given:
        whom = getattr(one, "source", one)
        if getattr(one, "changes", None):
            continue  # a model of another name, most often
        if any(is_same(whom, other) for other in asked):
            return True
        asked.append(whom)
    return False


def is_same(one: object, other: object) -> bool:
    """Whether both ask at the same address, with the same key and headers; what does not tell its own is itself."""
    if one is other:
        return True
    first, second = whereabouts(one), whereabouts(other)
    return first is not None and first == second


def whereabouts(source: Any) -> tuple[object, ...] | None:
    credential, endpoint = getattr(source, "credential", ""), getattr(source, "endpoint", None)
    if not credential or endpoint is None:
        return None
    try:
        return source.name, credential, endpoint(ANY), dict(getattr(source, "headers", {}))
    except (StreamError, ValueError):  # an address that depends on the model
        return None


def misplaced(step: Named, number: int, before: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with its place among the operators that let a stream survive; ``before`` is nearer the source."""
    name, inside = step.name, frozenset(before)
    options: Mapping[str, Any] = {} if step.recipe is None else step.recipe.options
    if "filter_content" in inside and (name == "fallback" or (name == "race" and options.get("alternatives"))):
        yield Finding("early-filter", number, f"the filter stands before {name}, whose alternatives it does not see")
    if "filter_content" in inside and name in ("resume", "resilient"):
        yield Finding("early-filter", number, f"the filter stands before {name}, and text that it holds back is lost")
    if name in AGAIN and (twice := sorted(AGAIN & inside)):
        yield Finding("asked-twice", number, f"{name} repeats what {twice[0]} repeats: the attempts multiply")
    if name == "retry" and "resume" in inside:
        yield Finding("early-resume", number, "retry comes after resume, whose own requests it does not repeat")
    if name in ("rate_limit", "circuit_break") and (later := sorted(TURNING & inside)):
        yield Finding(
            "late-guard", number, f"{name} comes after {later[0]}: it sees one request, however many are sent"
        )
    if name == "deadline" and (pausing := sorted(PAUSING & inside)) and any(options.get(one) for one in SILENCES):
        advice = (
            f"the pauses and queues of {pausing[0]} count as silence: only total= belongs here, the others before it"
        )
        yield Finding("outer-deadline", number, advice)
