"""One call: a request on its way, and what has come of it so far."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from .demand import Demand
from .errors import StreamError
from .parts import Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from .reply import Reply, ReplyBuilder
from .tokens import Finish, RateLimits, ResponseStart, StreamToken, TextDelta, Usage

if TYPE_CHECKING:
    from .request import CompletionRequest

__all__ = ["Account", "Call"]

CHARACTERS_A_TOKEN: Final = 4  # a rule of thumb for English; only used where a provider reports nothing
MAX_PARTIAL: Final = 256 << 10


class Call:
    """What a source, a sink or a call-aware operator may know of the stream it serves.

    A call is made at each subscription. Its reply so far keeps at most 262,144 characters, so that an
    endless stream does not grow; ``accumulate`` is for whole answers.

    Attributes:
        provider: Who is asked (``gen_ai.provider.name``).
        request: What is asked.
        demand: How much the consumer wants; a sink that stores counts on it.
        request_id, rate_limits: From the response's headers, once they are here.
        ended: Whether all tokens have come, though the connection may not have ended yet.
        received_bytes: What has come of the body, as the network carried it.
        started: ``time.monotonic()`` of the subscription.
    """

    __slots__ = (
        "_so_far",
        "demand",
        "ended",
        "provider",
        "rate_limits",
        "received_bytes",
        "request",
        "request_id",
        "started",
        "usage_told",
    )

    def __init__(self, provider: str, request: CompletionRequest, demand: Demand | None = None) -> None:
        self.provider = provider
        self.request = request
        self.demand = demand or Demand()
        self.request_id: str | None = None
        self.rate_limits: RateLimits | None = None
        self.ended = False
        self.received_bytes = 0
        self.usage_told: Usage | None = None
        self.started = time.monotonic()
        self._so_far = ReplyBuilder(max_characters=MAX_PARTIAL, strict=False)

    def __repr__(self) -> str:
        return f"Call(provider={self.provider!r}, model={self.request.model!r})"

    @property
    def reply(self) -> Reply:
        """The answer so far."""
        return replace(self._so_far.reply(), usage=self.usage)

    @property
    def usage(self) -> Usage | None:
        """What the call has cost so far; None when nothing has come that could have cost anything.

        ``exact`` once the provider has told; before, ``partial`` when it has told something, else
        ``estimated`` from the characters sent and received.
        """
        told = self.usage_told
        if told is not None and told.kind != "partial":
            return told
        if told is None and not self._so_far.characters:
            return None
        return self.estimate(told)

    def estimate(self, told: Usage | None = None) -> Usage:
        """Count for a provider that did not, keeping what it has ``told``."""
        written = -(-self._so_far.characters // CHARACTERS_A_TOKEN)
        if told is not None:
            return replace(told, output_tokens=max(told.output_tokens, written), kind="partial")
        read = sum(characters_in(part) for message in self.request.turns for part in message.parts)
        return Usage(-(-read // CHARACTERS_A_TOKEN), written, kind="estimated")

    def see(self, tokens: Sequence[StreamToken]) -> None:
        """Take note of what has come."""
        if self._so_far.feed_batch(tokens) is None:
            for token in tokens:
                self._so_far.feed(token)

    def blame(self, error: StreamError) -> None:
        """Write on an error whose call it ended, and what had come until then."""
        traceback.clear_frames(error.__traceback__)  # its frames hold what was read: prompts, answers, quoted keys
        error.provider = error.provider or self.provider
        error.request_id = error.request_id or self.request_id
        if error.partial is None and (self._so_far.characters or self.usage_told):
            error.partial = self.reply
        if error.usage is None:
            error.usage = self.usage


class Account:
    """Keep account of a call as its tokens pass: the last stage of every source. A transducer.

    It gives :class:`.ResponseStart` what the headers said, and makes sure that a healthy stream carries
    exactly one :class:`.Usage`, just before :class:`.Finish`: the provider's last word, else an estimate.
    """

    __slots__ = ("_call", "_told")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told = False

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        call = self._call
        match token:
            case Usage():
                call.usage_told = token
                return ()
            case ResponseStart():
                call.request_id = call.request_id or token.request_id
                call.rate_limits = call.rate_limits or token.rate_limits
                token = replace(token, request_id=call.request_id, rate_limits=call.rate_limits)
            case Finish() if not self._told:
                self._told = True
                usage = call.usage_told = call.usage_told or call.estimate()
                if usage.kind == "partial":
                    usage = call.usage_told = call.estimate(usage)
                call.see((token,))
                return (usage, token)
            case _:
                pass
        call.see((token,))
        return (token,)

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | None:
        for token in tokens:
            if type(token) is not TextDelta:
                return None
        self._call.see(tokens)
        return tokens

    def close(self) -> Iterable[StreamToken]:
        self._call.ended = True
        return ()


def characters_in(part: Part) -> int:
    match part:
        case Text() | ReasoningPart() | RefusalPart() | ToolResult():
            return len(part.text)
        case ToolCall():
            return len(part.name) + len(part.arguments)
        case _:
            return 0
