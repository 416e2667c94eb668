"""An answer as a server streams it, and texts that make JSON and Unicode hard."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.prose import PIECES
from tokenrill.sources.dialect import Dialect

__all__ = ["NASTY", "TEXTS", "TEXT_BLOCK", "Wire", "padding", "sse", "written"]

NASTY: Final = (
    '"',
    "\\",
    "\\n",
    '","',
    '"}',
    "\n\n",
    "data: ",
    "\u2028",
    "é",
    "👍🏽",
    "probe",
    "a\\",
    "\x7f",
    "\x01",
    "",
    "7",
)
TEXTS: Final = (*PIECES, *NASTY)
LETTERS: Final = "aZ09kLm"


@dataclass(frozen=True)
class Wire:
    """One dialect, and one kind of thing that is said piece by piece in it.

    Attributes:
        begin: What comes before it.
        event: The event with this number that says this text.
        odd: What may come between two of them.
    """

    dialect: Dialect
    event: Callable[[int, str], bytes]
    begin: bytes = b""
    odd: Sequence[bytes] = ()


def written(value: Any, number: int = 0) -> str:
    """JSON, now with its letters escaped, and now not."""
    return json.dumps(value, ensure_ascii=number % 3 == 0, separators=(",", ":"))


def sse(value: Any, kind: str = "", *, padding: str = "", number: int = 0, end: str = "\n") -> bytes:
    head = f"event: {kind}{end}" if kind else ""
    return f"{head}data: {written(value, number)[:-1]}{padding}}}{end}{end}".encode()


def padding(number: int) -> str:
    return LETTERS[: number * 3 % 8] + LETTERS[number % 7]


TEXT_BLOCK: Final = {"type": "text", "text": ""}
