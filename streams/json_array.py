"""The elements of one JSON array, as they come in, however it is printed; without I/O.

Gemini without ``alt=sse`` streams its answer as one pretty-printed array. The elements are found by counting
brackets outside of strings; what is in them is left to whoever reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .errors import LimitExceeded, MalformedEvent, StreamTruncated

__all__ = ["JsonArrayParser"]

MAX_ELEMENT_BYTES: Final = 16 << 20
BLANK: Final = b" \t\r\n"
# Outside a string only brackets and the quote that begins one matter; inside, only its end and escapes.
OUTSIDE: Final = re.compile(rb'[\[\]{}",]')
INSIDE: Final = re.compile(rb'["\\]')


class JsonArrayParser:
    r"""Turn byte chunks, cut anywhere, into the bytes of each element. A transducer.

    A text that is no array is one element by itself: a server that answers with a single object is understood.

    >>> parser = JsonArrayParser()
    >>> list(parser.feed(b'[{"a": "}]"},\r\n{"b"')), list(parser.feed(b": 1}\n]\n"))
    ([b'{"a": "}]"}'], [b'{"b": 1}'])

    Args:
        max_element_bytes: The most one element may hold.

    Raises:
        LimitExceeded: From ``feed``, past the limit.
        MalformedEvent: From ``feed``, when brackets do not match or something follows the end.
        StreamTruncated: From ``close``, before the end of the array.
    """

    __slots__ = ("_array", "_buffer", "_depth", "_done", "_max", "_scanned", "_started", "_string")

    def __init__(self, *, max_element_bytes: int = MAX_ELEMENT_BYTES) -> None:
        self._max = max_element_bytes
        self._buffer = bytearray()  # from the first byte of the element that is not complete
        self._scanned = 0  # how much of it has been looked at, so that a drip of bytes stays linear
        self._depth = 0  # open brackets inside the element
        self._string = False
        self._array = False
        self._started = False
        self._done = False

    @property
    def done(self) -> bool:
        """Whether the array, or the one element, has ended."""
        return self._done

    def feed(self, chunk: bytes, /) -> Iterator[bytes]:
        """Take one chunk; give the elements it completed."""
        buffer = self._buffer
        buffer += chunk
        if not self._started and not self._begin():
            return
        while (end := self._next_end()) is not None:
            element = bytes(buffer[:end]).strip(BLANK)
            closing = end < len(buffer) and self._array and buffer[end] in b",]"
            if closing:
                self._done = buffer[end] == ord("]")
            del buffer[: end + closing]
            self._scanned = 0
            if element:
                if len(element) > self._max:
                    raise LimitExceeded("max_element_bytes", self._max)
                yield element
            if not self._array:
                self._done = True
        if self._done and buffer.strip(BLANK):
            raise MalformedEvent("something follows the end of the JSON array")
        if len(buffer) > self._max:
            raise LimitExceeded("max_element_bytes", self._max)

    def close(self) -> tuple[bytes, ...]:
        """End the stream."""
        if self._started and not self._done:
            raise StreamTruncated("the JSON array ended in the middle")
        return ()

    def _begin(self) -> bool:
        buffer = self._buffer
        stripped = buffer.lstrip(BLANK + b"\xef\xbb\xbf")
        if not stripped:
            return False
        self._started = True
        self._array = stripped[0] == ord("[")
        del buffer[: len(buffer) - len(stripped) + self._array]
        return True

    def _next_end(self) -> int | None:
        """Where the element in the buffer ends: at a comma or the array's bracket, or its own closing bracket."""
        buffer, position = self._buffer, self._scanned
        while not self._done:
            found = (INSIDE if self._string else OUTSIDE).search(buffer, position)
            if found is None:
                self._scanned = len(buffer)
                return None
            position = found.end()
            mark = buffer[found.start()]
            if self._string:
                if mark == ord('"'):
                    self._string = False
                elif position == len(buffer):  # the character that is escaped has not come yet
                    self._scanned = found.start()
                    return None
                else:
                    position += 1
                continue
            if mark == ord('"'):
                self._string = True
            elif mark in b"{[":
                self._depth += 1
            elif mark == ord(",") or self._depth == 0:
                if self._depth == 0:
                    return self._at_top(found.start(), mark)
            else:
                self._depth -= 1
                if self._depth == 0 and not self._array:
                    return position
        return None

    def _at_top(self, position: int, mark: int) -> int:
        if not self._array or mark == ord("}"):
            raise MalformedEvent("the brackets of the JSON array do not match")
        return position
