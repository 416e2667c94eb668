"""A stream of server-sent events, cut at its blank lines, whatever its line ends are."""

from __future__ import annotations

from typing import Final

__all__ = ["CR", "LF", "Framer"]

BOM: Final = b"\xef\xbb\xbf"
CR, LF = 13, 10


class Framer:
    """Cut a byte stream at its blank lines, in linear time and in little memory for any size of chunk.

    :meth:`frame` answers the complete events of the stream so far, their lines ended by LF, with blank lines
    between them; what is incomplete waits in ``held``, and is ``overlong`` past ``limit`` bytes.
    """

    __slots__ = ("_at_line_end", "first", "held", "limit", "line", "overlong", "skip_lf")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.overlong = False
        self.held = bytearray()  # the incomplete event: it grows in place, so that a drip of bytes stays linear
        self.line: bytearray | None = None  # the same, while its last line has no end
        self.first = True  # a byte order mark may come yet
        self.skip_lf = False  # the last byte was CR: an LF that follows belongs to it
        self._at_line_end = True  # the stream up to here ends in LF, so that one more makes a blank line

    def frame(self, chunk: bytes) -> bytes:
        if self.skip_lf and chunk:
            self.skip_lf = False
            if chunk[0] == LF:
                chunk = chunk[1:]
        if CR in chunk:
            self.skip_lf = chunk[-1] == CR
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self.first:
            chunk = self._without_bom(chunk)
        if not chunk:
            return b""
        held = self.held
        end = chunk.rfind(b"\n\n")
        if end < 0 and not (self._at_line_end and chunk[0] == LF):
            held += chunk
            self._at_line_end = chunk[-1] == LF
            self.line = None if self._at_line_end else held
            if len(held) > self.limit:
                self._measure()
            return b""
        # An end of -1: the blank line began in the chunk before, and ends with this one's first byte.
        rest = chunk[end + 2 :]
        self._at_line_end = chunk[-1] == LF
        self.line = None if self._at_line_end else held
        if held:
            end += len(held)
            held += chunk
            chunk = bytes(held)
            held.clear()
        if rest:
            held += rest
            if len(rest) > self.limit:
                self._measure()
        return chunk[: max(end, 0)]

    def clear(self) -> None:
        """Begin with the next event."""
        self.held.clear()
        self.line, self.skip_lf, self._at_line_end = None, False, True

    def _measure(self) -> None:
        self.overlong = len(self.held) - self._at_line_end > self.limit  # the last line's end does not count

    def _without_bom(self, chunk: bytes) -> bytes:
        chunk = bytes(self.held) + chunk
        self.held.clear()
        if len(chunk) < len(BOM) and BOM.startswith(chunk):
            self.held += chunk
            return b""
        self.first = False
        return chunk.removeprefix(BOM)
