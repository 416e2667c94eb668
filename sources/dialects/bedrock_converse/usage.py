"""Token counts, in this dialect's words and back.

``inputTokens`` is what was read past the cache: in recorded answers ``totalTokens`` is the sum of all four.
"""

from __future__ import annotations

from ....streams.codec import Json
from ....streams.tokens import Usage
from ...shape import count_of

__all__ = ["parse_usage", "render_usage"]


def parse_usage(usage: Json) -> Usage:
    """Counts of the whole call; what is not a whole number counts as 0."""
    read = count_of(usage.get("cacheReadInputTokens")) or count_of(usage.get("cacheReadInputTokenCount"))
    written = count_of(usage.get("cacheWriteInputTokens")) or count_of(usage.get("cacheWriteInputTokenCount"))
    return Usage(
        input_tokens=count_of(usage.get("inputTokens")) + read + written,
        output_tokens=count_of(usage.get("outputTokens")),
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        raw=usage,
    )


def render_usage(usage: Usage | None) -> Json:
    """The vendor's own object where it is one, else ours in its words."""
    if usage is None:
        return {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    if usage.raw is not None and "inputTokens" in usage.raw:
        return usage.raw
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    body: Json = {
        "inputTokens": max(0, usage.input_tokens - read - written),
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
    }
    return {**body, "cacheReadInputTokens": read, "cacheWriteInputTokens": written} if read or written else body
