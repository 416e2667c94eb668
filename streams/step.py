"""One line of a pipeline: what it is called, how it was made, and how it joins a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import getclosurevars
from typing import Any, cast

from .call import Call
from .recipe import Recipe, recipe_of
from .types import CallOperator, Operator, Sink
from .watch import watch

__all__ = ["Step", "attached", "piped", "read_step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a pipeline: ``kind`` is ``pipe`` or ``attach``, ``name`` what a reader should see."""

    kind: str
    name: str
    bind: Callable[[Call], Operator[Any, Any]]
    recipe: Recipe | None = None

    def to_dict(self) -> dict[str, Any]:
        """``{kind: name}`` with the options beside it.

        Raises:
            ValueError: When the step does not remember how it was made, or was given what is no plain value.
        """
        if self.recipe is None:
            raise ValueError(f"{self.name} does not know how it was made: put @recorded on the function that makes it")
        options = self.recipe.to_dict()
        return {self.kind: self.recipe.name, **({"with": options} if options else {})}


def piped(operator: Operator[Any, Any], name: str | None = None) -> Step:
    """A step that changes the stream."""

    def bind(call: Call) -> Operator[Any, Any]:
        return operator.for_call(call) if isinstance(operator, CallOperator) else operator

    return Step("pipe", name or described(operator), bind, recipe_of(operator))


def attached(sink: Sink[Any], name: str | None = None) -> Step:
    """A step that only watches it."""
    return Step("attach", name or described(sink), lambda call: watch(sink(call)), recipe_of(sink))


def read_step(step: Any, number: int) -> tuple[str, str, dict[str, Any]]:
    """Kind, name and options of a step that was written down.

    Raises:
        ValueError: When it is none.
    """
    match step:
        case {"pipe": str(name), **rest} if rest.keys() <= {"with"}:
            return "pipe", name, dict(rest.get("with") or {})
        case {"attach": str(name), **rest} if rest.keys() <= {"with"}:
            return "attach", name, dict(rest.get("with") or {})
        case _:
            raise ValueError(f"step {number} is not {{'pipe': NAME}} or {{'attach': NAME}}, with options under 'with'")


def described(step: Any) -> str:
    """What to call a step: the function that made it, if that is remembered, else its own name."""
    if recipe := recipe_of(step):
        return recipe.name
    if isinstance(step, partial):
        return described(cast("partial[Any]", step).func)
    if getattr(step, "__module__", "") == "reactivex.internal.curry":
        # RxPY's own operators are closures of one helper, over the function that knows its name.
        step = getclosurevars(step).nonlocals.get("fun", step)
        return str(step.__name__).rstrip("_")
    name = getattr(step, "__qualname__", type(step).__qualname__)
    return str(name).removesuffix(".<lambda>").partition(".<locals>")[0]
