"""Server-sent events that are like the one before, a whole read at a time.

Streams repeat themselves: event after event begins with the same head, ``data: ``, or an ``event:`` line and
``data: ``. So one ``split`` on *blank line and head* cuts a read, and it is exact when no line ends within a piece:
then there are no other lines than the standard would find.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct

from .sse_framer import CR, LF, Framer

__all__ = ["GROUP", "SLICE", "Alike", "has_line_end"]

LONGEST: Final = 256  # an event line that is longer is not expected again
SLICE: Final = 64 << 10  # more is not cut at once
GROUP: Final = 16  # events of a read that are not all alike, looked at together


class Likeness(Struct, frozen=True, gc=False):
    """How the events of a stream begin and end, when they are like the one before."""

    type: str
    line_end: bytes
    blank: bytes
    head: bytes
    needle: bytes
    """The blank line and the next event's head."""
    around: int
    """How much longer an event is than its data."""
    most: int
    """How much of an event's data may be held, for the event not to be too long."""


class Alike:
    """The quick way through a stream, beside a framer for the plain one.

    An event that is not over waits in ``_lead`` and ``_data`` as long as it is like the last one, and else in the
    framer, when ``_lead`` is None. Pieces in which no line ends are added to what the framer holds, either way.
    Where reads are whole events there is no framer: a thousand slow streams need none.
    """

    __slots__ = ("_data", "_framer_if_any", "_fresh", "_lead", "_like", "_limit", "_room")

    def __init__(self, limit: int) -> None:
        self._limit = self._room = limit  # how much the framer may hold, for no event to be too long
        self._framer_if_any: Framer | None = Framer(limit)
        self._lead: bytes | None = None  # the blank line before it, and its head so far; empty when all of that is over
        self._data = b""  # its data so far, after the head
        self._fresh = False  # nothing is held, and an event like the last one may begin
        self._expect(b"\n")

    @property
    def _framer(self) -> Framer:
        """The one for the plain way; between two events a new one is as good as one that has seen them."""
        framer = self._framer_if_any
        if framer is None:
            framer = self._framer_if_any = Framer(self._limit)
            framer.first, framer.line = False, framer.held
        return framer

    def _fits(self, chunk: bytes) -> bool:
        return len(self._framer.held) + len(chunk) <= self._room

    def _whole(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events that this chunk is, from head to blank line, when they are alike."""
        like = self._like
        payload = chunk.removeprefix(like.head).removesuffix(like.blank)
        if len(payload) + like.around != len(chunk):
            return None
        if LF not in payload and CR not in payload:
            return [payload]
        payloads = payload.split(like.needle)
        return None if has_line_end(b"".join(payloads)) else payloads

    def _split(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events that end in this chunk; None, and nothing is changed, when they are not all alike."""
        like, lead, held = self._like, self._lead, self._framer.held
        needle = like.needle
        if lead is None or len(chunk) > SLICE or len(held) + len(chunk) > self._room:
            return None
        if held:
            chunk = bytes(held) + chunk
        if lead:
            payloads = (lead + chunk).split(needle)
            before = payloads.pop(0)
            if not payloads and needle.startswith(before):
                held.clear()
                self._lead, self._fresh = before, False
                return payloads
            if before:
                return None
        else:
            # No line end is in the data so far, so that the blank line cannot have begun in it.
            payloads = chunk.split(needle)
            payloads[0] = self._data + payloads[0]
        lead, last = b"", payloads.pop()
        if LF in last or CR in last:
            end = last.rfind(like.blank, -len(needle))
            if end >= 0 and like.head.startswith(last[end + len(like.blank) :]):
                payloads.append(last[:end])
                lead, last = last[end:], b""
            else:
                data = last.rstrip(b"\r\n")
                if has_line_end(data) or not like.blank.startswith(last[len(data) :]):
                    return None
                lead = needle + last  # the blank line may have begun in it
        whole = b"".join(payloads)
        if LF in whole or CR in whole:
            return None
        if held:
            held.clear()
        self._lead, self._fresh = lead, lead == like.blank and like.most >= SLICE
        self._data = last
        self._room = like.most - len(last) if last else like.most
        return payloads

    def _give_back(self) -> bytes:
        """All that is held of the event that is not over; the framer then holds nothing."""
        like, lead, held = self._like, self._lead, self._framer.held
        if lead is None:
            return b""
        begun = (lead[len(like.blank) :] if lead else like.head + self._data) + held
        self._framer.clear()
        self._lead, self._data, self._fresh, self._room = None, b"", False, self._limit
        return begun

    def _take(self) -> None:
        """Take what the framer holds, when that is nothing, or the beginning of an event like the last one."""
        framer = self._framer
        if not framer.first and not framer.skip_lf:
            self._begin(framer.held.replace(b"\n", self._like.line_end))

    def _begin(self, begun: bytes | bytearray) -> bool:
        """Begin the next event with these bytes, when it is like the last one so far; whatever was held is over."""
        like, head, framer = self._like, self._like.head, self._framer
        if head.startswith(begun):
            self._lead, data = like.blank + begun, b""
        elif begun.startswith(head) and not has_line_end(data := bytes(begun[len(head) :])):
            self._lead = b""
        else:
            return False
        framer.clear()
        framer.line = framer.held
        if not begun:
            self._framer_if_any = None
        self._data, self._room = data, like.most - len(data) if data else like.most
        self._fresh = not begun and like.most >= SLICE
        return True

    def _learn(self, block: bytes, line_end: bytes) -> None:
        """Remember how the last event began, and how its lines ended."""
        if block[:6] == b"data: ":
            self._expect(line_end)
        elif block[:7] == b"event: ":
            head, found, _ = block.partition(b"\ndata: ")
            if found and LF not in head and len(head) < LONGEST:
                self._expect(line_end, head)

    def _expect(self, line_end: bytes, event: bytes = b"") -> None:
        self._like = expected(line_end, event, self._limit)


@lru_cache(maxsize=64)  # streams expect the same few
def expected(line_end: bytes, event: bytes, limit: int) -> Likeness:
    """Events of such lines, of which the first says their type, when they have one."""
    type = event[7:].decode("utf-8", "replace") or "message"
    head = event + line_end + b"data: " if event else b"data: "
    blank = line_end * 2
    around = len(head) + len(blank)
    return Likeness(type, line_end, blank, head, blank + head, around, limit - around)


def has_line_end(text: bytes | bytearray) -> bool:
    return LF in text or CR in text
