"""What the emulator says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypedDict, Unpack

from ...streams.errors import StreamError
from ...streams.parts import ToolCall
from ...streams.request import CompletionRequest
from ...streams.tokens import (
    Finish,
    FinishReason,
    ReasoningDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from .fault import Fault
from .interrupted import rest_of
from .pace import Pace

__all__ = ["FRIENDLY", "Answer", "Script"]

TokenScript: TypeAlias = Callable[[CompletionRequest, str], Iterable[StreamToken]]
Script: TypeAlias = TokenScript | bytes | StreamError
WORD: Final = re.compile(r"\s*\S+|\s+")
FRAGMENT: Final = 8  # characters of a tool's arguments in one event, about what providers send

FULL_SPEED: Final = Pace()

FRIENDLY: Final = (
    "Hello! I am not a language model, I only play one on your own machine. "
    "What you are reading left a local server as a stream of events, word by word, just as a provider would send it: "
    "first an id, then these words, then the reason why I stopped, what it would have cost, and an end mark.\n\n"
    "Here is what you can try while I talk:\n\n"
    "1. Hang up in the middle. The server sees it at once, and says when.\n"
    "2. Cut me into single bytes. The words stay the same, even « déjà vu », 日本語 and 🦜.\n"
    "3. Let the connection break half-way, and see which error reaches you.\n\n"
    "No key, no network and no money are needed for any of it. When all is well here, "
    "give the same pipeline a real provider: nothing else has to change."
)


class How(TypedDict, total=False):
    """The fields of :class:`Answer` beside its script."""

    status: int
    headers: Mapping[str, str]
    pace: Pace
    fault: Fault | None
    gzip: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: what is said, how fast, and what goes wrong. Vary one with ``dataclasses.replace``.

    Make it with :meth:`text`, :meth:`tokens`, :meth:`recording`, :meth:`refuse` or :meth:`redirect`; all
    take the fields below as keywords.

    Attributes:
        script: What is said: tokens, the bytes of a recording, or an error.
        status: HTTP's; from 300 on the answer is sent whole, and not as a stream.
        headers: Headers that win over the dialect's, such as another ``content-type``.
        pace: The timing, and the cuts.
        fault: What goes wrong, if anything.
        gzip: Compress the body, asked for or not.

    Example:
        >>> Answer.text("Hello there.", fault=Fault("reset")).fault.point
        'mid_text'
    """

    script: Script = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pace: Pace = FULL_SPEED
    fault: Fault | None = None
    gzip: bool = False

    @classmethod
    def text(
        cls,
        text: str = FRIENDLY,
        *,
        reasoning: str = "",
        tool_calls: Sequence[ToolCall] = (),
        finish: FinishReason | None = None,
        usage: Usage | None = None,
        **how: Unpack[How],
    ) -> Answer:
        """Say a text, word by word; reasoning comes before it, calls of tools after it.

        Asked to go on with the beginning of the text, by a prefill or as ``resume`` asks, it says the rest.

        Args:
            text, reasoning: What is said, and what is thought.
            tool_calls: The tools to call; their arguments come in fragments.
            finish: Why it ends; by default ``tool_calls`` when there are some, else ``stop``.
            usage: What it costs; by default counted, a token for each event and for four characters read.
            **how: Fields of :class:`Answer`.

        Raises:
            ValueError: When the fault's place is in a part that this answer lacks.
        """
        answer = cls(script=Telling(text, reasoning, tuple(tool_calls), finish, usage), **how)
        point = answer.fault.point if answer.fault and answer.fault.after_events is None else None
        has_arguments = any(call.arguments for call in tool_calls)
        if (point == "mid_text" and not text) or (point == "mid_tool_arguments" and not has_arguments):
            raise ValueError(f"the fault is to strike {point}, but the answer holds nothing of the kind")
        return answer

    @classmethod
    def tokens(cls, tokens: Sequence[StreamToken] | Callable[[], Iterable[StreamToken]], **how: Unpack[How]) -> Answer:
        """Say exactly these tokens; a function makes them anew for each call, and they need not end."""
        return cls(script=lambda _, __: tokens() if callable(tokens) else tokens, **how)

    @classmethod
    def recording(cls, wire: bytes, *, content_type: str | None = None, **how: Unpack[How]) -> Answer:
        """Send exactly these bytes, by default as what the dialect calls its streams."""
        if content_type is not None:
            how["headers"] = {"content-type": content_type, **how.get("headers", {})}
        return cls(script=wire, **how)

    @classmethod
    def refuse(cls, error: StreamError, **how: Unpack[How]) -> Answer:
        """Say no, with the status, headers and body that this provider has for it."""
        return cls(script=error, **how)

    @classmethod
    def redirect(cls, location: str, **how: Unpack[How]) -> Answer:
        """Send the client elsewhere, by default with 307."""
        how["headers"] = {"location": location, **how.get("headers", {})}
        how["status"] = how.get("status", 307)
        return cls(script=b"", **how)


@dataclass(frozen=True, slots=True)
class Telling:
    """A text as a model would tell it: the script of :meth:`Answer.text`."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish: FinishReason | None
    usage: Usage | None

    def __call__(self, request: CompletionRequest, response_id: str) -> Iterator[StreamToken]:
        yield ResponseStart(response_id, request.model)
        read = self.usage.input_tokens if self.usage else -(-sum(len(message.text) for message in request.turns) // 4)
        yield Usage(read, kind="partial")  # some tell beforehand what they have read
        thoughts, words = WORD.findall(self.reasoning), WORD.findall(rest_of(self.text, request))
        for thought in thoughts:
            yield ReasoningDelta(thought)
        for word in words:
            yield TextDelta(word)
        written = len(thoughts) + len(words)
        for index, call in enumerate(self.tool_calls):
            yield ToolCallStart(call.id, call.name, index, signature=call.signature)
            for start in range(0, len(call.arguments), FRAGMENT):
                yield ToolCallDelta(call.arguments[start : start + FRAGMENT], index)
                written += 1
            yield ToolCallEnd(index)
        yield self.usage or Usage(read, written, reasoning_output_tokens=len(thoughts))
        yield Finish(self.finish or ("tool_calls" if self.tool_calls else "stop"))
