"""Rows of (what, ours, theirs): the first whose sides differ is the difference of a case."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tokenrill import Reply, StreamError, StreamToken, StreamTruncated

__all__ = ["Oracle", "Row", "failure_row", "usage_rows"]

Row: TypeAlias = tuple[str, object, object]
Oracle: TypeAlias = Callable[[Mapping[str, Any], Reply, Sequence[StreamToken], StreamError | None], Iterator[Row]]


def failure_row(
    record: Mapping[str, Any], theirs: Mapping[str, Any] | None, error: StreamError | None, *, cut: bool = False
) -> Row:
    """How it failed: as the recorded client did, as an answer that was ``cut``, or not at all.

    A client that wraps what the provider said in words of its own, or says nothing of it, is as right as we are:
    what we say then stands in what one of the two said, or in the recorded body.
    """
    if theirs:
        said = str(theirs.get("message") or "")
        known = error is not None and (str(error) in said or said in str(error) or is_in_body(record, str(error)))
        return "error", known or f"{type(error).__name__}: {error}", True
    if cut:
        return "error", type(error).__name__, StreamTruncated.__name__
    return "error", error and f"{type(error).__name__}: {error}", None


def is_in_body(record: Mapping[str, Any], text: str) -> bool:
    body = base64.b64decode(record["body_base64"])
    quoted = [json.dumps(text, ensure_ascii=ascii)[1:-1].encode() for ascii in (True, False)]
    return any(one in body for one in (text.encode(), *quoted))


def usage_rows(reply: Reply, usage: Mapping[str, Any]) -> Iterator[Row]:
    """Token counts, where the recorded client counts as we do."""
    ours = reply.usage
    yield "usage", ours is not None, True
    if ours is not None:
        yield "input tokens", ours.input_tokens, usage.get("input_tokens") or 0
        yield "output tokens", ours.output_tokens, (usage.get("output_tokens") or 0) + apart(usage)
        yield "cached tokens", ours.cache_read_input_tokens, usage.get("cached_tokens") or 0
        yield "reasoning tokens", ours.reasoning_output_tokens, usage.get("reasoning_tokens") or 0


def apart(usage: Mapping[str, Any]) -> int:
    """The reasoning tokens of a server that does not count them as output: its total holds them beside it."""
    raw: Mapping[str, Any] = usage.get("raw") or {}
    thought = usage.get("reasoning_tokens") or 0
    counts = ("prompt_tokens", "completion_tokens")
    return thought if raw.get("total_tokens") == sum(raw.get(name) or 0 for name in counts) + thought else 0
