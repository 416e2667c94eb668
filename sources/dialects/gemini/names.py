"""Names as Google's API takes them: of each field both ``systemInstruction`` and ``system_instruction``.

https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

__all__ = ["camel_case"]

# What is the caller's own, down to its names.
OPAQUE: Final = frozenset(
    "args response parameters parametersJsonSchema responseSchema responseJsonSchema labels".split()
)
INNER: Final = re.compile(r"_([a-z0-9])")


def camel_case(body: Any) -> Any:
    """The body with every name of a field as our own requests have it.

    >>> camel_case({"system_instruction": {"parts": [{"inline_data": {"mime_type": "image/png"}}]}})
    {'systemInstruction': {'parts': [{'inlineData': {'mimeType': 'image/png'}}]}}
    """
    match body:
        case dict():
            named = {INNER.sub(upper, name): value for name, value in cast("dict[str, Any]", body).items()}
            return {name: value if name in OPAQUE else camel_case(value) for name, value in named.items()}
        case list():
            return [camel_case(item) for item in cast("list[Any]", body)]
        case _:
            return body


def upper(found: re.Match[str]) -> str:
    return found[1].upper()
