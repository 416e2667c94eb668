"""Tokens without the phrases that must not be said."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from string import ascii_lowercase
from typing import Final, Literal, TypeAlias

from ..streams.errors import ContentBlocked, LimitExceeded
from ..streams.recipe import recorded
from ..streams.text_run import TextRun
from ..streams.tokens import (
    Citation,
    Logprobs,
    Raw,
    ReasoningDelta,
    ResponseStart,
    Seam,
    StreamToken,
    TextDelta,
    Usage,
)
from ..streams.types import Operator
from ._transduce import transduce

__all__ = ["filter_content"]

Action: TypeAlias = Literal["drop", "mask", "stop"]
Written: TypeAlias = TextDelta | ReasoningDelta
MAX_PHRASE: Final = 256
TEXT: Final[tuple[type[Written], ...]] = (TextDelta,)
BOTH: Final[tuple[type[Written], ...]] = (TextDelta, ReasoningDelta)
MAX_CHOICES: Final = 256
MAX_FOLDS: Final = 10_000
MAX_NESTING: Final = 8
MAX_ENDS: Final = 1000


@recorded
def filter_content(
    phrases: Iterable[str],
    *,
    action: Action = "drop",
    mask: str = "█",
    case_sensitive: bool = False,
    reasoning: bool = False,
) -> Operator[StreamToken, StreamToken]:
    """Find phrases in the text, however it is cut into deltas, and drop them, mask them, or stop there.

    .. marble::
        ---a--b--c---F|
        [ filter_content(["secret"]) ]
        ---a-----x---F|

        a = TextDelta("the ")   b = TextDelta("sec")   c = TextDelta("ret key")   x = TextDelta(" key")

    Of phrases that begin at one place the longest counts, and what is left is not searched again. What may yet
    become a phrase is held back, and nothing else: the end of the text while it is the beginning of a phrase,
    so at most one character less than the longest phrase. It is let go as soon as the text goes on otherwise or
    ends: before a finish, a tool call, a refusal, a delta of another kind or ``index``, and on completion. A
    stream that fails does not give it. ``Raw`` and ``Logprobs`` pass as they are, even if they quote the text.

    Example:
        >>> import reactivex as rx
        >>> from reactivex import operators as ops
        >>> from tokenrill import TextDelta
        >>> tokens = rx.of(TextDelta("my sec"), TextDelta("ret is out"))
        >>> tokens.pipe(filter_content(["secret"], action="mask"), ops.to_list()).run()
        [TextDelta(text='my ', index=0, choice=0), TextDelta(text='██████ is out', index=0, choice=0)]

    Args:
        phrases: What to look for: one or more, of 1 to 256 characters each.
        action: ``drop`` takes a phrase out, ``mask`` covers it, ``stop`` ends the stream before it.
        mask: The one character that stands for each character of a masked phrase.
        case_sensitive: By default a letter is found in either case, as ``re.IGNORECASE`` has it.
        reasoning: Search the model's reasoning too, each text on its own.

    Returns:
        An operator. With ``action="stop"`` it errors with :class:`~tokenrill.ContentBlocked` at the first phrase,
        after the text before it. Text held in more than 256 choices at once is :class:`~tokenrill.LimitExceeded`.

    Raises:
        ValueError: For no phrases, an empty one, one over 256 characters, or a mask that is not one character.
    """
    if isinstance(phrases, str):
        raise ValueError("filter_content needs a list of phrases: put the one phrase into a list")
    known = tuple(phrases)
    if not known:
        raise ValueError("filter_content needs at least one phrase; without any, leave the operator out")
    for number, phrase in enumerate(known):
        if not 1 <= len(phrase) <= MAX_PHRASE:
            raise ValueError(f"phrases[{number}] has {len(phrase)} characters; give it between 1 and {MAX_PHRASE}")
    if action not in ("drop", "mask", "stop"):
        raise ValueError(f"action must be 'drop', 'mask' or 'stop', not {action!r}")
    if len(mask) != 1:
        raise ValueError(f"mask must be one character, not {len(mask)}: it stands for each character it covers")
    search = PhraseSearch(known, case_sensitive=case_sensitive)
    return transduce(lambda: ContentFilter(search, action, mask, reasoning=reasoning))


NONE_HELD: Final[dict[int, Written]] = {}  # most streams hold nothing, ever: nobody writes to it


class ContentFilter:
    """Filter the text of each choice; between tokens it holds only what may yet become a phrase. A transducer."""

    __slots__ = ("_action", "_held", "_kinds", "_mask", "_search")

    def __init__(self, search: PhraseSearch, action: Action, mask: str, *, reasoning: bool = False) -> None:
        self._search = search
        self._action: Action = action
        self._mask = mask
        self._kinds = BOTH if reasoning else TEXT
        self._held = NONE_HELD  # by choice: a delta whose text waits

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        match token:
            case TextDelta() | ReasoningDelta() if type(token) in self._kinds:
                if token.choice not in self._held and self._search.is_clean(token.text):
                    return (token,)
                return self._write(token)
            case Raw() | Logprobs() | Usage() | ResponseStart() | Seam() | Citation():
                return (token,)  # none of these ends a text: it may go on behind them
            case _:
                held = self._held.pop(token.choice, None)
                return (token,) if held is None else self._end(held, token)

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | None:
        """One search over one text, where that is all there is."""
        first = tokens[0] if tokens else None
        if self._held or not isinstance(first, self._kinds):
            if type(first) is ResponseStart and len(tokens) > 1 and self.feed_batch(tokens[1:]) is not None:
                return tokens
            return None
        if len(tokens) == 1:
            return tokens if self._search.is_clean(first.text) else None
        if type(tokens) is TextRun:
            return tokens if self._search.are_clean(tokens.texts, tokens.text) else None
        kind, choice, index = type(first), first.choice, first.index
        texts = [
            token.text
            for token in tokens
            if isinstance(token, kind) and token.choice == choice and token.index == index
        ]
        return tokens if len(texts) == len(tokens) and self._search.are_clean(texts, "".join(texts)) else None

    def close(self) -> Iterator[StreamToken]:
        while self._held:
            yield from self._end(self._held.pop(next(iter(self._held))))

    def _write(self, token: Written) -> Iterator[StreamToken]:
        held = self._held.pop(token.choice, None)
        if held is not None and (type(held) is not type(token) or held.index != token.index):
            yield from self._end(held)
            held = None
        text = token.text if held is None else held.text + token.text
        passed, rest, found = self._filter(text)
        if passed:
            yield with_text(token, passed)
        if found:
            raise blocked()
        if rest:
            if self._held is NONE_HELD:
                self._held = {}
            self._held[token.choice] = with_text(token, rest)
            if len(self._held) > MAX_CHOICES:
                raise LimitExceeded("max_choices", MAX_CHOICES)

    def _end(self, held: Written, *behind: StreamToken) -> Iterator[StreamToken]:
        passed, _, found = self._filter(held.text, ended=True)
        if passed:
            yield with_text(held, passed)
        if found:
            raise blocked()
        yield from behind

    def _filter(self, text: str, *, ended: bool = False) -> tuple[str, str, bool]:
        """What may pass, what must wait (nothing, when the text has ended), and whether a phrase stops the stream."""
        search = self._search
        folded = search.fold(text)
        done, passed = 0, list[str]()
        waits = len(text) if ended else search.waits_from(folded, 0)
        while (match := search.pattern.search(folded, done)) is not None and match.start() < waits:
            passed.append(text[done : match.start()])
            if self._action == "stop":
                return "".join(passed), "", True
            done = match.end()
            if self._action == "mask":
                passed.append(self._mask * (done - match.start()))
            if done > waits:
                waits = search.waits_from(folded, done)
        passed.append(text[done:waits])
        return "".join(passed), text[waits:], False


class PhraseSearch:
    """Phrases, compiled once for all subscribers; it works on folded text, which is as long as the text itself."""

    __slots__ = ("_ends", "_firsts", "_folds", "_longest", "_sorted", "pattern")

    def __init__(self, phrases: Sequence[str], *, case_sensitive: bool) -> None:
        self._folds = None if case_sensitive else Folds(phrases)
        self._sorted = sorted({self.fold(phrase) for phrase in phrases})
        self._longest = max(map(len, self._sorted))
        self.pattern = re.compile(alternatives(self._sorted))
        begun = {phrase[:length] for phrase in self._sorted for length in range(1, len(phrase))}
        ends = f"(?:{'|'.join(map(re.escape, sorted(begun)))})\n" if begun else "(?!)"
        self._ends = re.compile(ends) if len(begun) <= MAX_ENDS else None
        self._firsts = re.compile("|".join(re.escape(letter) for letter in {phrase[0] for phrase in self._sorted}))

    def fold(self, text: str) -> str:
        """The text with one letter for all that ``re.IGNORECASE`` takes for the same."""
        if self._folds is None:
            return text
        return text.lower() if text.isascii() else text.translate(self._folds)

    def is_clean(self, text: str) -> bool:
        """Whether all of it may pass at once."""
        folded = self.fold(text)
        if self._firsts.search(folded) is None:
            return True
        return self.pattern.search(folded) is None and self.waits_from(folded, 0) == len(folded)

    def are_clean(self, texts: Sequence[str], text: str) -> bool:
        """Whether all of each may pass at once, one after the other; ``text`` is all of them, joined."""
        if not self.is_clean(text):
            return False
        if self._ends is None:
            return all(map(self.is_clean, texts))
        return self._ends.search(self.fold("\n".join(texts))) is None

    def waits_from(self, folded: str, start: int) -> int:
        """Where the longest end begins, at ``start`` or later, that is the beginning of a phrase and not all of it."""
        known = self._sorted
        for first in self._firsts.finditer(folded, max(start, len(folded) - self._longest + 1)):
            end = folded[first.start() :]
            place = bisect_right(known, end)  # what begins with ``end`` stands right behind it
            if place < len(known) and known[place].startswith(end):
                return first.start()
        return len(folded)


def alternatives(phrases: Sequence[str], depth: int = 0) -> str:
    """A pattern for sorted phrases that finds the longest first. Nested by letter: of thousands, ``re`` tries few."""
    if len(phrases) < 4 or depth == MAX_NESTING:
        return "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    groups = groupby((phrase for phrase in phrases if phrase), key=itemgetter(0))
    nested = [f"{re.escape(letter)}(?:{alternatives([p[1:] for p in group], depth + 1)})" for letter, group in groups]
    return "|".join(nested if phrases[0] else [*nested, ""])


class Folds(dict[int, str | int]):
    """A table for ``str.translate``, filled as letters come: ``re`` itself says which are the same in either case.

    ``str.lower`` and ``str.casefold`` take others for the same, and change the length of some.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        super().__init__()
        cased = (letter for letter in "".join(phrases) if letter.lower() != letter or letter.upper() != letter)
        letters = dict.fromkeys((*ascii_lowercase, *cased))
        self._letters = list(letters)
        self._same = re.compile("|".join(f"({re.escape(letter)})" for letter in letters), re.IGNORECASE)

    def __missing__(self, code: int) -> str | int:
        match = self._same.fullmatch(chr(code))
        letter = code if match is None or match.lastindex is None else self._letters[match.lastindex - 1]
        if len(self) < MAX_FOLDS:
            self[code] = letter
        return letter


def with_text(token: Written, text: str) -> Written:
    return token if text == token.text else type(token)(text, token.index, token.choice)


def blocked() -> ContentBlocked:
    return ContentBlocked("the answer holds a phrase that filter_content was told to stop at")
