"""Rate-limit headers, in the shapes that vendors use, as one :class:`~tokenrill.RateLimits`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ..streams.tokens import RateLimit, RateLimits

__all__ = ["anthropic_rate_limits", "cerebras_rate_limits", "openai_rate_limits"]

UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SECONDS: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
UNTOLD: Final = (None, None)
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def openai_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``; resets are durations such as ``6m0s``.

    https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers

    >>> openai_rate_limits({"x-ratelimit-limit-requests": "500", "x-ratelimit-reset-requests": "1m0.5s"}).requests
    RateLimit(limit=500, remaining=None, reset_after=60.5)
    """
    requests, tokens = bucket(headers, "requests"), bucket(headers, "tokens")
    return RateLimits(requests, tokens) if requests or tokens else None


def cerebras_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """``x-ratelimit-{limit,remaining,reset}-{requests-day,tokens-minute}``; resets are bare seconds.

    https://inference-docs.cerebras.ai/support/rate-limits

    >>> cerebras_rate_limits({"x-ratelimit-limit-tokens-minute": "9", "x-ratelimit-reset-tokens-minute": "3.5"}).tokens
    RateLimit(limit=9, remaining=None, reset_after=3.5)
    """
    requests, tokens = bucket(headers, "requests-day"), bucket(headers, "tokens-minute")
    return RateLimits(requests, tokens) if requests or tokens else None


def anthropic_rate_limits(headers: Mapping[str, str], now: float | None = None) -> RateLimits | None:
    """``anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}``; resets are dates.

    https://platform.claude.com/docs/en/api/rate-limits#response-headers

    >>> headers = {"anthropic-ratelimit-tokens-reset": "1970-01-01T00:01:00Z"}
    >>> anthropic_rate_limits(headers, now=10.0).tokens
    RateLimit(limit=None, remaining=None, reset_after=50.0)
    """
    moment = time.time() if now is None else now
    buckets = [dated_bucket(headers, name, moment) for name in ("requests", "tokens", "input-tokens", "output-tokens")]
    return RateLimits(*buckets) if any(buckets) else None


def dated_bucket(headers: Mapping[str, str], name: str, now: float) -> RateLimit | None:
    limit, remaining = (whole(headers.get(f"anthropic-ratelimit-{name}-{what}")) for what in ("limit", "remaining"))
    reset = seconds_until(headers.get(f"anthropic-ratelimit-{name}-reset"), now)
    return None if limit is remaining is reset is None else RateLimit(limit, remaining, reset)


def seconds_until(date: str | None, now: float) -> float | None:
    """Seconds from ``now`` to a date of RFC 3339; 0 when it has passed, None when it is none."""
    try:
        moment = datetime.fromisoformat(date or "")
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now)


def bucket(headers: Mapping[str, str], name: str) -> RateLimit | None:
    told = headers.get("x-ratelimit-limit-" + name), headers.get("x-ratelimit-remaining-" + name)
    resets = headers.get("x-ratelimit-reset-" + name)
    if resets is None and told == UNTOLD:  # as most servers of this dialect leave it
        return None
    limit, remaining, reset = whole(told[0]), whole(told[1]), duration(resets)
    return None if limit is remaining is reset is None else RateLimit(limit, remaining, reset)


def whole(text: str | None) -> int | None:
    """A count; Azure says -1 for a limit that it does not tell."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def duration(text: str | None) -> float | None:
    """Seconds in a duration such as ``6m0s`` or ``12ms``; a bare number is seconds."""
    if not text:
        return None
    if SECONDS.fullmatch(text):
        return float(text)
    found = DURATION.findall(text)
    if "".join(amount + unit for amount, unit in found) != text:
        return None
    return sum(float(amount) * UNIT_SECONDS[unit] for amount, unit in found)
