"""The content blocks of an answer while they are open.

Text, thinking and tool use have tokens of their own. Every other block (``server_tool_use``, the results of web
search, web fetch and code execution, MCP, ``container_upload``, ``compaction``, and whatever comes next) is passed
on whole when it ends, twice: as ``Raw("content_block", block)`` to be shown, and as a ``block``
:class:`.ReasoningSignature` that holds its JSON, so that a reply handed back carries it into the next request. The
vendor wants that after ``pause_turn`` and after a compaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, MalformedEvent
from ....streams.tokens import (
    Citation,
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

__all__ = ["CallBlock", "OpaqueBlock", "TextBlock", "ThinkingBlock", "call_signature", "parse_citation"]

MAX_BLOCK_CHARACTERS: Final = 16 << 20
HANDED_BACK: Final = ("caller", "toolset_name")


class TextBlock:
    """Text, with its citations."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def begin(self, block: Json) -> Iterator[StreamToken]:
        if text := text_of(block.get("text")):
            yield TextDelta(text, self._index)
        for citation in objects_of(block.get("citations")):
            yield parse_citation(citation, self._index)

    def end(self) -> Iterator[StreamToken]:
        return iter(())


class ThinkingBlock:
    """Thinking, closed by its signature; redacted thinking has no text. Of several signatures the last one counts."""

    __slots__ = ("_index", "signature")

    def __init__(self, index: int) -> None:
        self._index = index
        self.signature = ""

    def begin(self, block: Json) -> Iterator[StreamToken]:
        if text := text_of(block.get("thinking")):
            yield ReasoningDelta(text, self._index)
        self.signature = text_of(block.get("signature"))
        if data := text_of(block.get("data")):
            yield ReasoningSignature(data, self._index, kind="redacted")

    def end(self) -> Iterator[StreamToken]:
        if self.signature:
            yield ReasoningSignature(self.signature, self._index)


class CallBlock:
    """A tool call. Servers that do not stream the input put it into the start, and it counts if nothing follows."""

    __slots__ = ("given", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.given: Json = {}

    def begin(self, block: Json) -> Iterator[StreamToken]:
        self.given = object_of(block.get("input"))
        name, call_id = text_of(block.get("name")), text_of(block.get("id"))
        yield ToolCallStart(call_id, name, self.number, signature=call_signature(block))

    def end(self) -> Iterator[StreamToken]:
        if self.given:
            yield ToolCallDelta(codec.dumps(self.given).decode(), self.number)
        yield ToolCallEnd(self.number)


class OpaqueBlock:
    """Any other block, gathered until it ends."""

    __slots__ = ("_block", "_index", "_input", "_size")

    def __init__(self, index: int) -> None:
        self._index = index
        self._block: Json = {}
        self._input: list[str] = []
        self._size = 0

    def begin(self, block: Json) -> Iterator[StreamToken]:
        self._block = dict(block)
        return iter(())

    def absorb(self, delta: Json) -> None:
        """Take what a delta says of the block: input in fragments of JSON, text to append, values to set."""
        for name, value in delta.items():
            if isinstance(value, str):
                self._grow(len(value))
            if name == "partial_json" and isinstance(value, str):
                self._input.append(value)
            elif name != "type":
                known = text_of(self._block.get(name))
                self._block[name] = known + value if isinstance(value, str) else value

    def end(self) -> Iterator[StreamToken]:
        if written := "".join(self._input):
            self._block["input"] = parsed(written)
        yield Raw("content_block", self._block)
        yield ReasoningSignature(codec.dumps(self._block).decode(), self._index, kind="block")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_BLOCK_CHARACTERS:
            raise LimitExceeded("max_block_characters", MAX_BLOCK_CHARACTERS)


def parsed(written: str) -> Any:
    try:
        return codec.loads(written)
    except MalformedEvent:
        return written


def call_signature(block: Json) -> str | None:
    """What the vendor wants back with a call that its code execution made, or that belongs to a toolset."""
    extras = {name: block[name] for name in HANDED_BACK if block.get(name)}
    if object_of(extras.get("caller")) == {"type": "direct"}:
        del extras["caller"]
    return codec.dumps(extras).decode() if extras else None


def parse_citation(citation: Json, index: int) -> Citation:
    """Any of the vendor's kinds of location: in a web page, a search result, a document's text, pages or blocks."""
    address = text_of(citation.get("url")) or text_of(citation.get("source"))
    title = text_of(citation.get("title")) or text_of(citation.get("document_title"))
    return Citation(address or None, title or None, text_of(citation.get("cited_text")) or None, index, raw=citation)
