"""The one JSON seam: ujson for whatever is not known beforehand, msgspec for typed decoding.

Both are lenient or strict in their own ways; this file gives them one face: bytes in, plain values out,
and :class:`~.errors.MalformedEvent` for all that is not JSON, without ever quoting it. What comes out can
always be printed, encoded and written as JSON again: no NaN, no lone surrogate, no bottomless nesting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

import msgspec
import ujson

from .errors import LimitExceeded, MalformedEvent

__all__ = ["UNREADABLE", "Json", "dumps", "encode_token", "loads", "loads_object", "typed_decoder"]

Json: TypeAlias = dict[str, Any]
MAX_DEPTH: Final = 256
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""All that a :func:`typed_decoder` may raise."""


def loads(data: bytes | str) -> Any:
    """Parse one JSON text. Invalid UTF-8 and halves of surrogate pairs become U+FFFD.

    >>> loads(b'{"a": [1, "caf\\xc3\\xa9"]}')
    {'a': [1, 'café']}

    Raises:
        MalformedEvent: When it is not JSON; NaN, infinities, and integers of more than 4,300 digits are not.
        LimitExceeded: When it is nested more than 256 deep.
    """
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else mended(data)
    try:
        value = ujson.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        if "depth limit" in str(error):
            raise LimitExceeded("max_json_depth", MAX_DEPTH) from None
        raise MalformedEvent(f"not JSON: {type(error).__name__} in {len(data)} bytes") from None
    check_plain(value)
    return mended_deep(value) if "\\ud" in text or "\\uD" in text else value


def loads_object(data: bytes | str) -> Json:
    """Parse one JSON text that must be an object.

    Raises:
        MalformedEvent: When it is anything else.
    """
    value = loads(data)
    if not isinstance(value, dict):
        raise MalformedEvent(f"expected a JSON object, got {type(value).__name__}")
    return cast(Json, value)


def dumps(value: Any) -> bytes:
    """Write compact UTF-8 JSON, as ``JSON.stringify`` does; halves of surrogate pairs become U+FFFD.

    >>> dumps({"a": "é/", "b": 1.5})
    b'{"a":"\\xc3\\xa9/","b":1.5}'

    Raises:
        ValueError: For NaN and infinities, which JSON cannot say, and for endless nesting.
        TypeError: For what has no JSON form; it says where that is, and quotes nothing.
    """
    try:
        try:
            return written(value)
        except UnicodeEncodeError:
            return written(mended_deep(value))
        except TypeError:
            unknown = next(unwritable(value, ""), "a key that is no text")
        raise TypeError(f"JSON has no form for {unknown}")
    except (OverflowError, RecursionError):
        raise ValueError("JSON has no NaN and no infinity, and nests no more than 1,024 deep") from None


def encode_token(token: msgspec.Struct) -> bytes:
    """One token as one line of JSON, without the line end; ``typed_decoder(StreamToken)`` reads it back."""
    try:
        return msgspec.json.encode(token)
    except UnicodeEncodeError:  # half of a surrogate pair, in a token that no decoder of ours made
        return dumps(msgspec.to_builtins(token))


def typed_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder into ``kind`` that reads only the fields it names; it raises one of :data:`UNREADABLE`."""
    return msgspec.json.Decoder(kind, strict=True)


def written(value: Any) -> bytes:
    text = ujson.dumps(value, ensure_ascii=False, escape_forward_slashes=False, reject_bytes=True, allow_nan=False)
    return text.encode()


def unwritable(value: Any, path: str) -> Iterator[str]:
    """What has no JSON form: of which type it is, and where."""
    match value:
        case str():
            return
        case dict():
            for key, item in cast("dict[Any, Any]", value).items():
                yield from unwritable(item, f"{path}.{key}" if path else str(key))
        case list() | tuple():
            for place, item in enumerate(cast("list[Any]", value)):
                yield from unwritable(item, f"{path}[{place}]")
        case _:
            try:
                written(value)
            except TypeError:
                yield f"a value of the type {type(value).__name__}" + (f", at {path}" if path else "")


def check_plain(value: Any) -> None:
    """See that a parsed value is one that everything else can take: level by level, without recursion."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH and any(isinstance(item, (dict, list)) for item in level):
            raise LimitExceeded("max_json_depth", MAX_DEPTH)
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast(Json, item).values())
            elif isinstance(item, list):
                below.extend(cast("list[Any]", item))
            elif isinstance(item, float) and item - item != 0:
                raise MalformedEvent("not JSON: it holds a number that is not finite")
        level = below


def mended(text: str) -> str:
    """The text with surrogate pairs joined, and their lone halves replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mended_deep(value: Any) -> Any:
    match value:
        case str():
            return mended(value)
        case dict():
            return {mended_deep(key): mended_deep(item) for key, item in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [mended_deep(item) for item in cast("list[Any]", value)]
        case _:
            return value
