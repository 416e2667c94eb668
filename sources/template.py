r"""Texts out of many events at once, by what the events of a stream repeat.

A few events are decoded in full, and held against each other: they differ in the text, and perhaps in a count, or in
letters and blanks that pad them. JSON is read without regard to what a string holds, and a number in a place where
the decoder cares for none changes nothing, so another event with the same bytes between such places is the same event
with another text. That the decoder does not care is proven by decoding the event with others there.

One pass of a pattern then gives what stands in all these places, and one comparison tells whether the block is exactly
this and what was learned between: if not, nothing is taken, and the block is decoded event by event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

from ..streams import codec
from ..streams.burst import Block, Burst
from ..streams.codec import UNREADABLE
from ..streams.sse_alike import has_line_end

__all__ = ["FEWEST", "Learner", "Look", "last_of"]

Key = TypeVar("Key", bound=Hashable)
Look = Callable[[bytes], "tuple[str, Key]"]
"""Decode an event that says nothing but text: the text, and all else that matters; others raise an ``UNREADABLE``."""

TRIES: Final = 8  # of reads, before no more is learned, and of strings in one event
FEWEST: Final = 24  # events that have been cut already, for a pattern to pay
PART: Final = 100  # of them, in bytes again: so that a long read is not held once more, and once more with its proof
PIECE: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[0-9]+|[^"0-9]+', re.DOTALL)
# A text's own quotes and backslashes are escaped; the rest of a string stands for itself.
# Up to the first quote, which is the string's end unless a backslash is before it; then by the book.
TEXT: Final = rb'([^"]*+(?<!\\)|[^"\\]*+(?:\\.[^"\\]*+)*+)'
WORD, COUNT, BLANK = rb'([^"]*+)', rb"([0-9]{1,15}+)", rb"( *+)"
LETTERS: Final = bytes({*range(0x20, 0x7F)} - {*b'"\\'})  # what a word may be made of
# Only between the parts of JSON does a line end stand for a blank: in a string it is an error.
OTHERS: Final = {WORD: (b"", b"Q7", b"- .:z_" * 9), COUNT: (b"0", b"7", b"9" * 15), BLANK: (b"", b"\n", b" \n ")}
PROBE: Final = b"probe"
decode_string = codec.typed_decoder(str).decode
decode_counts = codec.typed_decoder(list[int]).decode
decode_strings = codec.typed_decoder(list[str]).decode


class Learner(Generic[Key]):
    r"""What the events of one stream repeat, learned as they come.

    >>> import msgspec
    >>> class Event(msgspec.Struct, forbid_unknown_fields=True):
    ...     text: str
    ...     part: int
    ...     number: int
    ...     pad: str = ""
    >>> def look(payload):
    ...     event = msgspec.json.decode(payload, type=Event)
    ...     return event.text, event.part
    >>> learner = Learner(look)
    >>> events = [b'{"part":1,"number":%d,"text":" \\"you\\"","pad":"%b"}' % (n, b"z" * n) for n in range(24)]
    >>> learner.texts(events)
    (1, [' "you"', ..., ' "you"'])
    >>> events[4] = events[4].replace(b'"part":1', b'"part":2')  # not alike any more
    >>> learner.texts(events)

    Args:
        look: Must care for all that the decoder does, but for what counts of the last event alone.
    """

    __slots__ = ("_look", "_template", "_tries")

    def __init__(self, look: Look[Key]) -> None:
        self._look = look
        self._template: Template[Key] | None = None
        self._tries = TRIES  # how many more reads in a row that are not alike are looked into

    def texts(self, events: Sequence[bytes]) -> tuple[Key, Sequence[str]] | None:
        """What matters beside the text, and the texts of the events; None when they are few, or not alike."""
        if type(events) is not Burst:
            return self._texts_of_cut(events) if len(events) >= FEWEST else None
        texts = self._texts(events, events.block)
        if self._template is None or texts is None:
            return None
        key, look = self._template.key, self._look
        if events.before:
            try:
                before = [look(payload) for payload in events.before]
            except UNREADABLE:
                return None
            if any(other != key for _, other in before):
                return None
            texts = (*(text for text, _ in before), *texts)
        return key, texts

    def _texts_of_cut(self, events: Sequence[bytes]) -> tuple[Key, Sequence[str]] | None:
        """The same, of events that have been cut, for which they are put together again: a part of them at a time."""
        found, keys = list[str](), set[Key]()
        for start in range(0, len(events), PART):
            part = events[start : start + PART]
            texts = self._texts(part, Block(b"\n".join((*part, b"")), b"", b"\n"))
            # Of a line end in an event, which ends none, there would be one more.
            if self._template is None or texts is None or len(texts) != len(part):
                return None
            keys.add(self._template.key)
            found += texts
        (key, *others) = keys
        return None if others else (key, found)

    def _texts(self, events: Sequence[bytes], block: Block) -> Sequence[str] | None:
        """The texts of a block of events, by what is known, or else by what its first and last show."""
        template = self._template
        texts = None if template is None else template.texts(block)
        if texts is None and self._tries > 0:
            first, head, blank = first_of(events), block.head, block.blank
            if template is not None and template.texts(Block(head + first + blank, head, blank)):
                return None  # it still holds: something odd has come between
            self._tries -= 1
            self._template = learned(first, last_of(events), self._look)
            texts = None if self._template is None else self._template.texts(block)
        if texts is not None:
            self._tries = TRIES
        return texts


class Template(Generic[Key]):
    """What stands between the places in which the events of a block differ, and what may stand there."""

    __slots__ = ("_begin", "_behind", "_fixed", "_frame", "_is_a_line", "_places", "_split", "key")

    def __init__(self, key: Key, fixed: Sequence[bytes], places: Sequence[bytes]) -> None:
        self.key = key
        self._fixed = fixed
        self._places = places
        self._frame = (b"", b"")

    def _put_between(self, head: bytes, blank: bytes) -> None:
        """Say what comes before each event, and behind it."""
        self._frame = head, blank
        self._is_a_line = not (head and has_line_end(b"".join(self._fixed)))
        begin, *behind = self._fixed
        self._begin, self._behind = head + begin, [*behind[:-1], behind[-1] + blank]
        # Only lengths: the pattern of one stream fits the next, and is found in the cache of ``re``.
        between = [b"(?s:.{%d})" % len(piece) for piece in (self._begin, *self._behind)]
        places = [place + piece for place, piece in zip(self._places, between[1:], strict=True)]
        self._split = re.compile(b"".join((between[0], *places))).split

    def texts(self, block: Block) -> Sequence[str] | None:
        """The texts of the block's events; None when it is anything else than such events."""
        if self._frame != (block.head, block.blank):
            self._put_between(block.head, block.blank)
        if not self._is_a_line:
            return None  # to JSON a line end is a blank, to who framed the events it is more
        found = self._split(block.view)
        width = len(self._places) + 1  # what stands between two events comes first, and is nothing when they are alike
        count = len(found) // width
        if not count:
            return None
        *behind, last = self._behind
        step = 2 * len(self._places)
        written = [b""] * (step * count + 1)
        written[::step] = [self._begin, *[last + self._begin] * (count - 1), last]
        for number, piece in enumerate(behind, 1):
            written[2 * number :: step] = [piece] * count
        texts: list[bytes] = []
        counts: list[list[bytes]] = []
        for number, place in enumerate(self._places):
            column = found[1 + number :: width]
            written[1 + 2 * number :: step] = column
            if place is TEXT:
                texts = column
            elif place is WORD and b"".join(column).translate(None, LETTERS):
                return None
            elif place is COUNT:
                counts.append(column)
        if not block.is_written(b"".join(written)):
            return None
        try:
            for column in counts:
                decode_counts(b"[%b]" % b",".join(column))  # one may begin with a zero that it should not
            return decode_strings(b'["%b"]' % b'","'.join(texts))
        except UNREADABLE:
            return None


