"""The headers of a message of an AWS event stream: a block of names and typed values.

https://smithy.io/2.0/aws/amazon-eventstream.html#headers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct as Layout, error as LayoutError
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from .errors import MalformedEvent

__all__ = ["HeaderValue", "encode_headers", "read_headers"]

HeaderValue: TypeAlias = str | bytes | int | bool | UUID

INTEGERS: Final = {2: Layout(">b"), 3: Layout(">h"), 4: Layout(">i"), 5: Layout(">q"), 8: Layout(">q")}
LENGTH: Final = Layout(">H")


def read_headers(block: bytes) -> Mapping[str, HeaderValue]:
    r"""The values by their names.

    >>> dict(read_headers(b"\x01a\x07\x00\x01b"))
    {'a': 'b'}

    Raises:
        MalformedEvent: When a header cannot be read.
    """
    try:
        return MappingProxyType(dict(parse_headers(block)))
    except (LayoutError, IndexError, ValueError):
        raise MalformedEvent("a header of the event stream cannot be read") from None


def encode_headers(headers: Mapping[str, str]) -> bytes:
    r"""The block of such headers.

    >>> encode_headers({"a": "b"})
    b'\x01a\x07\x00\x01b'
    """
    return b"".join(
        bytes([len(raw)]) + raw + b"\x07" + LENGTH.pack(len(text)) + text
        for raw, text in ((name.encode(), value.encode()) for name, value in headers.items())
    )


def parse_headers(block: bytes) -> Iterator[tuple[str, HeaderValue]]:
    position, seen = 0, set[str]()
    while position < len(block):
        name_end = position + 1 + block[position]
        name = block[position + 1 : name_end].decode()
        if not name or name_end >= len(block) or name in seen:
            raise ValueError("a header without a name or a value, or one that is there twice")
        seen.add(name)
        value, position = parse_value(block, name_end)
        yield name, value


def parse_value(block: bytes, position: int) -> tuple[HeaderValue, int]:
    kind, start = block[position], position + 1
    match kind:
        case 0 | 1:
            return kind == 0, start
        case 2 | 3 | 4 | 5 | 8:
            layout = INTEGERS[kind]
            return layout.unpack_from(block, start)[0], start + layout.size
        case 6 | 7:
            begin = start + LENGTH.size
            end = begin + LENGTH.unpack_from(block, start)[0]
            if end > len(block):
                raise ValueError("a header's value is longer than the headers")
            return block[begin:end].decode() if kind == 7 else block[begin:end], end
        case 9:
            return UUID(bytes=block[start : start + 16]), start + 16
        case _:
            raise ValueError("a header of an unknown type")
