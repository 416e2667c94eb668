"""Text in a row: what most reads of the network bring, and what operators can take at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat

from .tokens import TextDelta

__all__ = ["TextRun"]


class TextRun(tuple[TextDelta, ...]):
    """The text deltas of one part of one choice, as they came one after the other: a batch like any other.

    An operator that finds its batch to be one need not look at each token to know what they are.

    >>> run = TextRun.of(["Hel", "lo"], index=0, choice=0)
    >>> run.text, run[1]
    ('Hello', TextDelta(text='lo', index=0, choice=0))

    Attributes:
        texts: The text of each, never empty.
        part: Which part of the choice they are of: their ``index``.
        choice: Which alternative they are of.
    """

    texts: Sequence[str]
    part: int
    choice: int

    @classmethod
    def of(cls, texts: Sequence[str], index: int, choice: int) -> TextRun:
        """A run of these texts; empty ones say nothing, and are left out."""
        if not all(texts):
            texts = [text for text in texts if text]
        run = cls(map(TextDelta, texts, repeat(index), repeat(choice)))
        run.texts, run.part, run.choice = texts, index, choice
        return run

    def altered(self, changes: Mapping[int, str]) -> TextRun:
        """The same with other texts at some places; where that is empty, there is none.

        >>> TextRun.of(["Hel", "lo", "!"], index=0, choice=0).altered({0: "He", 2: ""}).texts
        ['He', 'lo']
        """
        texts, tokens = list(self.texts), list(self)
        for place, text in changes.items():
            texts[place] = text
            tokens[place] = TextDelta(text, self.part, self.choice)
        for place in sorted((place for place, text in changes.items() if not text), reverse=True):
            del texts[place], tokens[place]
        run = TextRun(tokens)
        run.texts, run.part, run.choice = texts, self.part, self.choice
        return run

    @cached_property
    def text(self) -> str:
        """All of it, joined."""
        return "".join(self.texts)
