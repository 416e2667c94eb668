"""What a stream says before the model does, held back while another attempt may still take its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..streams.decisions import Phase
from ..streams.tokens import CONTENT, StreamToken

__all__ = ["Prelude"]

MAX_HELD: Final = 256


class Prelude:
    """Hold back all that comes before the first content, so that an attempt which fails there leaves no trace.

    With the first content all is let go; so it is when more than 256 tokens are held, which no healthy
    stream has: then the attempt counts as one that has spoken.

    >>> from tokenrill import ResponseStart, TextDelta
    >>> prelude = Prelude()
    >>> prelude.feed([ResponseStart("r", "m")])
    ()
    >>> [type(token).__name__ for token in prelude.feed([TextDelta("Hi")])]
    ['ResponseStart', 'TextDelta']
    """

    __slots__ = ("_content", "_held", "said")

    def __init__(self, content: frozenset[type] = frozenset(CONTENT)) -> None:
        self._content = content
        self._held: list[StreamToken] = []
        self.said = False

    @property
    def phase(self) -> Phase:
        """How far the attempt has come."""
        if self.said:
            return "after_content"
        return "before_content" if self._held else "before_response"

    def feed(self, tokens: Sequence[StreamToken]) -> Sequence[StreamToken]:
        """What may be passed on now."""
        if self.said:
            return tokens
        self._held.extend(tokens)
        content = self._content
        if len(self._held) > MAX_HELD or any(type(token) in content for token in tokens):
            self.said = True
            return self.release()
        return ()

    def release(self) -> Sequence[StreamToken]:
        """All that is held, since nothing can take its place any more."""
        held, self._held = self._held, []
        return held

    def forget(self) -> None:
        """Drop what is held: another attempt begins."""
        self._held = []
        self.said = False
