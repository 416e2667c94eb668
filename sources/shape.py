"""Read JSON that somebody else wrote: whatever has not the shape one asks for reads as empty.

>>> text_of(None), object_of([1]), objects_of({"a": 1}), count_of(-3)
('', {}, [], 0)
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, cast

from ..streams.codec import Json

__all__ = ["bytes_of", "count_of", "list_of", "object_of", "objects_of", "real_of", "text_of"]


def text_of(value: Any) -> str:
    """The text, or none."""
    return value if isinstance(value, str) else ""


def object_of(value: Any) -> Json:
    """The object, or an empty one."""
    return cast(Json, value) if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The list, or an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def objects_of(value: Any) -> list[Json]:
    """The objects in a list, whatever else is in it."""
    return [cast(Json, item) for item in list_of(value) if isinstance(item, dict)]


def bytes_of(value: Any) -> bytes:
    """The bytes that a text says in base64.

    Raises:
        ValueError: When it is no such text.
    """
    try:
        return b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise ValueError("an image or a document is not base64") from None


def count_of(value: Any) -> int:
    """The whole number, when it counts something."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def real_of(value: Any) -> float:
    """The number, if a float can hold it."""
    try:
        return float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:
        return 0.0
