"""What every provider's "no" has in common: how long to wait, whether to ask again, which error it is."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ..streams import codec
from ..streams.codec import Json
from ..streams.errors import ApiError, MalformedEvent, error_for_status
from .rate_limits import duration
from .shape import object_of, objects_of

__all__ = ["json_body", "refusal", "retry_after", "wait_in"]

LONGEST_MESSAGE: Final = 2_000
# https://platform.openai.com/docs/guides/rate-limits: "Please try again in 6ms.", "… in 1m2.5s. Visit …"
TRY_AGAIN: Final = re.compile(r"try again in ([0-9][0-9.hms]{0,20}[hms])(?![0-9a-z])", re.IGNORECASE)


def refusal(
    status: int,
    headers: Mapping[str, str],
    message: str,
    *,
    code: str | None = None,
    kind: str | None = None,
    request_id: str | None = None,
    error: type[ApiError] | None = None,
    retryable: bool | None = None,
    wait: float | None = None,
) -> ApiError:
    """The typed error for an answer that is no stream.

    ``x-should-retry`` overrides whatever the status says, as the vendors' own clients have it.
    """
    should = headers.get("x-should-retry")
    if should in ("true", "false"):
        retryable = should == "true"
    return (error or error_for_status(status))(
        message[:LONGEST_MESSAGE] or f"HTTP {status} without an explanation",
        status=status,
        code=code,
        kind=kind,
        request_id=request_id,
        retryable=retryable,
        retry_after=retry_after(headers) if wait is None else wait,
    )


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait: ``retry-after-ms``, else ``retry-after`` in seconds or as an HTTP date (RFC 9110 §10.2.3).

    >>> retry_after({"retry-after-ms": "1500"}), retry_after({"retry-after": "2"})
    (1.5, 2.0)
    >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=0.0)
    60.0
    """
    milliseconds = number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = number(text)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


def wait_in(message: str) -> float | None:
    """Seconds to wait where the provider says so in words, and has no header for it, as inside a stream.

    >>> wait_in("Rate limit reached … Please try again in 1.5s. Visit …"), wait_in("Please try again in a while.")
    (1.5, None)
    """
    found = TRY_AGAIN.search(message)
    return None if found is None else duration(found[1])


def number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def json_body(body: bytes) -> Json:
    """The body as an object; a body that is no JSON object becomes ``{"message": its text}``."""
    try:
        value: Any = codec.loads(body)
    except MalformedEvent:
        value = body.decode("utf-8", "replace").strip()
    if isinstance(value, dict):
        return object_of(value)
    return next(iter(objects_of(value)), {"message": str(value) if value else ""})
