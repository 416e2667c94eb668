"""The parts of an answer while they are written."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec.structs import replace

from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall
from .tokens import Citation, Finish, ReasoningSignature, Retract, ToolCallDelta, ToolCallStart

__all__ = ["BLOCK", "PART_SIZE", "ChoiceBuilder", "Draft", "size_of"]

PART_SIZE: Final = 64
BLOCK: Final = 440  # with what comes last it is nearly always under 512 bytes, where Python's own allocator ends
Written: TypeAlias = Text | ReasoningPart | RefusalPart | ToolCall


class Draft:
    """A part being written.

    Its text is kept as UTF-8, halves of surrogate pairs included: many short pieces take no more than one long text,
    where ``StringIO`` keeps each piece as a string of its own. And it is kept in blocks, which Python's own allocator
    makes of what others have given back: one buffer that grows is the system's, of a thousand streams a thousand.

    Attributes:
        written: The end of its text.
    """

    __slots__ = ("_blocks", "index", "part", "signatures", "written")

    def __init__(
        self, part: Written, index: int, written: bytearray | None = None, blocks: list[bytes] | None = None
    ) -> None:
        self.part = part
        self.index = index
        self.written = bytearray() if written is None else written
        self._blocks = blocks
        self.signatures: list[tuple[str, str]] | None = None

    def write(self, text: str) -> None:
        """Go on with ``text``."""
        self.written += text.encode("utf-8", "surrogatepass")
        if len(self.written) > BLOCK:
            self.cut()

    def cut(self) -> None:
        """Begin another block."""
        if self._blocks is None:
            self._blocks = []
        self._blocks.append(bytes(self.written))
        self.written.clear()

    def finished(self) -> Part:
        text = b"".join((*(self._blocks or ()), self.written)).decode("utf-8", "surrogatepass")
        match self.part:
            case ToolCall():
                return replace(self.part, arguments=text)
            case ReasoningPart():
                return ReasoningPart(text, tuple(self.signatures or ()))
            case _:
                return replace(self.part, text=text)


class ChoiceBuilder:
    """The parts of one choice; deltas of one kind and index that follow each other are one part.

    Each method answers what the new thing costs beside its text, so that a flood of empty parts is bounded too.
    """

    __slots__ = ("_calls", "_drafts", "citations", "finish", "retracted")

    def __init__(self) -> None:
        self._drafts: list[Draft] = []
        # Made when there is one: of a thousand answers, most have none.
        self._calls: dict[int, Draft] | None = None
        self.citations: list[Citation] | None = None
        self.retracted: list[Retract] | None = None
        self.finish: Finish | None = None

    def extend(self, kind: type[Text | ReasoningPart | RefusalPart], index: int, text: str) -> int:
        last = self._drafts[-1] if self._drafts else None
        if last is not None and type(last.part) is kind and last.index == index:
            last.write(text)
            return 0
        self._begin(kind(""), index).write(text)
        return PART_SIZE

    def go_on(self, part: Written, index: int, written: bytearray, blocks: list[bytes] | None) -> int:
        """A part with what is written of it already, which others may go on writing to."""
        self._drafts.append(Draft(part, index, written, blocks))
        return PART_SIZE

    def call(self, start: ToolCallStart) -> int:
        if self._calls is None:
            self._calls = {}
        self._calls[start.index] = self._begin(ToolCall(start.id, start.name, "", start.signature), start.index)
        return PART_SIZE

    def arguments(self, delta: ToolCallDelta) -> int:
        size = 0
        draft = None if self._calls is None else self._calls.get(delta.index)
        if draft is None:
            size = self.call(ToolCallStart("", "", delta.index, delta.choice))
            draft = self.last
        draft.write(delta.arguments)
        return size

    def sign(self, token: ReasoningSignature) -> int:
        last = self._drafts[-1] if self._drafts else None
        if last is None or not isinstance(last.part, ReasoningPart) or last.index != token.index:
            last = self._begin(ReasoningPart(), token.index)
        if last.signatures is None:
            last.signatures = []
        last.signatures.append((token.kind, token.signature))
        return PART_SIZE

    def cite(self, citation: Citation) -> None:
        """It names a source."""
        if self.citations is None:
            self.citations = []
        self.citations.append(citation)

    def retract(self, retract: Retract) -> None:
        """The provider takes something back."""
        if self.retracted is None:
            self.retracted = []
        self.retracted.append(retract)

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


def size_of(citation: Citation) -> int:
    """What it takes, about: its texts and what it came as."""
    texts = (citation.url, citation.title, citation.text)
    return PART_SIZE + sum(len(text) for text in texts if text) + (len(repr(citation.raw)) if citation.raw else 0)
