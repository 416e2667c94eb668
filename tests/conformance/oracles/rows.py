"""Rows of (what, ours, theirs): the first whose sides differ is the difference of a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tokenrill import Reply, StreamError, StreamToken

__all__ = ["Oracle", "Row", "usage_rows"]

Row: TypeAlias = tuple[str, object, object]
Oracle: TypeAlias = Callable[[Mapping[str, Any], Reply, Sequence[StreamToken], StreamError | None], Iterator[Row]]


def usage_rows(reply: Reply, usage: Mapping[str, Any]) -> Iterator[Row]:
    """Token counts, where the recorded client counts as we do."""
    ours = reply.usage
    yield "usage", ours is not None, True
    if ours is not None:
        yield "input tokens", ours.input_tokens, usage["input_tokens"] or 0
        yield "output tokens", ours.output_tokens, usage["output_tokens"] or 0
        yield "cached tokens", ours.cache_read_input_tokens, usage.get("cached_tokens") or 0
        yield "reasoning tokens", ours.reasoning_output_tokens, usage.get("reasoning_tokens") or 0
