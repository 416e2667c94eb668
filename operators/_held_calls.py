"""Calls of tools on their way through an operator: which are whole, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from ..streams.tokens import Finish, StreamToken, TextDelta, ToolCallDelta, ToolCallEnd, ToolCallStart, Usage

__all__ = ["HeldCalls", "only_text"]

MAX_HELD: Final = 1 << 20
TOKEN_SIZE: Final = 64
Number: TypeAlias = tuple[int, int]
TEXT: Final = {TextDelta}


def only_text(tokens: Sequence[StreamToken]) -> bool:
    """Whether these are words alone, as most are."""
    return {*map(type, tokens)} == TEXT


class HeldCalls:
    """Know which calls have been shown in part only; with ``hold`` none is: each is passed on when it is whole.

    >>> from tokenrill import TextDelta, ToolCallDelta, ToolCallEnd, ToolCallStart
    >>> calls = HeldCalls(hold=True)
    >>> calls.see([TextDelta("Hm."), ToolCallStart("c1", "add"), ToolCallDelta("{}")])
    [TextDelta(text='Hm.', index=0, choice=0)]
    >>> [type(token).__name__ for token in calls.see([ToolCallEnd()])]
    ['ToolCallStart', 'ToolCallDelta', 'ToolCallEnd']

    One that is longer than a million characters is passed on as it comes, and counts as shown.
    """

    __slots__ = ("_held", "_hold", "_shown", "_size")

    def __init__(self, *, hold: bool) -> None:
        self._hold = hold
        self._held: dict[Number, list[StreamToken]] = {}
        self._shown: set[Number] = set()
        self._size = 0

    @property
    def shown_cut(self) -> bool:
        """Whether a call has been shown that is not whole."""
        return bool(self._shown)

    def see(self, tokens: Sequence[StreamToken]) -> Sequence[StreamToken]:
        """What may be passed on now."""
        if only_text(tokens):
            return tokens
        passed: list[StreamToken] = []
        for token in tokens:
            match token:
                case ToolCallStart() | ToolCallDelta():
                    self._write((token.choice, token.index), token, passed)
                case ToolCallEnd():
                    number = token.choice, token.index
                    self._shown.discard(number)
                    passed += self._held.pop(number, ())
                    passed.append(token)
                    self._size = self._size if self._held else 0
                case Usage() | Finish():  # the source says at the end only what it has cost
                    self._shown.clear()
                    passed += self.release()
                    passed.append(token)
                case _:
                    passed.append(token)
        return passed

    def release(self) -> Sequence[StreamToken]:
        """All that is held, since the stream is over and says that it is whole."""
        held = [token for tokens in self._held.values() for token in tokens]
        self.forget()
        return held

    def forget(self) -> bool:
        """Drop what is held; whether there was any."""
        held, self._held, self._size = self._held, {}, 0
        return bool(held)

    def _write(self, number: Number, token: ToolCallStart | ToolCallDelta, passed: list[StreamToken]) -> None:
        if not self._hold or number in self._shown:
            self._shown.add(number)
            passed.append(token)
            return
        self._held.setdefault(number, []).append(token)
        self._size += TOKEN_SIZE + (len(token.arguments) if isinstance(token, ToolCallDelta) else 0)
        if self._size > MAX_HELD:
            self._shown.update(self._held)
            passed += self.release()
