"""The names that a pipeline written down as data may use: all operators and sinks of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from .. import operators
from ..operators import accumulate, deadline, filter_content, parse_sse
from ..sinks.metrics import StreamMetrics

__all__ = ["VOCABULARY"]


def console(**options: Any) -> Any:
    """The console sink; it needs an extra, so it is imported when it is asked for."""
    return import_module("..sinks.console", __package__).console(**options)


VOCABULARY: Final[Mapping[str, Callable[..., Any]]] = {
    "accumulate": accumulate,
    "buffer": operators.buffer,
    "circuit_break": operators.circuit_break,
    "console": console,
    "deadline": deadline,
    "fallback": operators.fallback,
    "filter_content": filter_content,
    "parse_eventstream": operators.parse_eventstream,
    "parse_sse": parse_sse,
    "race": operators.race,
    "rate_limit": operators.rate_limit,
    "resilient": operators.resilient,
    "resume": operators.resume,
    "retry": operators.retry,
    "StreamMetrics": StreamMetrics,
}
