r"""Texts out of many events at once, by what each event of a stream repeats.

From one event that is decoded in full we learn what stands before and behind its text. JSON is read without regard to
what a string holds, so another event of the same bytes around another string is the same event with another text. One
thing more may change from event to event: what a server pads with, which is a run of letters and digits in the last
string (OpenAI's ``obfuscation``) or blanks before the last brace (Anthropic). That a run there changes nothing is
proven by decoding the event with others.

One pass of a pattern then gives all texts and runs, and one comparison tells whether the block is exactly these and
what was learned between them: if not, nothing is taken, and the block is decoded event by event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

from ..streams import codec
from ..streams.burst import Burst
from ..streams.codec import UNREADABLE

__all__ = ["Learner", "Look"]

Key = TypeVar("Key", bound=Hashable)
Look = Callable[[bytes], "tuple[str, Key]"]
"""Decode an event that says nothing but text: the text, and all else that matters; others raise an ``UNREADABLE``."""

TRIES: Final = 8  # of reads, before no more is learned, and of strings in one event
PROBE: Final = b"probe"
STRING: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# A text's own quotes and backslashes are escaped; the rest of a string stands for itself.
PLAIN: Final = r'[^"]*'
ESCAPED: Final = r'[^"\\]*(?:\\.[^"\\]*)*'
CONTROL: Final = re.compile(r"[\x00-\x1f]")
decode_string = codec.typed_decoder(str).decode


class Learner(Generic[Key]):
    r"""What the events of one stream repeat, learned as they come.

    >>> import msgspec
    >>> class Event(msgspec.Struct, forbid_unknown_fields=True):
    ...     text: str
    ...     n: int
    ...     pad: str = ""
    >>> def look(payload):
    ...     event = msgspec.json.decode(payload, type=Event)
    ...     return event.text, event.n
    >>> learner = Learner(look)
    >>> events = b'data: {"n":1,"text":"Hi","pad":"aB"}\n\ndata: {"n":1,"text":" \\"you\\"","pad":"c"}\n\n'
    >>> learner.texts(Burst((), events, 0, len(events), b"data: ", lambda block: ()))
    (1, ('Hi', ' "you"'))
    >>> events = events.replace(b'{"n":1,"text":" ', b'{"n":2,"text":" ')  # not alike any more
    >>> learner.texts(Burst((), events, 0, len(events), b"data: ", lambda block: ()))
    """

    __slots__ = ("_look", "_template", "_tries")

    def __init__(self, look: Look[Key]) -> None:
        self._look = look
        self._template: Template[Key] | None = None
        self._tries = TRIES  # how many more reads in a row that are not alike are looked into

    def texts(self, burst: Burst) -> tuple[Key, Sequence[str]] | None:
        """What matters beside the text, and the texts of the burst; None when its events are not alike."""
        template = self._template
        texts = None if template is None else template.texts(burst)
        if texts is None:
            if self._tries == 0:
                return None
            self._tries -= 1
            template = self._template = learned(burst, self._look)
            texts = None if template is None else template.texts(burst)
        if template is None or texts is None:
            return None
        self._tries = TRIES
        try:
            before = [self._look(payload) for payload in burst.before]
        except UNREADABLE:
            return None
        if any(key != template.key for _, key in before):
            return None
        return template.key, (*(text for text, _ in before), *texts)


class Template(Generic[Key]):
    """What stands before and behind the text of each event, and what pads it."""

    __slots__ = ("_after", "_before", "_between", "_find", "_find_escaped", "key")

    def __init__(self, key: Key, before: bytes, between: bytes, padding: str, after: bytes) -> None:
        self.key = key
        self._before, self._between, self._after = before.decode(), between.decode(), after.decode()
        # Only lengths: the pattern of one stream fits the next, and is found in the cache of ``re``.
        fixed = [f".{{{len(piece)}}}" for piece in (self._before, self._between, self._after)]
        self._find, self._find_escaped = (
            re.compile(f"{fixed[0]}({text}){fixed[1]}({padding}){fixed[2]}", re.DOTALL).findall
            for text in (PLAIN, ESCAPED)
        )

    def texts(self, burst: Burst) -> Sequence[str] | None:
        """The texts of the burst's events; None when it is anything else than such events."""
        try:
            whole = burst.text
            escaped = "\\" in whole
            found = self._find_escaped(whole) if escaped else self._find(whole)
            if not found:
                return None
            texts, runs = zip(*found, strict=True)
            pieces = ["", self._between, "", self._after + self._before] * len(found)
            pieces[::4], pieces[2::4] = texts, runs
            pieces[-1] = self._after
            pieces.insert(0, self._before)
            if "".join(pieces) != whole or not is_plain("".join(texts)):
                return None
            return [decode_string(f'"{text}"') if "\\" in text else text for text in texts] if escaped else texts
        except UNREADABLE:
            return None


def learned(burst: Burst, look: Look[Key]) -> Template[Key] | None:
    """The template of the burst's first event; None for one that does not say plain text."""
    payload = burst.first
    try:
        text, key = look(payload)
        same = (string for string in STRING.finditer(payload) if decode_string(string[0]) == text)
        for string in islice(same, TRIES):  # an id may say the same as the text
            before, behind = payload[: string.start(1)], payload[string.end(1) :]
            for between, run, others, after in paddings(behind):
                if all(is_told(look, before, between + other + after, key) for other in others):
                    return Template(key, burst.head + before, between, run, after + b"\n\n")
    except UNREADABLE:
        pass
    return None


def paddings(behind: bytes) -> Iterator[tuple[bytes, str, tuple[bytes, ...], bytes]]:
    """Where a run that pads the event may stand: what is before it, its pattern, other such runs, what is behind it."""
    word = behind[:-2].rstrip(LETTERS)
    if word.endswith(b'"') and behind.endswith(b'"}'):
        yield word, "[A-Za-z0-9]*", (b"", b"Q7", b"z" * 40), b'"}'
    # Only between the parts of JSON does a line end stand for a blank: in a string it is an error.
    yield behind[:-1].rstrip(b" "), " *", (b"", b"\n"), behind[-1:]


def is_told(look: Look[Key], before: bytes, behind: bytes, key: Key) -> bool:
    """Whether the event that stands around the text says another text that is put there, and the same beside it."""
    try:
        return look(before + PROBE + behind) == (PROBE.decode(), key)
    except UNREADABLE:
        return False


def is_plain(text: str) -> bool:
    """Whether it can stand in JSON: control characters cannot."""
    return text.isprintable() or CONTROL.search(text) is None
