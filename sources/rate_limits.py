"""Rate-limit headers, in the shapes that vendors use, as one :class:`~tokenrill.RateLimits`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..streams.tokens import RateLimit, RateLimits

__all__ = ["openai_rate_limits"]

UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def openai_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``; resets are durations such as ``6m0s``.

    https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers

    >>> openai_rate_limits({"x-ratelimit-limit-requests": "500", "x-ratelimit-reset-requests": "1m0.5s"}).requests
    RateLimit(limit=500, remaining=None, reset_after=60.5)
    """
    requests, tokens = bucket(headers, "requests"), bucket(headers, "tokens")
    return RateLimits(requests, tokens) if requests or tokens else None


def bucket(headers: Mapping[str, str], name: str) -> RateLimit | None:
    limit, remaining = (whole(headers.get(f"x-ratelimit-{what}-{name}")) for what in ("limit", "remaining"))
    reset = duration(headers.get(f"x-ratelimit-reset-{name}"))
    return None if limit is remaining is reset is None else RateLimit(limit, remaining, reset)


def whole(text: str | None) -> int | None:
    """A count; Azure says -1 for a limit that it does not tell."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def duration(text: str | None) -> float | None:
    """Seconds in a duration such as ``6m0s`` or ``12ms``; a bare number is seconds."""
    if not text:
        return None
    if whole(text) is not None:
        return float(text)
    found = DURATION.findall(text)
    if "".join(amount + unit for amount, unit in found) != text:
        return None
    return sum(float(amount) * UNIT_SECONDS[unit] for amount, unit in found)
