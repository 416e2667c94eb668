"""Recorded refusals: status, class, message, request id and how long to wait."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, cast

from tokenrill import ApiError
from tokenrill.sources.dialect import Dialect

from .oracles.rows import Row

__all__ = ["error_rows"]

CLASSES = {401: "AuthenticationError", 403: "PermissionDenied", 429: "RateLimited"}
REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")


def error_rows(record: Mapping[str, Any], dialect: Dialect) -> Iterator[Row]:
    """What the dialect makes of a recorded refusal, beside what the vendor's client and the headers say."""
    status: int = record["status"]
    headers: dict[str, str] = {name.lower(): value for name, value in record["response_headers"].items()}
    error = dialect.refuse(status, headers, base64.b64decode(record["body_base64"]))
    yield "class", type(error).__name__, CLASSES.get(status, "Overloaded" if status >= 500 else "InvalidRequest")
    yield "status", isinstance(error, ApiError) and error.status, status
    theirs: dict[str, Any] = record["expected"]["sdk_error"] or {}
    said: str = theirs.get("message") or ""
    body = base64.b64decode(record["body_base64"])
    told = [said, body.decode("utf-8", "replace"), *texts(record.get("body"))]
    yield "message", not body or (bool(str(error)) and any(str(error) in text for text in told if text)), True
    ids = [headers[name] for name in REQUEST_IDS if name in headers]
    if ids:
        yield "request id", error.request_id in ids, True
    if "retry-after" in headers:
        seconds = headers["retry-after"]
        yield "retry after", error.retry_after is not None, True
        if seconds.replace(".", "", 1).isdecimal() and "retry-after-ms" not in headers:
            yield "seconds to wait", error.retry_after, float(seconds)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value: some clients keep the provider's message to themselves."""
    match value:
        case str():
            yield value
        case dict():
            for item in cast("dict[str, Any]", value).values():
                yield from texts(item)
        case list():
            for item in cast("list[Any]", value):
                yield from texts(item)
        case _:
            pass