def first_of(events: Sequence[bytes]) -> bytes:
    """The first of events that are alike."""
    return events.block.first if type(events) is Burst else events[0]


def last_of(events: Sequence[bytes]) -> bytes:
    """The last of events that are alike."""
    return events.block.last if type(events) is Burst else events[-1]


def learned(first: bytes, last: bytes, look: Look[Key]) -> Template[Key] | None:
    """The template of two events; None when they are not alike, or do not say plain text."""
    try:
        text, key = look(first)
        for fixed, places in islice(differences(first, last, text), TRIES):
            if all(look(filled(fixed, places, number)) == (PROBE.decode(), key) for number in range(3)):
                return Template(key, fixed, places)
    except UNREADABLE:
        pass
    return None


def differences(first: bytes, last: bytes, text: str) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Pieces and places of two events, for each string of the first that says the text: an id may say the same."""
    core, other = first[:-1].rstrip(b" "), last[:-1].rstrip(b" ")
    pieces, others = PIECE.findall(core), PIECE.findall(other)
    if len(pieces) != len(others) or b"".join(pieces) != core or b"".join(others) != other:
        return
    changing = [number for number, piece in enumerate(pieces) if piece != others[number]]
    for number, piece in enumerate(pieces):
        if piece[:1] != b'"' or decode_string(piece) != text:
            continue
        fixed, places, done = [b""], list[bytes](), 0
        for place in sorted({number, *changing}):
            fixed[-1] += b"".join(pieces[done:place])
            done = place + 1
            one, another = pieces[place], others[place]
            if one[:1] == another[:1] == b'"':
                fixed[-1] += b'"'
                fixed.append(b'"')
                places.append(TEXT if place == number else WORD)
            elif place != number and one.isdigit() and another.isdigit():
                fixed.append(b"")
                places.append(COUNT)
            else:
                return
        fixed[-1] += b"".join(pieces[done:])
        if len(core) + 1 < len(first) or len(other) + 1 < len(last):
            fixed.append(b"")
            places.append(BLANK)
        fixed[-1] += first[-1:]
        yield fixed, places


def filled(fixed: Sequence[bytes], places: Sequence[bytes], number: int) -> bytes:
    """An event with a text to be recognized, and others of what nobody should care for."""
    others = [PROBE if place == TEXT else OTHERS[place][number] for place in places]
    return b"".join(piece + other for piece, other in zip(fixed, (*others, b""), strict=True))
