"""Phrases to look for in a text that comes in pieces."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, groupby
from operator import itemgetter
from string import ascii_lowercase
from typing import Final, cast

__all__ = ["PhraseSearch"]

MAX_FOLDS: Final = 10_000
MAX_NESTING: Final = 8
MAX_ENDS: Final = 1000
ASCII: Final = bytes(range(128))


class PhraseSearch:
    """Phrases, compiled once for all subscribers; it works on folded text, which is as long as the text itself."""

    __slots__ = (
        "_begin_ascii",
        "_begins",
        "_border",
        "_ends",
        "_firsts",
        "_folds",
        "_inner",
        "_last_end",
        "_longest",
        "_sorted",
        "pattern",
    )

    def __init__(self, phrases: Sequence[str], *, case_sensitive: bool) -> None:
        self._folds = None if case_sensitive else Folds(phrases)
        self._sorted = sorted({self.fold(phrase) for phrase in phrases})
        self._longest = max(map(len, self._sorted))
        self.pattern = re.compile(alternatives(self._sorted))
        begun = {phrase[:length] for phrase in self._sorted for length in range(1, len(phrase))}
        # What ends a text here is a letter that no phrase has, so that each end is found on its own.
        self._border = next(letter for letter in map(chr, count()) if letter not in "".join(self._sorted))
        ends = f"(?:{'|'.join(map(re.escape, sorted(begun)))})" if begun else "(?!)"
        few = len(begun) <= MAX_ENDS
        self._ends = re.compile(ends + re.escape(self._border)) if few else None
        self._last_end = re.compile(rf"{ends}\Z") if few else None
        firsts = "|".join(re.escape(letter) for letter in {phrase[0] for phrase in self._sorted})
        self._firsts = re.compile(firsts)
        self._begins = re.compile(firsts, 0 if case_sensitive else re.IGNORECASE).search
        self._begin_ascii = frozenset(filter(self._begins, map(chr, ASCII)))
        # What may stand behind the first letter of what is not all of a phrase yet.
        self._inner = frozenset("".join(phrase[1:-1] for phrase in self._sorted))

    def fold(self, text: str) -> str:
        """The text with one letter for all that ``re.IGNORECASE`` takes for the same."""
        folds = self._folds
        if folds is None:
            return text
        if text.isascii():
            return text.lower()
        # What str.lower() makes of other letters is neither the same nor as long; bytes.lower() leaves them alone.
        raw = text.encode("utf-8", "surrogatepass").lower()
        folded = raw.decode("utf-8", "surrogatepass")
        for letter in set(raw.translate(None, ASCII).decode("utf-8", "surrogatepass")):
            if folds[letter] != letter:
                folded = folded.replace(letter, folds[letter])
        return folded

    def is_clean(self, text: str) -> bool:
        """Whether all of it may pass at once."""
        if self._begin_ascii.isdisjoint(text) if text.isascii() else self._begins(text) is None:
            return True
        folded = self.fold(text)
        return self.pattern.search(folded) is None and self.waits_from(folded, 0) == len(folded)

    def passing(self, begun: str, texts: Sequence[str]) -> tuple[Mapping[int, str], str] | None:
        """Which of these texts do not pass as they are and what does in their place, and what waits behind them all.

        ``begun`` is what has waited before them. None when there is a phrase in all this.

        >>> PhraseSearch(["secret"], case_sensitive=False).passing("", ["a sec", "t", " or", " two, s"])
        ({0: 'a ', 1: 'sect', 3: ' two, '}, 's')
        """
        if len(texts) == 1:
            text = begun + texts[0]
            folded = self.fold(text)
            if self.pattern.search(folded) is not None:
                return None
            waits = self.waits_from(folded, 0)
            return {0: text[:waits]}, text[waits:]
        border = self._border
        parted = border.join(texts) + border
        bordered = parted.count(border) == len(texts)  # else some are the texts' own
        parted = self.fold(parted)
        whole = parted.replace(border, "") if bordered else self.fold("".join(texts))
        if self.pattern.search(self.fold(begun) + whole if begun else whole) is not None:
            return None
        changed: dict[int, str] = {}
        waiting, number = begun, 0
        ends = self._ends_in(parted) if bordered and self._ends is not None else self._ends_of(texts)
        for suspect, length, goes_on in chain(((-1, 0, True),), ends):
            if length:
                if suspect < number:
                    continue  # seen, since something waited before it
                text = changed.get(suspect, texts[suspect])
                changed[suspect], waiting = text[:-length], text[-length:]
                number = suspect + 1
                if not goes_on and number < len(texts):
                    changed[number], waiting = waiting + texts[number], ""
            while waiting and number < len(texts):
                text = waiting + texts[number]
                waits = self.waits_from(self.fold(text), 0)
                changed[number], waiting = text[:waits], text[waits:]
                number += 1
        return changed, waiting

    def _ends_in(self, parted: str) -> Iterator[tuple[int, int, bool]]:
        """Which texts end as a phrase begins, in order, how many letters of it they have, and if it may go on."""
        border, number, seen = self._border, -1, 0
        for match in cast("re.Pattern[str]", self._ends).finditer(parted):
            start, end = match.span()
            number += parted.count(border, seen, end)
            seen = end
            follower = parted[end : end + 1]
            yield number, end - start - 1, follower in self._inner or follower == border

    def _ends_of(self, texts: Sequence[str]) -> Iterator[tuple[int, int, bool]]:
        """The same, a text at a time."""
        for number, text in enumerate(texts):
            length = len(text) - self.waits_from(self.fold(text), 0)
            if length:
                yield number, length, True

    def waits_from(self, folded: str, start: int) -> int:
        """Where the longest end begins, at ``start`` or later, that is the beginning of a phrase and not all of it."""
        known, length = self._sorted, len(folded)
        start = max(start, length - self._longest + 1)
        if self._last_end is not None:
            end = self._last_end.search(folded, start)
            return length if end is None else end.start()
        for first in self._firsts.finditer(folded, start):
            end = folded[first.start() :]
            place = bisect_right(known, end)  # what begins with ``end`` stands right behind it
            if place < len(known) and known[place].startswith(end):
                return first.start()
        return length


def alternatives(phrases: Sequence[str], depth: int = 0) -> str:
    """A pattern for sorted phrases that finds the longest first. Nested by letter: of thousands, ``re`` tries few."""
    if len(phrases) < 4 or depth == MAX_NESTING:
        return "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    groups = groupby((phrase for phrase in phrases if phrase), key=itemgetter(0))
    nested = [f"{re.escape(letter)}(?:{alternatives([p[1:] for p in group], depth + 1)})" for letter, group in groups]
    return "|".join(nested if phrases[0] else [*nested, ""])


class Folds(dict[str, str]):
    """One letter for all that are the same in either case, filled as letters come: ``re`` itself says which.

    ``str.lower`` and ``str.casefold`` take others for the same, and change the length of some.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        super().__init__()
        cased = (letter for letter in "".join(phrases) if letter.lower() != letter or letter.upper() != letter)
        letters = dict.fromkeys((*ascii_lowercase, *cased))
        self._letters = list(letters)
        self._same = re.compile("|".join(f"({re.escape(letter)})" for letter in letters), re.IGNORECASE)

    def __missing__(self, letter: str) -> str:
        match = self._same.fullmatch(letter)
        same = letter if match is None or match.lastindex is None else self._letters[match.lastindex - 1]
        if len(self) < MAX_FOLDS:
            self[letter] = same
        return same
