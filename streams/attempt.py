"""One attempt of a call: who was asked for what, and what has come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from .reply import Reply, ReplyBuilder
from .tokens import (
    RateLimits,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    Usage,
)

if TYPE_CHECKING:
    from .request import CompletionRequest

__all__ = ["Attempt", "Joining", "characters_in", "total"]

CHARACTERS_A_TOKEN: Final = 4  # a rule of thumb for English; only used where a provider reports nothing
MAX_PARTIAL: Final = 256 << 10


class Joining(Protocol):
    """Leaves out what an answer repeats of the one that it goes on with; ``over`` when all that follows is new."""

    @property
    def over(self) -> bool: ...

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]: ...

    def close(self) -> Iterable[StreamToken]: ...


@dataclass(slots=True)
class Earlier:
    """What an attempt goes on with: most go on with nothing.

    Attributes:
        attempt: Whose text it is, until another attempt goes on from here: a chain of many would be kept.
        join: Makes what leaves out what is repeated of it.
        usage: What it cost, with those before it.
        characters: How many had come.
    """

    attempt: Attempt | None = None
    join: Callable[[], Joining] | None = None
    usage: Usage | None = None
    characters: int = 0


class Attempt:
    """What one request has brought so far. A call has one, and a new one each time it is tried again.

    Attributes:
        provider, request: Who is asked, and what.
        request_id, rate_limits: From the response's headers, once they are here.
        ended: Whether all tokens have come, though the connection may not have ended yet.
        usage_told: What the provider has said of the cost.
        begun: Whether it has been subscribed to.
        so_far: The reply, with the text that this attempt goes on with.
    """

    __slots__ = (
        "_earlier",
        "begun",
        "ended",
        "provider",
        "rate_limits",
        "request",
        "request_id",
        "so_far",
        "usage_told",
    )

    def __init__(
        self,
        provider: str,
        request: CompletionRequest,
        goes_on: Attempt | None = None,
        join: Callable[[], Joining] | None = None,
    ) -> None:
        self.provider = provider
        self.request = request
        self.request_id: str | None = None
        self.rate_limits: RateLimits | None = None
        self.ended = False
        self.begun = False
        self.usage_told: Usage | None = None
        self._earlier: Earlier | None = None
        if goes_on is None:
            self.so_far = ReplyBuilder(max_characters=MAX_PARTIAL, strict=False)
        else:
            self.so_far = goes_on.so_far
            self._earlier = Earlier(goes_on, join, goes_on.usage, self.so_far.characters)
            if goes_on._earlier is not None:
                goes_on._earlier.attempt = None

    def anew(self, provider: str, request: CompletionRequest) -> Attempt:
        """Another one in its place: it goes on with the same text, if this one does."""
        earlier = self._earlier
        if earlier is None:
            return Attempt(provider, request)
        return Attempt(provider, request, earlier.attempt, earlier.join)

    def joining(self) -> Joining | None:
        """What leaves out what this attempt repeats of the text that it goes on with, before anybody sees it."""
        earlier = self._earlier
        return None if earlier is None or earlier.join is None else earlier.join()

    @property
    def carried(self) -> Usage | None:
        """What those cost whose text it goes on with."""
        return None if self._earlier is None else self._earlier.usage

    @property
    def written(self) -> int:
        """How many characters this attempt has brought."""
        return self.so_far.characters - (0 if self._earlier is None else self._earlier.characters)

    @property
    def reply(self) -> Reply:
        """The answer so far."""
        return replace(self.so_far.reply(), usage=self.usage)

    @property
    def usage(self) -> Usage | None:
        """What it has cost so far, with what it goes on with; None when nothing has come that could have."""
        told = self.usage_told
        if told is not None and told.kind != "partial":
            return total(self.carried, told)
        if told is None and not self.written:
            return self.carried
        return total(self.carried, self.estimate(told))

    def settle(self) -> Usage:
        """What it has cost, now that it is over: the provider's last word, else an estimate."""
        told = self.usage_told
        if told is None or told.kind == "partial":
            self.usage_told = told = self.estimate(told)
        return total(self.carried, told)

    def estimate(self, told: Usage | None = None) -> Usage:
        """Count for a provider that did not, keeping what it has ``told``."""
        written = -(-self.written // CHARACTERS_A_TOKEN)
        if told is not None:
            return replace(told, output_tokens=max(told.output_tokens, written), kind="partial")
        read = sum(characters_in(part) for message in self.request.turns for part in message.parts)
        return Usage(-(-read // CHARACTERS_A_TOKEN), written, kind="estimated")

    def forget_calls(self) -> None:
        """Leave out the tool calls of the reply so far: nobody was shown them, and they are asked for again."""
        reply, before = self.so_far.reply(), self.so_far.characters
        self.so_far = ReplyBuilder(max_characters=MAX_PARTIAL, strict=False)
        self.see([ResponseStart(reply.id, reply.model, reply.request_id)])
        for number, choice in enumerate(reply.choices):
            self.see([token for index, part in enumerate(choice.parts) for token in tokens_of(part, index, number)])
            self.see(choice.citations)
        if self._earlier is None:
            self._earlier = Earlier()
        self._earlier.characters -= before - self.so_far.characters  # what they cost stays counted

    def see(self, tokens: Sequence[StreamToken]) -> None:
        """Take note of what has come."""
        so_far = self.so_far
        if so_far.feed_batch(tokens) is None:
            for token in tokens:
                so_far.feed(token)


def total(before: Usage | None, usage: Usage) -> Usage:
    """The cost of two requests that make one answer; it is exact only when both are.

    >>> total(Usage(10, 2, kind="estimated"), Usage(12, 30))
    Usage(input_tokens=22, output_tokens=32, cache_read_input_tokens=0, cache_creation_input_tokens=0, \
reasoning_output_tokens=0, kind='partial', raw=None)
    """
    if before is None:
        return usage
    counts = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(
        **{name: getattr(before, name) + getattr(usage, name) for name in (*counts, "reasoning_output_tokens")},
        kind=usage.kind if before.kind == usage.kind else "partial",
    )


def tokens_of(part: Part, index: int, choice: int) -> list[StreamToken]:
    match part:
        case Text(text):
            return [TextDelta(text, index, choice)]
        case RefusalPart(text):
            return [RefusalDelta(text, index, choice)]
        case ReasoningPart(text, signatures):
            said: list[StreamToken] = [ReasoningDelta(text, index, choice)] if text else []
            for kind, value in signatures:
                # The kind is one that a token brought.
                said.append(ReasoningSignature(value, index, choice, kind))  # pyright: ignore[reportArgumentType]
            return said
        case _:
            return []


def characters_in(part: Part) -> int:
    match part:
        case Text() | ReasoningPart() | RefusalPart() | ToolResult():
            return len(part.text)
        case ToolCall():
            return len(part.name) + len(part.arguments)
        case _:
            return 0
