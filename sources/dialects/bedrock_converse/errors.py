"""How Amazon Bedrock says no: before the stream and inside it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
"""

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
    StreamStalled,
)
from ....streams.eventstream import EventStreamMessage, encode_message
from ...refusal import json_body, refusal
from ...shape import count_of, text_of

__all__ = ["encode_error", "encode_exception", "in_stream_error", "refuse"]

# Each of the vendor's words, as it is written before the stream; inside it the first letter is small.
# A model that failed (424) is nobody's wrong request: the vendor says to ask again.
KINDS: Final[Mapping[str, tuple[int, type[ApiError]]]] = {
    "ValidationException": (400, InvalidRequest),
    "ServiceQuotaExceededException": (400, InvalidRequest),
    "ConflictException": (400, InvalidRequest),
    "UnrecognizedClientException": (403, PermissionDenied),
    "AccessDeniedException": (403, PermissionDenied),
    "ResourceNotFoundException": (404, InvalidRequest),
    "ModelTimeoutException": (408, Overloaded),
    "ModelErrorException": (424, Overloaded),
    "ModelStreamErrorException": (424, Overloaded),
    "ModelNotReadyException": (429, RateLimited),
    "ThrottlingException": (429, RateLimited),
    "InternalServerException": (500, Overloaded),
    "ServiceUnavailableException": (503, Overloaded),
}
BY_CLASS: Final[Mapping[type[StreamError], str]] = {
    AuthenticationError: "UnrecognizedClientException",
    PermissionDenied: "AccessDeniedException",
    RateLimited: "ThrottlingException",
    Overloaded: "ServiceUnavailableException",
    InvalidRequest: "ValidationException",
    StreamStalled: "ModelTimeoutException",
}
REQUEST_ID: Final = "x-amzn-requestid"
UNEXPLAINED: Final = "the provider broke off with an error it did not explain"


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """An answer that is not 2xx, as an error; the type is in ``x-amzn-errortype``, sometimes with an address behind."""
    parsed = json_body(body)
    kind = type_name(headers.get("x-amzn-errortype") or text_of(parsed.get("__type")) or text_of(parsed.get("code")))
    return refusal(
        status,
        headers,
        message_of(parsed),
        code=kind,
        kind=kind,
        request_id=headers.get(REQUEST_ID),
        error=Overloaded if status == 424 else None,
    )


def type_name(text: str) -> str | None:
    """``ThrottlingException`` in ``com.amazon#ThrottlingException:http://…``."""
    return text.partition(":")[0].rpartition("#")[2] or None


def message_of(body: Json) -> str:
    return next((text for name in ("message", "Message") if (text := text_of(body.get(name)))), "")


def in_stream_error(message: EventStreamMessage) -> StreamError:
    """A message of type ``exception`` or ``error`` inside a stream that began with 200."""
    headers = message.headers
    body = json_body(message.payload) if message.payload else {}
    kind = message.event_type
    status, error = KINDS.get(kind[:1].upper() + kind[1:], (None, Overloaded))
    said = message_of(body) or text_of(headers.get(":error-message")) or UNEXPLAINED
    original = text_of(body.get("originalMessage"))
    if original and original not in said:
        said = f"{said} ({original})"
    told = count_of(body.get("originalStatusCode"))
    return error(said, status=status, code=str(told) if told else None, kind=kind or None)


def encode_error(error: StreamError) -> tuple[int, dict[str, str], bytes]:
    """An error the way this provider says it: (status, headers, body)."""
    kind, status = kind_of(error)
    headers = {"content-type": "application/json", "x-amzn-errortype": kind}
    if error.request_id:
        headers[REQUEST_ID] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    given = error.status if isinstance(error, ApiError) else None
    return given or status, headers, codec.dumps({"message": str(error)})


def encode_exception(error: StreamError) -> bytes:
    """The same as a message inside a stream."""
    kind, _ = kind_of(error)
    headers = {
        ":exception-type": kind[:1].lower() + kind[1:],
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return encode_message(headers, codec.dumps({"message": str(error)}))


def kind_of(error: StreamError) -> tuple[str, int]:
    by_class = next((BY_CLASS[base] for base in type(error).__mro__ if base in BY_CLASS), "InternalServerException")
    given = error.kind or "" if isinstance(error, ApiError) else ""
    name = given[:1].upper() + given[1:]
    kind = name if name in KINDS else by_class
    return kind, KINDS[kind][0]
