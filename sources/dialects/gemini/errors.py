"""How Google says no: before the stream and inside it. https://cloud.google.com/apis/design/errors"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import (
    ApiError,
    AuthenticationError,
    ContentBlocked,
    InvalidRequest,
    Overloaded,
    PermissionDenied,
    RateLimited,
    StreamError,
    error_for_status,
)
from ...rate_limits import duration
from ...refusal import json_body, refusal
from ...shape import count_of, object_of, objects_of, text_of

__all__ = ["encode_error", "in_stream_error", "refuse"]

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
STATUS_OF: Final[Mapping[str, int]] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
WORDS: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
STATUS: Final[Mapping[type[StreamError], int]] = {
    AuthenticationError: 401,
    PermissionDenied: 403,
    RateLimited: 429,
    Overloaded: 503,
    InvalidRequest: 400,
    ContentBlocked: 400,
}


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """An answer that is not 2xx, as an error; the body is an object, an array of one, or text."""
    return refused(status, headers, details_of(json_body(body)))


def in_stream_error(chunk: Json) -> StreamError:
    """An ``error`` object inside a stream that began with 200."""
    details = details_of(chunk)
    return refused(status_in(details), {}, details)


def refused(status: int, headers: Mapping[str, str], details: Json) -> StreamError:
    word, reason = text_of(details.get("status")) or None, reason_in(details)
    said = status if status >= 300 else status_in(details)
    return refusal(
        status,
        headers,
        text_of(details.get("message")) or "Google gave no explanation",
        code=reason or word or text_of(details.get("code")) or None,
        kind=word,
        request_id=headers.get("x-request-id"),
        error=error_for_status(said),
        # The caller did not cancel it: one of Google's own servers did.
        retryable=True if word == "CANCELLED" else None,
        wait=retry_delay(details),
    )


def details_of(body: Json) -> Json:
    """The error itself: ``{"error": {…}}``, ``{"error": "text"}``, or its fields alone."""
    error = body.get("error")
    return object_of(error) or ({**body, "message": error} if isinstance(error, str) else body)


def status_in(details: Json) -> int:
    """The code, or the status that Google's word for it stands for; interactions have the word in ``code``."""
    code = count_of(details.get("code"))
    word = text_of(details.get("status")) or text_of(details.get("code")).upper()
    return code if 300 <= code < 600 else STATUS_OF.get(word, 500)


def reason_in(details: Json) -> str | None:
    """Google's finer word, such as ``API_KEY_INVALID``."""
    return next((text_of(detail.get("reason")) for detail in described(details, "ErrorInfo")), None) or None


def retry_delay(details: Json) -> float | None:
    """``RetryInfo``: how long to wait, as a duration such as ``34.07s``."""
    delays = (duration(text_of(detail.get("retryDelay"))) for detail in described(details, "RetryInfo"))
    return next((delay for delay in delays if delay is not None), None)


def described(details: Json, kind: str) -> list[Json]:
    return [one for one in objects_of(details.get("details")) if text_of(one.get("@type")).endswith(f".{kind}")]


def encode_error(error: StreamError) -> tuple[int, dict[str, str], bytes]:
    """An error the way this provider says it: (status, headers, body)."""
    known = next((STATUS[base] for base in type(error).__mro__ if base in STATUS), 500)
    given = error if isinstance(error, ApiError) else ApiError(str(error))
    status = given.status or known
    word = given.kind if given.kind in STATUS_OF else WORDS.get(status, "UNKNOWN")
    details: list[dict[str, Any]] = []
    if given.code and given.code not in (word, str(status)):
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": given.code})
    headers = {"content-type": "application/json; charset=UTF-8"}
    if error.retry_after is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{error.retry_after:g}s"})
        headers["retry-after"] = f"{error.retry_after:g}"
    if error.request_id:
        headers["x-request-id"] = error.request_id
    body: Json = {"code": status, "message": str(error), "status": word}
    return status, headers, codec.dumps({"error": {**body, "details": details} if details else body})
