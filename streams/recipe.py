"""How a step was made: the name of the function that made it, and what it was given.

That is what lets a pipeline be written down as data and made again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from msgspec import Struct

__all__ = ["Recipe", "is_factory", "recipe_of", "recorded"]

P = ParamSpec("P")
R = TypeVar("R")
PLAIN = (str, int, float, bool, type(None))


class Recipe(Struct, frozen=True):
    """``name`` made it, with these ``options``."""

    name: str
    options: Mapping[str, Any] = {}

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON has them.

        Raises:
            ValueError: When one is no plain value, such as a function or a dialect.
        """
        return {name: plain(value, f"{self.name}({name}=)") for name, value in self.options.items()}


def recorded(factory: Callable[P, R]) -> Callable[P, R]:
    """Let what ``factory`` makes remember how it was made.

    Put it on a function of yours that makes an operator or a sink, and pipelines with it can be written down.

    >>> @recorded
    ... def every(count=1):
    ...     return lambda source: source
    >>> recipe_of(every(count=3))
    Recipe(name='every', options={'count': 3})
    """
    parameters = signature(factory)

    @wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = parameters.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if hasattr(value, "__next__"):  # can be read only once: let the factory and the recipe see the same
                bound.arguments[name] = tuple(value)
        made = factory(*bound.args, **bound.kwargs)
        made.recipe = Recipe(factory.__name__, bound.arguments)  # pyright: ignore[reportAttributeAccessIssue]
        return made

    make.is_factory = True  # pyright: ignore[reportAttributeAccessIssue]
    return make


def is_factory(step: object) -> bool:
    """Whether it is no step but a function that makes one, and that nobody has called."""
    return getattr(step, "is_factory", False) is True


def recipe_of(step: object) -> Recipe | None:
    """How a step was made, if it remembers."""
    recipe = getattr(step, "recipe", None)
    return recipe if isinstance(recipe, Recipe) else None


def plain(value: Any, where: str) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        items: list[Any] = list(cast("Any", value))
        return [plain(item, where) for item in (sorted(items) if isinstance(value, (set, frozenset)) else items)]
    if isinstance(value, Mapping):
        return {str(name): plain(item, where) for name, item in cast("Mapping[Any, Any]", value).items()}
    raise ValueError(f"{where} holds a {type(value).__name__}, which cannot be written down as data")
