"""A whole answer, folded from its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Final

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
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

__all__ = ["Choice", "Reply", "ReplyBuilder"]

MAX_CHARACTERS: Final = 16 << 20


class Choice(Struct, frozen=True):
    """One alternative: its parts in the order they came, and why it ended (None: it did not)."""

    parts: tuple[Part, ...] = ()
    citations: tuple[Citation, ...] = ()
    finish: Finish | None = None

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
        max_characters: The most it may hold; past it, :class:`.LimitExceeded`, or with ``strict=False``
            what comes later is left out.
    """

    def __init__(self, *, max_characters: int = MAX_CHARACTERS, strict: bool = True) -> None:
        self._max = max_characters
        self._strict = strict
        self.characters = 0
        self._start = ResponseStart("", "")
        self._choices: dict[int, ChoiceBuilder] = {}
        self.usage: Usage | None = None

    def feed(self, token: StreamToken, /) -> tuple[Reply, ...]:
        match token:
            case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                if self._hold(len(text)):
                    self._choice(token.choice).extend(KINDS[type(token)], token.index, text)
            case ToolCallDelta(arguments):
                if self._hold(len(arguments)):
                    self._choice(token.choice).arguments(token)
            case ToolCallStart():
                if self._hold(len(token.name)):
                    self._choice(token.choice).call(token)
            case ReasoningSignature():
                if self._hold(len(token.signature)):
                    self._choice(token.choice).sign(token)
            case Citation():
                if self._hold(64):
                    self._choice(token.choice).citations.append(token)
            case Finish():
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
        text = "".join([token.text for token in tokens])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]
        if self._hold(len(text)):
            self._choice(choice).extend(Text, index, text)
        return ()

    def close(self) -> tuple[Reply]:
        return (self.reply(),)

    def reply(self) -> Reply:
        """The answer so far."""
        start, choices = self._start, self._choices
        built = tuple(choices[number].build() for number in sorted(choices)) if choices else (Choice(),)
        return Reply(start.id, start.model, start.request_id, built, self.usage)

    def _choice(self, number: int) -> ChoiceBuilder:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = ChoiceBuilder()
        return choice

    def _hold(self, size: int) -> bool:
        self.characters += size
        if self.characters <= self._max:
            return True
        if self._strict:
            raise LimitExceeded("max_characters", self._max)
        return False


KINDS: Final = {TextDelta: Text, ReasoningDelta: ReasoningPart, RefusalDelta: RefusalPart}
Written = type[Text] | type[ReasoningPart] | type[RefusalPart]


class ChoiceBuilder:
    """The parts of one choice; deltas of one kind and index that follow each other are one part."""

    __slots__ = ("_calls", "_parts", "citations", "finish")

    def __init__(self) -> None:
        self._parts: list[tuple[Text | ReasoningPart | RefusalPart | ToolCall, int, StringIO]] = []
        self._calls: dict[int, StringIO] = {}
        self.citations: list[Citation] = []
        self.finish: Finish | None = None

    def extend(self, kind: Written, index: int, text: str) -> None:
        if self._parts:
            part, at, written = self._parts[-1]
            if type(part) is kind and at == index:
                written.write(text)
                return
        self._parts.append((kind(""), index, written := StringIO()))
        written.write(text)

    def call(self, start: ToolCallStart) -> None:
        self._calls[start.index] = StringIO()
        call = ToolCall(start.id, start.name, "", start.signature)
        self._parts.append((call, start.index, self._calls[start.index]))

    def arguments(self, delta: ToolCallDelta) -> None:
        if delta.index not in self._calls:
            self.call(ToolCallStart("", "", delta.index, delta.choice))
        self._calls[delta.index].write(delta.arguments)

    def sign(self, token: ReasoningSignature) -> None:
        signature = (token.kind, token.signature)
        if self._parts:
            part, at, written = self._parts[-1]
            if isinstance(part, ReasoningPart) and at == token.index:
                self._parts[-1] = (replace(part, signatures=(*part.signatures, signature)), at, written)
                return
        self._parts.append((ReasoningPart("", (signature,)), token.index, StringIO()))

    def build(self) -> Choice:
        parts = tuple(finished(part, written.getvalue()) for part, _, written in self._parts)
        return Choice(parts, tuple(self.citations), self.finish)


def finished(part: Text | ReasoningPart | RefusalPart | ToolCall, written: str) -> Part:
    return replace(part, arguments=written) if isinstance(part, ToolCall) else replace(part, text=written)
