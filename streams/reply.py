"""A whole answer, folded from its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Final, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from .errors import LimitExceeded
from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall
from .request import Message
from .tokens import (
    Citation,
    Finish,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    Retract,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

__all__ = ["Choice", "Reply", "ReplyBuilder"]

MAX_CHARACTERS: Final = 16 << 20
MAX_CHOICES: Final = 128
PART_SIZE: Final = 64


class Choice(Struct, frozen=True):
    """One alternative: its parts in the order they came, and why it ended (None: it did not).

    What the provider took back is in ``retracted``, by its place in :attr:`text`, which keeps it.
    """

    parts: tuple[Part, ...] = ()
    citations: tuple[Citation, ...] = ()
    finish: Finish | None = None
    retracted: tuple[Retract, ...] = ()

    @property
    def text(self) -> str:
        """All text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def reasoning(self) -> str:
        """All reasoning that has a text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def refusal(self) -> str:
        """The model's refusal, empty when it did not refuse."""
        return "".join(part.text for part in self.parts if isinstance(part, RefusalPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls it asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


class Reply(Struct, frozen=True):
    """An answer as far as it came; ``text``, ``tool_calls`` and their like speak of the first choice."""

    id: str = ""
    model: str = ""
    request_id: str | None = None
    choices: tuple[Choice, ...] = (Choice(),)
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.choices[0].text

    @property
    def reasoning(self) -> str:
        """What the provider shows of the model's reasoning."""
        return self.choices[0].reasoning

    @property
    def refusal(self) -> str:
        """The model's refusal, empty when it did not refuse."""
        return self.choices[0].refusal

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls it asks for, in order."""
        return self.choices[0].tool_calls

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The sources it names, in order."""
        return self.choices[0].citations

    @property
    def finish(self) -> Finish | None:
        """Why it ended; None for a partial reply."""
        return self.choices[0].finish

    @property
    def message(self) -> Message:
        """The answer as a turn, to go into the next request: signatures and calls included.

        Raises:
            ValueError: When the answer holds nothing to hand back.
        """
        return Message("assistant", self.choices[0].parts)


class ReplyBuilder:
    """Fold tokens; yield one :class:`Reply` when the stream closes. A transducer.

    >>> builder = ReplyBuilder()
    >>> for token in (TextDelta("Hel"), TextDelta("lo"), Finish("stop", "stop")):
    ...     _ = builder.feed(token)
    >>> builder.reply().text
    'Hello'

    Args:
        max_characters: The most it may hold, each part counting for 64 more; past it, :class:`.LimitExceeded`,
            or with ``strict=False`` what comes later is left out.

    Attributes:
        characters: How many have come, those left out included.
    """

    def __init__(self, *, max_characters: int = MAX_CHARACTERS, strict: bool = True) -> None:
        self._max = max_characters
        self._strict = strict
        self._held = 0
        self.characters = 0
        self._start = ResponseStart("", "")
        self._choices: dict[int, ChoiceBuilder] = {}
        self._count = 1
        self.usage: Usage | None = None

    def feed(self, token: StreamToken, /) -> tuple[Reply, ...]:
        match token:
            case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                if text and self._hold(len(text)):
                    self._hold_part(self._choice(token.choice).extend(KINDS[type(token)], token.index, text))
            case ToolCallDelta(arguments):
                if self._hold(len(arguments)):
                    self._hold_part(self._choice(token.choice).arguments(token))
            case ToolCallStart():
                if self._hold(len(token.name), len(token.id) + len(token.signature or "")):
                    self._hold_part(self._choice(token.choice).call(token))
            case ReasoningSignature():
                if self._hold(0, len(token.signature)):
                    self._hold_part(self._choice(token.choice).sign(token))
            case Retract():
                if self._hold(0, len(token.reason)):
                    self._choice(token.choice).retracted.append(token)
            case Citation():
                if self._hold(0, size_of(token)):
                    self._choice(token.choice).citations.append(token)
            case Finish():
                if self._hold(0):
                    self._choice(token.choice).finish = token
            case Usage():
                self.usage = token
            case ResponseStart():
                self._start = token
            case _:
                pass
        return ()

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> tuple[Reply, ...] | None:
        first = tokens[0] if tokens else None
        if type(first) is not TextDelta:
            return None
        choice, index = first.choice, first.index
        for token in tokens:
            if type(token) is not TextDelta or token.choice != choice or token.index != index:
                return None
        text = "".join([token.text for token in cast("Sequence[TextDelta]", tokens)])
        if text and self._hold(len(text)):
            self._hold_part(self._choice(choice).extend(Text, index, text))
        return ()

    def close(self) -> tuple[Reply]:
        return (self.reply(),)

    def reply(self) -> Reply:
        """The answer so far."""
        start, choices = self._start, self._choices
        built = tuple(choices[number].build() if number in choices else Choice() for number in range(self._count))
        return Reply(start.id, start.model, start.request_id, built, self.usage)

    def _choice(self, number: int) -> ChoiceBuilder:
        choice = self._choices.get(number)
        if choice is None:
            choice = ChoiceBuilder()
            if 0 <= number < MAX_CHOICES:
                self._choices[number] = choice
                self._count = max(self._count, number + 1)
                self._held += PART_SIZE
            elif self._strict:
                raise LimitExceeded("max_choices", MAX_CHOICES)
        return choice

    def _hold_part(self, size: int) -> None:
        self._held += size

    def _hold(self, characters: int, more: int = 0) -> bool:
        self.characters += characters
        self._held += characters + more
        if self._held <= self._max:
            return True
        if self._strict:
            raise LimitExceeded("max_characters", self._max)
        return False


KINDS: Final = {TextDelta: Text, ReasoningDelta: ReasoningPart, RefusalDelta: RefusalPart}
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

    def build(self) -> Choice:
        parts = tuple(draft.finished() for draft in self._drafts)
        return Choice(parts, tuple(self.citations), self.finish, tuple(self.retracted))

    def _begin(self, part: Written, index: int) -> Draft:
        self._drafts.append(draft := Draft(part, index))
        return draft


def size_of(citation: Citation) -> int:
    texts = (citation.url, citation.title, citation.text)
    return PART_SIZE + sum(len(text) for text in texts if text) + (len(repr(citation.raw)) if citation.raw else 0)
