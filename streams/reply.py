"""A whole answer, folded from its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from msgspec import Struct

from .draft import BLOCK, PART_SIZE, ChoiceBuilder, Draft, size_of
from .errors import LimitExceeded
from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall
from .request import Message
from .text_run import TextRun
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
CLOSED: Final = -1 << 62  # no choice has this number
LONE_SIZE: Final = 2 * PART_SIZE  # a choice and its part
NO_START: Final = ResponseStart("", "")
NO_TEXT: Final = bytearray()  # where there is none to go on with: nobody writes to it


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

    __slots__ = (
        "_blocks",
        "_choices",
        "_extra",
        "_max",
        "_open_choice",
        "_open_draft",
        "_open_index",
        "_open_text",
        "_start",
        "_strict",
        "characters",
        "usage",
    )

    def __init__(self, *, max_characters: int = MAX_CHARACTERS, strict: bool = True) -> None:
        self._max = max_characters
        self._strict = strict
        self._extra = 0  # what is held beside the characters
        self.characters = 0
        self._start = NO_START
        self._choices: list[ChoiceBuilder | None] | None = None
        self.usage: Usage | None = None
        # The text that is being written: its choice and index, and where to go on with it at once. While there are no
        # choices it is all that there is, as in most answers, and no part is made of it before somebody asks.
        self._open_choice: int = CLOSED
        self._open_index: int = 0
        self._open_text = NO_TEXT
        self._open_draft: Draft | None = None
        self._blocks: list[bytes] | None = None  # of a text that has no part yet

    def feed(self, token: StreamToken, /) -> tuple[Reply, ...]:
        if self._open_choice != CLOSED:
            self._settle()
            self._open_choice = CLOSED
        match token:
            case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                if text and self._hold(len(text)):
                    self._grow(self._choice(token.choice).extend(KINDS[type(token)], token.index, text))
            case ToolCallDelta(arguments):
                if self._hold(len(arguments)):
                    self._grow(self._choice(token.choice).arguments(token))
            case ToolCallStart():
                if self._hold(len(token.name), len(token.id) + len(token.signature or "")):
                    self._grow(self._choice(token.choice).call(token))
            case ReasoningSignature():
                if self._hold(0, len(token.signature)):
                    self._grow(self._choice(token.choice).sign(token))
            case Retract():
                if self._hold(0, len(token.reason)):
                    self._choice(token.choice).retract(token)
            case Citation():
                if self._hold(0, size_of(token)):
                    self._choice(token.choice).cite(token)
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
        text, choice, index = first.text, first.choice, first.index
        if type(tokens) is TextRun:
            text = tokens.text
        elif len(tokens) > 1:
            for token in tokens:
                if type(token) is not TextDelta or token.choice != choice or token.index != index:
                    return None
            text = "".join([token.text for token in cast("Sequence[TextDelta]", tokens)])
        length = len(text)
        self.characters += length
        if not text or (self.characters + self._extra > self._max and not self._hold(0)):
            return ()
        if choice == self._open_choice and index == self._open_index:
            written = self._open_text
            written += text.encode("utf-8", "surrogatepass")
            if len(written) > BLOCK:
                self._cut()
        elif self._choices is None and self._open_text is NO_TEXT and 0 <= choice < MAX_CHOICES:
            self._open_choice, self._open_index = choice, index
            self._open_text = bytearray(text, "utf-8", "surrogatepass")
            self._extra += LONE_SIZE
        else:
            self._settle()
            chosen = self._choice(choice)
            self._grow(chosen.extend(Text, index, text))
            draft = self._open_draft = chosen.last
            self._open_choice, self._open_index, self._open_text = choice, index, draft.written
        return ()

    def close(self) -> tuple[Reply]:
        return (self.reply(),)

    def reply(self) -> Reply:
        """The answer so far."""
        self._settle()
        start = self._start
        built = tuple(map(built_from, self._choices or (None,)))
        return Reply(start.id, start.model, start.request_id, built, self.usage)

    def _settle(self) -> None:
        """Make a part of the text that was all there is; it goes on being written."""
        if self._choices is None and self._open_text is not NO_TEXT:
            self._choices = []
            self._extra -= LONE_SIZE
            chosen = self._choice(self._open_choice)
            self._grow(chosen.go_on(Text(""), self._open_index, self._open_text, self._blocks))
            self._open_draft, self._blocks = chosen.last, None

    def _cut(self) -> None:
        if self._open_draft is not None:
            self._open_draft.cut()
            return
        if self._blocks is None:
            self._blocks = []
        self._blocks.append(bytes(self._open_text))
        self._open_text.clear()

    def _choice(self, number: int) -> ChoiceBuilder:
        choices = self._choices
        if choices is None:
            choices = self._choices = []
        choice = choices[number] if 0 <= number < len(choices) else None
        if choice is None:
            choice = ChoiceBuilder()
            if 0 <= number < MAX_CHOICES:
                choices += [None] * (number + 1 - len(choices))
                choices[number] = choice
                self._extra += PART_SIZE
            elif self._strict:
                raise LimitExceeded("max_choices", MAX_CHOICES)
        return choice

    def _grow(self, size: int) -> None:
        self._extra += size

    def _hold(self, characters: int, more: int = 0) -> bool:
        self.characters += characters
        self._extra += more
        if self.characters + self._extra <= self._max:
            return True
        if self._strict:
            raise LimitExceeded("max_characters", self._max)
        return False


KINDS: Final = {TextDelta: Text, ReasoningDelta: ReasoningPart, RefusalDelta: RefusalPart}


def built_from(choice: ChoiceBuilder | None) -> Choice:
    if choice is None:
        return Choice()
    return Choice(choice.parts(), tuple(choice.citations or ()), choice.finish, tuple(choice.retracted or ()))
