"""Operators for ``Observable.pipe``; import them from here. Each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._accumulate import accumulate
    from ._buffer import buffer
    from ._circuit_break import circuit_break
    from ._compose import compose
    from ._deadline import deadline
    from ._decode import decode
    from ._fallback import fallback
    from ._filter_content import filter_content
    from ._parse_eventstream import parse_eventstream
    from ._parse_sse import parse_sse
    from ._race import race
    from ._rate_limit import rate_limit
    from ._resilient import resilient
    from ._resume import resume
    from ._retry import retry
    from ._transduce import transduce

__all__ = [
    "accumulate",
    "buffer",
    "circuit_break",
    "compose",
    "deadline",
    "decode",
    "fallback",
    "filter_content",
    "parse_eventstream",
    "parse_sse",
    "race",
    "rate_limit",
    "resilient",
    "resume",
    "retry",
    "transduce",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tokenrill.operators' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"._{name}", __name__), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)
