"""The parts of an answer while they are written."""

from __future__ import annotations

from io import StringIO
from typing import Final, TypeAlias

from msgspec.structs import replace

from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall
from .tokens import Citation, Finish, ReasoningSignature, Retract, ToolCallDelta, ToolCallStart

__all__ = ["PART_SIZE", "ChoiceBuilder", "Draft"]

PART_SIZE: Final = 64
Written: TypeAlias = Text | ReasoningPart | RefusalPart | ToolCall


class Draft:
    """A part being written."""

    __slots__ = ("index", "part", "signatures", "written")

    def __init__(self, part: Written, index: int) -> None:
        self.part = part
        self.index = index
        self.written = StringIO()
        self.signatures: list[tuple[str, str]] = []

    def finished(self) -> Part:
        match self.part:
            case ToolCall():
                return replace(self.part, arguments=self.written.getvalue())
            case ReasoningPart():
                return ReasoningPart(self.written.getvalue(), tuple(self.signatures))
            case _:
                return replace(self.part, text=self.written.getvalue())


class ChoiceBuilder:
    """The parts of one choice; deltas of one kind and index that follow each other are one part.

    Each method answers what the new thing costs beside its text, so that a flood of empty parts is bounded too.
    """

    __slots__ = ("_calls", "_drafts", "citations", "finish", "retracted")

    def __init__(self) -> None:
        self._drafts: list[Draft] = []
        self._calls: dict[int, Draft] = {}
        self.citations: list[Citation] = []
        self.retracted: list[Retract] = []
        self.finish: Finish | None = None

    def extend(self, kind: type[Text | ReasoningPart | RefusalPart], index: int, text: str) -> int:
        last = self._drafts[-1] if self._drafts else None
        if last is not None and type(last.part) is kind and last.index == index:
            last.written.write(text)
            return 0
        self._begin(kind(""), index).written.write(text)
        return PART_SIZE

    def call(self, start: ToolCallStart) -> int:
        self._calls[start.index] = self._begin(ToolCall(start.id, start.name, "", start.signature), start.index)
        return PART_SIZE

    def arguments(self, delta: ToolCallDelta) -> int:
        size = 0
        if delta.index not in self._calls:
            size = self.call(ToolCallStart("", "", delta.index, delta.choice))
        self._calls[delta.index].written.write(delta.arguments)
        return size

    def sign(self, token: ReasoningSignature) -> int:
        last = self._drafts[-1] if self._drafts else None
        if last is None or not isinstance(last.part, ReasoningPart) or last.index != token.index:
            last = self._begin(ReasoningPart(), token.index)
        last.signatures.append((token.kind, token.signature))
        return PART_SIZE

    @property
    def last(self) -> Draft:
        """The part that is being written."""
        return self._drafts[-1]

    def parts(self) -> tuple[Part, ...]:
        """All parts so far."""
        return tuple(draft.finished() for draft in self._drafts)

    def _begin(self, part: Written, index: int) -> Draft:
        self._drafts.append(draft := Draft(part, index))
        return draft
