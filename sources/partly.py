"""Decoders that take what they can of a batch, when something in it is odd."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from ..streams.tokens import StreamToken

__all__ = ["Partly"]


class Partly:
    """The half of a decoder that remembers how far it came, when its ``feed_batch`` had to decline.

    What it remembers is for who asks for some of the same payloads at once: its ``feed`` forgets it.
    """

    __slots__ = ("_going_on", "_kept")

    def __init__(self) -> None:
        self._going_on = False  # behind something odd: what is left is not held to be alike again
        self._kept: tuple[Sequence[bytes], list[StreamToken], int] | None = None

    @abstractmethod
    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        """The tokens of all of them; None, after :meth:`_keep`, when one is odd."""

    def feed_some(self, payloads: Sequence[bytes], /) -> tuple[Sequence[StreamToken], int]:
        """The tokens of as many payloads, from the first, as go the fast way, and how many these are."""
        kept, self._kept = self._kept, None
        if kept is None or kept[0] is not payloads:
            self._going_on = True
            tokens = self.feed_batch(payloads)
            self._going_on = False
            if tokens is not None:
                return tokens, len(payloads)
            kept, self._kept = self._kept, None
            if kept is None:
                return (), 0
        return kept[1:]

    def _keep(self, payloads: Sequence[bytes], tokens: list[StreamToken], count: int) -> None:
        """Decline, and keep what the first payloads say for who asks at once for some of them."""
        self._kept = (payloads, tokens, count) if count else None
