"""How OpenAI, and the servers that speak its dialect, say no: before the stream and inside it."""

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
from ...refusal import json_body, refusal, retry_after, wait_in
from ...shape import count_of, object_of

__all__ = ["encode_error", "in_stream_error", "refuse"]

# Words found in `code` or `type`. https://platform.openai.com/docs/guides/error-codes
KINDS: Final[Mapping[str, type[ApiError]]] = {
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "insufficient_quota": RateLimited,
    "tokens": RateLimited,
    "requests": RateLimited,
    "invalid_api_key": AuthenticationError,
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDenied,
    "invalid_request_error": InvalidRequest,
    "server_error": Overloaded,
    "api_error": Overloaded,
    "internal_server_error": Overloaded,
    "overloaded_error": Overloaded,
    "service_unavailable": Overloaded,
}
STATUS: Final[Mapping[type[StreamError], tuple[int, str]]] = {
    AuthenticationError: (401, "invalid_request_error"),
    PermissionDenied: (403, "invalid_request_error"),
    RateLimited: (429, "requests"),
    Overloaded: (500, "server_error"),
    InvalidRequest: (400, "invalid_request_error"),
}


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """An answer that is not 2xx, as an error; every shape of body that such servers are known to send."""
    parsed = json_body(body)
    details = details_of(parsed)
    code = word(details.get("code"))
    error = KINDS.get(code or "") if 200 <= status < 300 else None
    message = message_of(details) or message_of(parsed)
    return refusal(
        status,
        headers,
        message,
        code=code,
        kind=word(details.get("type")),
        request_id=headers.get("x-request-id") or headers.get("apim-request-id"),
        error=error,
        retryable=False if code == "insufficient_quota" else None,
        wait=wait_in(message) if retry_after(headers) is None else None,
    )


def in_stream_error(chunk: Json) -> StreamError:
    """An ``error`` object inside a stream that began with 200."""
    details = details_of(chunk)
    code, kind = word(details.get("code")), word(details.get("type"))
    message = message_of(details) or "the provider broke off with an error it did not explain"
    if code == "content_filter":
        return ContentBlocked(message, source="provider")
    status = status_in(details)
    known = next((KINDS[name] for name in (code, kind) if name in KINDS), None)
    error = known or (error_for_status(status) if status is not None else Overloaded)
    return error(
        message,
        status=status,
        code=code,
        kind=kind,
        retryable=False if code == "insufficient_quota" else None,
        retry_after=wait_in(message),
    )


def status_in(details: Json) -> int | None:
    """Groq says ``status_code``, OpenRouter puts the status into ``code``."""
    found = (count_of(details.get(name)) for name in ("status_code", "code"))
    return next((status for status in found if 300 <= status < 600), None)


def details_of(body: Json) -> Json:
    """The error itself: ``{"error": {…}}``, or ``error``, ``detail``, ``message`` beside the code (xAI, Mistral)."""
    error = body.get("error")
    return object_of(error) or ({**body, "message": error} if isinstance(error, str) else body)


def message_of(details: Json) -> str:
    for name in ("message", "detail", "error_description", "title"):
        match details.get(name):
            case str(text) if text:
                return text
            case None | "":
                pass
            case nested:
                return codec.dumps(nested).decode()
    return ""


def word(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int)) and value != "" else None


def encode_error(error: StreamError) -> tuple[int, dict[str, str], bytes]:
    """An error the way this provider says it: (status, headers, body)."""
    status, kind = next((STATUS[base] for base in type(error).__mro__ if base in STATUS), (500, "server_error"))
    given = error if isinstance(error, ApiError) else ApiError(str(error))
    headers = {"content-type": "application/json"}
    if error.request_id:
        headers["x-request-id"] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    body = {"error": {"message": str(error), "type": given.kind or kind, "param": None, "code": given.code}}
    return given.status or status, headers, codec.dumps(body)
