"""One line of a pipeline: what it is called, how it was made, and how it joins a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from inspect import getclosurevars
from typing import Any, TypeAlias, cast

from reactivex import Observable

from .call import Call
from .recipe import Recipe, is_factory, recipe_of
from .types import CallOperator, Operator, RivalOperator, Sink, Upstream
from .watch import watching

__all__ = ["Bind", "Join", "Step", "attached", "binder", "piped", "read_step"]

Bind: TypeAlias = Callable[[Call, Upstream], Observable[Any]]
Join: TypeAlias = Callable[[Call, Observable[Any]], Observable[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a pipeline: ``kind`` is ``pipe`` or ``attach``, ``name`` what a reader should see.

    ``bind`` makes the stream after this step from a call and what comes before, ``close`` lets go of connections
    that the step itself holds. ``join`` makes it of a call and the stream before, for a step that needs but one.
    """

    kind: str
    name: str
    bind: Bind
    recipe: Recipe | None = None
    close: Callable[[], Awaitable[None]] | None = None
    join: Join | None = None

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
    """A step that changes the stream.

    Raises:
        TypeError: For what is no operator.
    """
    if is_factory(operator):
        raise TypeError(f"{described(operator)} makes an operator: call it, .pipe({described(operator)}(…))")
    if not callable(operator):
        raise TypeError(f"an operator is a function from an observable to another, not {type(operator).__name__}")
    return Step(
        "pipe",
        name or described(operator),
        binder(operator),
        recipe_of(operator),
        getattr(operator, "aclose", None),
        None if isinstance(operator, RivalOperator) else joiner(operator),
    )


def binder(operator: Operator[Any, Any]) -> Bind:
    """How an operator joins a call; found out once, for all calls."""
    return operator.for_rivals if isinstance(operator, RivalOperator) else binding(joiner(operator))


def binding(join: Join) -> Bind:
    """The same for what needs one stream, and no other call."""
    return lambda call, upstream: join(call, upstream(call))


def joiner(operator: Operator[Any, Any]) -> Join:
    """How an operator that is no :class:`.RivalOperator` joins a call and the stream before it."""
    if isinstance(operator, CallOperator):
        for_call = operator.for_call
        return lambda call, stream: for_call(call)(stream)
    return lambda call, stream: operator(stream)


def attached(sink: Sink[Any], name: str | None = None) -> Step:
    """A step that only watches it.

    Raises:
        TypeError: For what is no sink.
    """
    if is_factory(sink):
        raise TypeError(f"{described(sink)} makes a sink: call it, .attach({described(sink)}(…))")
    if not callable(sink):
        hint = ": .attach(lambda call: observer) watches with one" if hasattr(sink, "on_next") else ""
        raise TypeError(f"a sink is a function from a call to an observer, not {type(sink).__name__}{hint}")

    called = name or described(sink)

    def join(call: Call, stream: Observable[Any]) -> Observable[Any]:
        watched = watching(sink, call, called)
        return stream if watched is None else watched(stream)

    return Step("attach", called, binding(join), recipe_of(sink), join=join)


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
