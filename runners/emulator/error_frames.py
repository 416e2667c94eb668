"""How a stream that has begun says that it failed, and bytes that are no stream at all, for each framing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ...sources.dialect import Dialect
from ...sources.dialects.bedrock_converse.errors import encode_exception
from ...streams import codec
from ...streams.errors import ApiError, StreamError

__all__ = [
    "AWS_GARBAGE",
    "ELEMENT_GARBAGE",
    "LINE_GARBAGE",
    "SSE_GARBAGE",
    "ErrorFrame",
    "aws_exception",
    "element_error",
    "interaction_error",
    "line_error",
    "named_sse_error",
    "responses_error",
    "sse_error",
]

ErrorFrame: TypeAlias = Callable[[Dialect, StreamError], bytes]

AWS_GARBAGE: Final = b"\x00\x00\x00\x20\x00\x00\x00\x00" + 24 * b"\xff"
ELEMENT_GARBAGE: Final = b"\xff\xfe not JSON,"
LINE_GARBAGE: Final = b"{\xff\xfe not JSON\n"
SSE_GARBAGE: Final = b"data: " + LINE_GARBAGE + b"\n"


def sse_error(dialect: Dialect, error: StreamError) -> bytes:
    """The body of a refusal as one server-sent event."""
    return b"data: " + dialect.encode_error(error)[2] + b"\n\n"


def named_sse_error(dialect: Dialect, error: StreamError) -> bytes:
    """The same as an event named ``error``, as providers send it whose events have names."""
    return b"event: error\n" + sse_error(dialect, error)


def responses_error(dialect: Dialect, error: StreamError) -> bytes:
    """OpenAI's Responses say it flat. https://platform.openai.com/docs/api-reference/responses-streaming/error"""
    code = error.code if isinstance(error, ApiError) else None
    said = {"type": "error", "code": code or "server_error", "message": str(error), "param": None, "sequence_number": 0}
    return b"event: error\ndata: " + codec.dumps(said) + b"\n\n"


def interaction_error(dialect: Dialect, error: StreamError) -> bytes:
    """Gemini's Interactions name the event inside too. https://ai.google.dev/api/interactions-api"""
    said = {"event_type": "error", **codec.loads_object(dialect.encode_error(error)[2])}
    return b"event: error\ndata: " + codec.dumps(said) + b"\n\n"


def line_error(dialect: Dialect, error: StreamError) -> bytes:
    """The body of a refusal as one line."""
    return dialect.encode_error(error)[2] + b"\n"


def element_error(dialect: Dialect, error: StreamError) -> bytes:
    """The body of a refusal as the last element of a JSON array."""
    return dialect.encode_error(error)[2] + b"]"


def aws_exception(dialect: Dialect, error: StreamError) -> bytes:
    """A message of type ``exception``."""
    return encode_exception(error)
