"""What a value must be, said in words when it is not: no type checker is asked at run time."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

__all__ = ["check_fields", "in_range", "of_kind", "require", "sequence", "shown"]

PLAIN: Final = {str: "a str", bytes: "bytes", bool: "True or False", dict: "a dict", NoneType: "None"}


class Field(NamedTuple):
    """A field of a struct, and what it may hold: values of these types, or one of these words."""

    name: str
    kinds: tuple[type, ...]
    choices: tuple[str, ...]
    wanted: str


def check_fields(value: Struct) -> None:
    """Refuse what a field that is declared as text, bytes, a dict, true or false, or one of some words does not hold.

    Raises:
        ValueError: With the name of the field, and what it must be.
    """
    for name, kinds, choices, wanted in fields_of(type(value)):
        given = getattr(value, name)
        if not isinstance(given, kinds) and not (choices and given in choices):
            wrong = shown(given) if choices or given is None else type(given).__name__
            raise ValueError(f"{type(value).__name__}.{name} must be {wanted}, not {wrong}")


@cache
def fields_of(kind: type[Struct]) -> tuple[Field, ...]:
    """The fields that are declared so plainly; others are checked by their own."""
    hints = get_type_hints(kind)
    return tuple(field for name in kind.__struct_fields__ if (field := plain(name, hints[name])) is not None)


def plain(name: str, hint: Any) -> Field | None:
    kinds, choices, words = list[type](), list[str](), list[str]()
    for each in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        origin = get_origin(each) or each
        if origin is Literal:
            choices.extend(get_args(each))
            words.append(f"one of {', '.join(get_args(each))}")
        elif origin in PLAIN:
            kinds.append(origin)
            words.append(PLAIN[origin])
        else:
            return None
    return Field(name, tuple(kinds), tuple(choices), " or ".join(words))


def in_range(name: str, value: float | None, low: float | None, high: float | None, *, whole: bool = False) -> None:
    """Refuse what is no number of this range; None is no number that was asked for."""
    if value is None:
        return
    kinds = int if whole else (int, float)
    fits = isinstance(cast(Any, value), kinds) and not isinstance(cast(Any, value), bool)
    fits = fits and (low is None or value >= low) and (high is None or value <= high)
    bounds = "" if low is None else f" of {low:g} or more" if high is None else f" from {low:g} to {high:g}"
    require(fits, f"{name} must be a {'whole ' if whole else ''}number{bounds}, not {shown(value)}")


def of_kind(name: str, value: Any, kind: type, example: str) -> None:
    """Refuse what is neither None nor of this class."""
    require(value is None or isinstance(value, kind), f"{name} is one like {example}, not {shown(value)}")


def sequence(name: str, wanted: str, value: Any) -> tuple[Any, ...]:
    """A list or a tuple as a tuple; a text is none, though it can be walked through."""
    require(isinstance(value, (tuple, list)), f"{name} must be {wanted} in a list or tuple, not {type(value).__name__}")
    return tuple(value)


def shown(value: Any) -> str:
    """A wrong value, when it can be no prompt that went astray; else its type."""
    short = isinstance(value, str) and len(value) <= 20 and value.isidentifier()
    return repr(value) if short or value is None or isinstance(value, (bool, int, float)) else type(value).__name__


def require(holds: bool, message: str) -> None:
    """Raise ``ValueError`` with this message unless it holds."""
    if not holds:
        raise ValueError(message)
