"""How the Responses API says no: before the stream as chat completions do, inside it in two shapes.

An ``error`` event holds its code and message flat or under ``error``; ``response.failed`` holds them in the
response. https://platform.openai.com/docs/api-reference/responses-streaming/error
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ....streams.codec import Json
from ....streams.errors import ApiError, ContentBlocked, InvalidRequest, Overloaded, StreamError
from ...shape import object_of, text_of
from ..openai_chat.errors import in_stream_error, refuse

__all__ = ["error_event", "failure", "refuse"]

# The policies that stop an answer: asking again, unchanged, is no use, and it is the provider who blocks.
BLOCKED: Final = frozenset(
    (
        "content_filter",
        "bio_policy",
        "cyber_policy",
        "misalignment_policy_violation",
        "image_content_policy_violation",
    )
)
# https://platform.openai.com/docs/api-reference/responses/object#responses/object-error
CODES: Final[Mapping[str, type[ApiError]]] = {
    "invalid_prompt": InvalidRequest,
    "context_length_exceeded": InvalidRequest,
    "data_residency_mismatch": InvalidRequest,
    "vector_store_timeout": Overloaded,
    "invalid_image": InvalidRequest,
    "invalid_image_format": InvalidRequest,
    "invalid_base64_image": InvalidRequest,
    "invalid_image_url": InvalidRequest,
    "image_too_large": InvalidRequest,
    "image_too_small": InvalidRequest,
    "image_parse_error": InvalidRequest,
    "invalid_image_mode": InvalidRequest,
    "image_file_too_large": InvalidRequest,
    "unsupported_image_media_type": InvalidRequest,
    "empty_image_file": InvalidRequest,
    "failed_to_download_image": InvalidRequest,
    "image_file_not_found": InvalidRequest,
}


def error_event(event: Json) -> StreamError:
    """An ``error`` event, flat or nested."""
    details = object_of(event.get("error")) or {name: value for name, value in event.items() if name != "type"}
    return typed(details)


def failure(response: Json) -> StreamError:
    """A response whose status is ``failed``."""
    return typed(object_of(response.get("error")))


def typed(details: Json) -> StreamError:
    code = text_of(details.get("code"))
    if code in BLOCKED:
        return ContentBlocked(text_of(details.get("message")) or f"blocked: {code}", source="provider")
    if code in CODES:
        kind = text_of(details.get("type")) or None
        return CODES[code](text_of(details.get("message")) or code, code=code, kind=kind)
    return in_stream_error({"error": details} if details else {})
