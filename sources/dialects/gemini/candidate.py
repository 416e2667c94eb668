"""One candidate: its parts, in order, as tokens.

Signatures must go back on the part they came with. :class:`.ReplyBuilder` makes parts of deltas by kind and index, so
``index`` moves on where two deltas would otherwise grow together across a signature:

* a thought and its signature share an index, and make one reasoning part;
* the signature of a text comes just before it, and makes a reasoning part without a text that stands before the text;
* the signature of an empty part, or of one that is no text, stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded
from ....streams.text_run import TextRun
from ....streams.tokens import (
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ...shape import object_of, objects_of, text_of
from .arguments import ArgumentsWriter

__all__ = ["Candidate", "is_own"]

# Calls without an id get one, since results are told apart by it; it never goes to Google.
OWN_ID: Final = "gemini_call_"
MAX_TOOL_CALLS: Final = 1024
KNOWN_PART: Final = frozenset("text thought thoughtSignature functionCall".split())
KNOWN_CALL: Final = frozenset("id name args partialArgs willContinue".split())


class Candidate:
    """What has come of one candidate."""

    __slots__ = ("_calls", "_last", "_signed", "_writer", "choice", "index", "reason")

    def __init__(self, choice: int) -> None:
        self.choice = choice
        self.index = 0
        self.reason: str | None = None
        self._calls = 0
        # What grows if more of its kind comes; a mark is a signature that stands alone.
        self._last: Literal["text", "reasoning", "mark", "other"] = "other"
        self._signed = False
        self._writer: ArgumentsWriter | None = None

    @property
    def called(self) -> bool:
        """Whether it has called a tool."""
        return self._calls > 0

    def can_take(self, thought: bool) -> bool:
        """Whether plain text, or a plain thought, can follow without anything else to be said."""
        if self._writer is not None or not self._signed:
            return self._writer is None
        return self._last not in (("reasoning", "mark") if thought else ("text", "mark"))

    def take(self, texts: Sequence[str], thought: bool) -> Sequence[StreamToken]:
        """Pieces of one kind, once :meth:`can_take` has said so."""
        kind = ReasoningDelta if thought else TextDelta
        if len(texts) == 1 or thought:
            said = [kind(text, self.index, self.choice) for text in texts if text]
        else:
            said = TextRun.of(texts, self.index, self.choice)
        if said:
            self._last, self._signed = "reasoning" if thought else "text", False
        return said

    def part(self, part: Json, answer_id: str) -> Iterator[StreamToken]:
        """The tokens of one part."""
        signature = text_of(part.get("thoughtSignature"))
        if isinstance(part.get("functionCall"), dict):
            yield from self._call(object_of(part["functionCall"]), signature, answer_id)
        else:
            yield from self.end_call()
            text = text_of(part.get("text"))
            if part.get("thought") is True:
                yield from self._thought(text, signature)
            elif text or signature:
                yield from self._text(text, signature)
        for name, value in part.items():
            if name not in KNOWN_PART and value is not None:
                yield Raw(f"part.{name}", value, self.choice)

    def end_call(self) -> Iterator[StreamToken]:
        """End a call whose arguments were coming in pieces; the vendor does not always say so."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            yield ToolCallDelta(writer.close() or "{}", self._calls - 1, self.choice)
            yield ToolCallEnd(self._calls - 1, self.choice)

    def _thought(self, text: str, signature: str) -> Iterator[StreamToken]:
        if self._signed and self._last in ("reasoning", "mark") and (text or signature):
            self.index += 1
            self._last = "other"
        if text:
            self._last, self._signed = "reasoning", False
            yield ReasoningDelta(text, self.index, self.choice)
        if signature:
            self._last = "reasoning" if self._last == "reasoning" else "mark"
            self._signed = True
            yield ReasoningSignature(signature, self.index, self.choice, "thought_signature")

    def _text(self, text: str, signature: str) -> Iterator[StreamToken]:
        grows = ("reasoning", "mark") if signature else ("text", "mark")
        if self._last in grows and (signature or self._signed):
            self.index += 1
        if signature:
            self._last = "mark"
            yield ReasoningSignature(signature, self.index, self.choice, "thought_signature")
        if text:
            self._last = "text"
            yield TextDelta(text, self.index, self.choice)
        self._signed = bool(signature)

    def _call(self, call: Json, signature: str, answer_id: str) -> Iterator[StreamToken]:
        if name := text_of(call.get("name")):
            yield from self.end_call()
            yield self._begin(call, name, signature, answer_id)
        elif self._writer is None:
            if call:
                yield Raw("part.functionCall", call, self.choice)
            return
        number = self._calls - 1
        if call.get("args") is not None:
            yield ToolCallDelta(codec.dumps(call["args"]).decode(), number, self.choice)
        elif self._writer is None and call.get("willContinue") is True:
            self._writer = ArgumentsWriter()
        if self._writer is not None:
            written = "".join(map(self._writer.feed, objects_of(call.get("partialArgs"))))
            if written:
                yield ToolCallDelta(written, number, self.choice)
            if call.get("willContinue") is not True:
                yield from self.end_call()
        else:
            yield ToolCallEnd(number, self.choice)
        for key, value in call.items():
            if key not in KNOWN_CALL:
                yield Raw(f"functionCall.{key}", value, self.choice)

    def _begin(self, call: Json, name: str, signature: str, answer_id: str) -> ToolCallStart:
        if self._calls >= MAX_TOOL_CALLS:
            raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
        number, self._calls = self._calls, self._calls + 1
        self._last, self._signed = "other", False
        # The answer's own id is in it, so that the calls of two turns are told apart as well.
        place = f"{number}" if self.choice == 0 else f"{self.choice}_{number}"
        call_id = text_of(call.get("id")) or f"{OWN_ID}{answer_id}_{place}"
        return ToolCallStart(call_id, name, number, self.choice, signature or None)


def is_own(call_id: str) -> bool:
    """Whether this id is one that Google does not know."""
    return call_id.startswith(OWN_ID)
