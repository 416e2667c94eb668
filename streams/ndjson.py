"""Newline-delimited JSON, framed without I/O: one value a line. https://github.com/ndjson/ndjson-spec

>>> lines = NdjsonLines()
>>> list(lines.feed(b'{"a": 1}\\n{"a"')), list(lines.feed(b': 2}')), list(lines.close())
([b'{"a": 1}'], [], [b'{"a": 2}'])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .errors import LimitExceeded

__all__ = ["NdjsonLines"]

MAX_LINE_BYTES: Final = 1 << 20


class NdjsonLines:
    """Turn byte chunks, cut anywhere, into lines that hold something. A transducer.

    LF and CRLF end a line, and so does the end of the stream.

    Args:
        max_line_bytes: The most one line may hold.

    Raises:
        LimitExceeded: From ``feed``, past the limit, after the lines before.
    """

    __slots__ = ("_held", "_limit")

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit = max_line_bytes
        self._held = bytearray()

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | Iterator[bytes]:
        """Take one chunk; return the lines it completed."""
        held = self._held
        end = chunk.rfind(b"\n")
        lines: list[bytes] = []
        if end < 0:
            held += chunk
        else:
            lines = (bytes(held) + chunk[:end] if held else chunk[:end]).split(b"\n")
            held[:] = chunk[end + 1 :]
        if self._is_overlong(held) or any(map(self._is_overlong, lines)):
            return self._checked(lines)
        return [line for given in lines if (line := given.strip())]

    def feed_batch(self, chunks: Sequence[bytes], /) -> Sequence[bytes] | None:
        """The same for the chunks of one read; None when a line is too long, or nothing is sure to end."""
        chunk = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        held = self._held
        if not chunk.endswith(b"\n") or len(held) + len(chunk) > self._limit:
            return None
        if held:
            chunk = bytes(held) + chunk
            held.clear()
        return [line for given in chunk.split(b"\n") if (line := given.strip())]

    def close(self) -> Sequence[bytes]:
        """End the stream: what is left is the last line."""
        line = bytes(self._held).strip()
        self._held.clear()
        return [line] if line else []

    def _is_overlong(self, line: bytes | bytearray) -> bool:
        # A carriage return at the end belongs to the line's end, or will soon be known not to.
        return len(line) > self._limit and len(line) - line.endswith(b"\r") > self._limit

    def _checked(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if self._is_overlong(line):
                break
            if text := line.strip():
                yield text
        self._held.clear()
        raise LimitExceeded("max_line_bytes", self._limit)
