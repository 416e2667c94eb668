"""Token counts, in this dialect's words and back.

``input_tokens`` is here what was read past the cache; what was read from it, or written into it, is counted apart.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance
"""

from __future__ import annotations

from ....streams.codec import Json
from ....streams.tokens import Usage, UsageKind
from ...shape import count_of, object_of

__all__ = ["merged", "parse_usage", "render_usage"]


def merged(told: Json, more: Json) -> Json:
    """Counts are cumulative snapshots: what is told again replaces what was told, null and absence replace nothing."""
    return {**told, **{name: value for name, value in more.items() if value is not None or name not in told}}


def parse_usage(usage: Json, kind: UsageKind = "exact") -> Usage:
    """Counts of the whole call; what is not a whole number counts as 0."""
    read, created = count_of(usage.get("cache_read_input_tokens")), count_of(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=count_of(usage.get("input_tokens")) + read + created,
        output_tokens=count_of(usage.get("output_tokens")),
        cache_read_input_tokens=read,
        cache_creation_input_tokens=created,
        reasoning_output_tokens=count_of(object_of(usage.get("output_tokens_details")).get("thinking_tokens")),
        kind=kind,
        raw=usage,
    )


def render_usage(usage: Usage | None) -> Json:
    """The vendor's own object where it is one, else ours in its words."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    if usage.raw is not None and "output_tokens" in usage.raw and parse_usage(usage.raw, usage.kind) == usage:
        return usage.raw
    cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    return {
        "input_tokens": max(0, usage.input_tokens - cached),
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_output_tokens},
    }
