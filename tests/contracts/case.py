"""What a row of the contracts says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.contracts.inputs import TOKENS
from tokenrill import TextDelta
from tokenrill.streams.types import Operator, Transducer

__all__ = ["MachineCase", "OperatorCase", "tokens_case"]


@dataclass(frozen=True)
class OperatorCase:
    """One operator, and what the contract may feed it.

    Attributes:
        new: Makes the operator.
        items: One healthy stream of its input.
        repeat: An item that may come any number of times.
        takes, gives: What passes, to pair operators: ``bytes``, ``events``, ``tokens``, ``reply``; ``any`` for
            whatever comes.
        poison: An item that makes it error, if there is one.
        empty: The class of error that an empty stream ends in, if it is not healthy.
        ends: Whether ``items`` hold an end mark, at which it completes by itself.
    """

    new: Callable[[], Operator[Any, Any]]
    items: Sequence[Any]
    repeat: Any
    takes: str
    gives: str
    poison: Any = None
    empty: type[Exception] | None = None
    ends: bool = False


@dataclass(frozen=True)
class MachineCase:
    """One machine, and one whole input for it.

    Attributes:
        new: Makes the machine.
        whole: Its input, uncut: bytes, or a list of items.
        cut: Turns ``whole`` into items, cut at the given places.
        bound: The name of its limit, and an endless input that passes it; None when it cannot hold anything.
        settle: Output in a form that does not depend on where deltas were cut.
    """

    new: Callable[[], Transducer[Any, Any]]
    whole: Any
    cut: Callable[[Any, Iterable[int]], list[Any]]
    bound: tuple[str, Callable[[], Iterable[Any]]] | None
    settle: Callable[[list[Any]], list[Any]] = list


def tokens_case(new: Callable[[], Operator[Any, Any]], repeat: str = "x", **more: Any) -> OperatorCase:
    """A row for an operator that takes tokens and gives tokens."""
    return OperatorCase(new, TOKENS, TextDelta(repeat), takes="tokens", gives="tokens", **more)
