"""When an event was sent, as its text. Seven digits: a stream keeps its text, and few tokens are longer."""

from __future__ import annotations

from time import monotonic_ns
from typing import Final

__all__ = ["DIGITS", "nanoseconds_since", "stamp"]

DIGITS: Final = 7
AROUND: Final = 10**DIGITS  # after ten seconds it begins anew
UNIT_BITS: Final = 10  # 1,024 nanoseconds


def stamp(now: int) -> bytes:
    """``time.monotonic_ns()`` as a text."""
    return b"%0*d" % (DIGITS, (now >> UNIT_BITS) % AROUND)


def nanoseconds_since(stamped: str | bytes) -> int:
    """How long ago that was, on the same machine.

    >>> 0 <= nanoseconds_since(stamp(monotonic_ns() - 5_000_000)) - 5_000_000 < 1_000_000_000
    True
    """
    return ((monotonic_ns() >> UNIT_BITS) - int(stamped)) % AROUND << UNIT_BITS
