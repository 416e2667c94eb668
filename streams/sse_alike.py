"""Server-sent events that are like the one before, a whole read at a time.

Streams repeat themselves: event after event begins with the same head, ``data: ``, or an ``event:`` line and
``data: ``. So one ``split`` on *blank line and head* cuts a read, and it is exact when no line ends within a piece:
then there are no other lines than the standard would find.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .sse_framer import CR, LF, Framer

__all__ = ["Alike"]

LONGEST: Final = 256  # an event line that is longer is not expected again
SLICE: Final = 16 << 10  # CPython's search in more than 30,000 bytes prepares itself anew for each hit


class Alike:
    """The quick way through a stream, beside a framer for the plain one.

    An event that is not over waits in ``_lead`` and ``_data`` as long as it is like the last one, and else in the
    framer, when ``_lead`` is None. Pieces in which no line ends are added to what the framer holds, either way.
    """

    __slots__ = ("_blank", "_data", "_framer", "_head", "_lead", "_line_end", "_most", "_needle", "_room", "_type")

    def __init__(self, limit: int) -> None:
        self._framer = Framer(limit)
        self._room = limit  # how much the framer may hold, for no event to be too long
        self._lead: bytes | None = None  # the blank line before it, and its head so far; empty when all of that is over
        self._data = b""  # its data so far, after the head
        self._expect(b"\n")

    def _fits(self, chunk: bytes) -> bool:
        return len(self._framer.held) + len(chunk) <= self._room

    def _whole(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events that this chunk is, from head to blank line, when they are alike."""
        if self._framer.held or not SLICE >= len(chunk) <= self._room:
            return None
        payload = chunk[len(self._head) : -len(self._blank)]
        if LF not in payload and CR not in payload:
            return [payload]
        payloads = payload.split(self._needle)
        return None if has_line_end(b"".join(payloads)) else payloads

    def _split(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events that end in this chunk; None, and nothing is changed, when they are not all alike."""
        lead, held, blank, needle = self._lead, self._framer.held, self._blank, self._needle
        if lead is None or len(chunk) > SLICE or len(held) + len(chunk) > self._room:
            return None
        if held:
            chunk = bytes(held) + chunk
        if lead:
            payloads = (lead + chunk).split(needle)
            before = payloads.pop(0)
            if not payloads and needle.startswith(before):
                held.clear()
                self._lead = before
                return payloads
            if before:
                return None
        else:
            # No line end is in the data so far, so that the blank line cannot have begun in it.
            payloads = chunk.split(needle)
            payloads[0] = self._data + payloads[0]
        lead, last = b"", payloads.pop()
        if LF in last or CR in last:
            end = last.rfind(blank, -len(needle))
            if end >= 0 and self._head.startswith(last[end + len(blank) :]):
                payloads.append(last[:end])
                lead, last = last[end:], b""
            elif has_line_end(last.removesuffix(self._line_end)):
                return None
            else:
                lead = needle + last  # the blank line may have begun in it
        whole = b"".join(payloads)
        if LF in whole or CR in whole:
            return None
        if held:
            held.clear()
        self._lead = lead
        self._data = last
        self._room = self._most - len(last)
        return payloads

    def _give_back(self) -> bytes:
        """All that is held of the event that is not over; the framer then holds nothing."""
        lead, held = self._lead, self._framer.held
        if lead is None:
            return b""
        begun = (lead[len(self._blank) :] if lead else self._head + self._data) + held
        self._framer.clear()
        self._lead, self._data, self._room = None, b"", self._framer.limit
        return begun

    def _take(self) -> None:
        """Take what the framer holds, when that is nothing, or the beginning of an event like the last one."""
        framer, head = self._framer, self._head.replace(b"\r\n", b"\n")
        held = framer.held
        if framer.first or framer.skip_lf or has_line_end(held[len(head) :]):
            return
        if head.startswith(held):
            self._lead = self._blank + held.replace(b"\n", self._line_end)
        elif held.startswith(head):
            self._lead, self._data = b"", bytes(held[len(head) :])
        else:
            return
        framer.clear()
        framer.line = held
        self._room = self._most - len(self._data)

    def _learn(self, block: bytes, line_end: bytes) -> None:
        """Remember how the last event began, and how its lines ended."""
        if block[:6] == b"data: ":
            self._expect(line_end)
        elif block[:7] == b"event: ":
            head, found, _ = block.partition(b"\ndata: ")
            if found and LF not in head and len(head) < LONGEST:
                self._expect(line_end, head)

    def _expect(self, line_end: bytes, event: bytes = b"") -> None:
        self._type, self._line_end, self._blank, self._head, self._needle = expected(line_end, event)
        self._most = self._framer.limit - len(self._needle)


@lru_cache(maxsize=64)  # streams expect the same few
def expected(line_end: bytes, event: bytes) -> tuple[str, bytes, bytes, bytes, bytes]:
    """What is looked for in a stream of such lines: the type, line end, blank line, head, and the last two together."""
    type = event[7:].decode("utf-8", "replace") or "message"
    head = event + line_end + b"data: " if event else b"data: "
    return type, line_end, line_end * 2, head, line_end * 2 + head


def has_line_end(text: bytes | bytearray) -> bool:
    return LF in text or CR in text
