"""How Anthropic says no: before the stream and inside it. https://platform.claude.com/docs/en/api/errors"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import (
    ApiError,
    AuthenticationError,
    InvalidRequest,
    Overloaded,
    PermissionDenied,
    RateLimited,
    StreamError,
)
from ...refusal import json_body, refusal
from ...shape import object_of, text_of

__all__ = ["encode_error", "in_stream_error", "refuse"]

# Each of the vendor's words, with the status that it has before the stream.
KINDS: Final[Mapping[str, tuple[int, type[ApiError]]]] = {
    "invalid_request_error": (400, InvalidRequest),
    "authentication_error": (401, AuthenticationError),
    "billing_error": (402, InvalidRequest),
    "permission_error": (403, PermissionDenied),
    "not_found_error": (404, InvalidRequest),
    "conflict_error": (409, Overloaded),
    "request_too_large": (413, InvalidRequest),
    "rate_limit_error": (429, RateLimited),
    "api_error": (500, Overloaded),
    "timeout_error": (504, Overloaded),
    "overloaded_error": (529, Overloaded),
}
BY_STATUS: Final = {status: kind for kind, (status, _) in KINDS.items()}
BY_CLASS: Final[Mapping[type[StreamError], str]] = {
    AuthenticationError: "authentication_error",
    PermissionDenied: "permission_error",
    RateLimited: "rate_limit_error",
    Overloaded: "overloaded_error",
    InvalidRequest: "invalid_request_error",
}


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """An answer that is not 2xx, as an error. Google, in front of Claude on Vertex AI, says ``error.status``."""
    parsed = json_body(body)
    error = object_of(parsed.get("error"))
    return refusal(
        status,
        headers,
        message_of(parsed),
        code=code_of(error),
        kind=text_of(error.get("type")) or text_of(error.get("status")) or None,
        request_id=headers.get("request-id") or text_of(parsed.get("request_id")) or headers.get("x-request-id"),
    )


def in_stream_error(event: Json) -> ApiError:
    """An ``error`` event inside a stream that began with 200; what has no known type may be asked again."""
    error = object_of(event.get("error"))
    kind = text_of(error.get("type")) or None
    _, known = KINDS.get(kind or "", (0, Overloaded))
    return known(
        message_of(event) or "the provider broke off with an error it did not explain",
        code=code_of(error),
        kind=kind,
        request_id=text_of(event.get("request_id")) or None,
    )


def message_of(body: Json) -> str:
    """The explanation: ``error.message``, else what stands in its place."""
    error = body.get("error")
    found = (object_of(error).get("message"), error, body.get("message"), body.get("detail"))
    return next((text for text in found if isinstance(text, str) and text), "")


def code_of(error: Json) -> str | None:
    """The stable code that names the cause: ``error.details.error_code``."""
    return text_of(object_of(error.get("details")).get("error_code")) or None


def encode_error(error: StreamError) -> tuple[int, dict[str, str], bytes]:
    """An error the way this provider says it: (status, headers, body). In a stream the body is an ``error`` event."""
    given = error if isinstance(error, ApiError) else ApiError(str(error))
    by_class = next((BY_CLASS[base] for base in type(error).__mro__ if base in BY_CLASS), "api_error")
    kind = given.kind if given.kind in KINDS else BY_STATUS.get(given.status or 0, by_class)
    said: Json = {"type": kind, "message": str(error)}
    if given.code:
        said["details"] = {"error_code": given.code}
    headers = {"content-type": "application/json"}
    if error.request_id:
        headers["request-id"] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    body = codec.dumps({"type": "error", "error": said, "request_id": error.request_id})
    return given.status or KINDS[kind][0], headers, body
