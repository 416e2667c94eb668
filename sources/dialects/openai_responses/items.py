"""Items of an answer that are still coming in, and what of them has been told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded
from ....streams.tokens import (
    Citation,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ...shape import objects_of, text_of
from ..openai_chat.decode import parse_logprobs

__all__ = ["CALLS", "Item", "Items", "parse_citation"]

MAX_ITEMS: Final = 4096
MAX_TOOL_CALLS: Final = 1024
CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that ask for a tool of the caller's, and the field that holds what the model wrote."""

# What a call must carry back beside its id, name and arguments.
WANTED_BACK: Final = ("namespace", "caller")


class Item:
    """One item of the answer: ``told`` is whether any of its text, or of its arguments, came as deltas."""

    __slots__ = ("annotations", "call", "ended", "id_told", "index", "kind", "told")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.told: set[str] = set()
        self.annotations = 0
        self.call: int | None = None
        self.id_told = False
        self.ended = False


class Items:
    """The items of one answer by their ``output_index``."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._by_id: dict[str, int] = {}
        self._calls = 0
        self.wants_tools = False

    def __bool__(self) -> bool:
        return bool(self._items)

    def find(self, index: object, item_id: str, kind: str) -> Item:
        """The item an event speaks of: by its index, else by its id, else the last one of its kind."""
        if not isinstance(index, int) or isinstance(index, bool):
            last = max((number for number, item in self._items.items() if item.kind == kind), default=len(self._items))
            index = self._by_id.get(item_id, last)
        item = self._items.get(index)
        if item is None:
            if len(self._items) >= MAX_ITEMS:
                raise LimitExceeded("max_output_items", MAX_ITEMS)
            item = self._items[index] = Item(index, kind)
        if item_id:
            self._by_id.setdefault(item_id, item.index)
            if len(self._by_id) > 2 * MAX_ITEMS:
                raise LimitExceeded("max_output_items", MAX_ITEMS)
        return item

    def begin(self, item: Item, given: Json) -> Iterator[StreamToken]:
        """What is known when an item begins: a call's id and name, a reasoning item's id."""
        item.kind = text_of(given.get("type")) or item.kind
        if item.kind == "reasoning" and not item.id_told and (item_id := text_of(given.get("id"))):
            item.id_told = True
            yield ReasoningSignature(item_id, item.index, 0, "id")
        if item.kind in CALLS and item.call is None:
            yield self._start(item, given)

    def end(self, item: Item, given: Json) -> Iterator[StreamToken]:
        """What an item's last state says that no delta had said."""
        if item.ended:
            return
        yield from self.begin(item, given)
        item.ended = True
        match item.kind:
            case "message":
                yield from self._rest_of_message(item, given)
            case "reasoning":
                yield from self._rest_of_reasoning(item, given)
            case "function_call" | "custom_tool_call":
                field = CALLS[item.kind]
                if arguments := argument_text(given.get(field)):
                    yield from self.tell(item, field, ToolCallDelta(arguments, item.call or 0), again=False)
                yield ToolCallEnd(item.call or 0)
            case _:
                pass

    def end_all(self) -> Iterator[StreamToken]:
        """End the calls that nobody ended."""
        for item in self._items.values():
            if item.call is not None and not item.ended:
                item.ended = True
                yield ToolCallEnd(item.call)

    def call_number(self, item: Item) -> Iterator[ToolCallStart]:
        """Announce a call whose deltas come before the item itself."""
        if item.call is None:
            yield self._start(item, {})

    def tell(self, item: Item, what: str, token: StreamToken, *, again: bool = True) -> Iterator[StreamToken]:
        """Pass a token on, unless ``again`` is false and something of this kind has been told already."""
        if again or what not in item.told:
            item.told.add(what)
            if type(token) is TextDelta:
                self.wants_tools = self.wants_tools and any(
                    other.kind == "function_call" for other in self._items.values()
                )
            yield token

    def _start(self, item: Item, given: Json) -> ToolCallStart:
        if self._calls >= MAX_TOOL_CALLS:
            raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
        item.call = self._calls
        self._calls += 1
        self.wants_tools = True
        call_id = text_of(given.get("call_id")) or text_of(given.get("id"))
        wanted = {name: given[name] for name in WANTED_BACK if given.get(name)}
        if item.kind == "custom_tool_call":
            wanted = {"type": item.kind, **wanted}
        signature = codec.dumps(wanted).decode() if wanted else None
        return ToolCallStart(call_id, text_of(given.get("name")), item.call, 0, signature)

    def _rest_of_message(self, item: Item, given: Json) -> Iterator[StreamToken]:
        told = frozenset(item.told)
        cited = 0
        for part in objects_of(given.get("content")):
            text, refusal = text_of(part.get("text")), text_of(part.get("refusal"))
            if text and "text" not in told:
                yield from self.tell(item, "text", TextDelta(text, item.index))
                if logprobs := parse_logprobs({"content": part.get("logprobs")}, 0):
                    yield Logprobs(logprobs.content)
            if refusal and "refusal" not in told:
                yield from self.tell(item, "refusal", RefusalDelta(refusal, item.index))
            for annotation in objects_of(part.get("annotations")):
                cited += 1
                if cited > item.annotations:
                    yield parse_citation(annotation, item.index)

    def _rest_of_reasoning(self, item: Item, given: Json) -> Iterator[StreamToken]:
        if not item.told:
            for part in (*objects_of(given.get("summary")), *objects_of(given.get("content"))):
                if text := text_of(part.get("text")):
                    yield from self.tell(item, "text", ReasoningDelta(text, item.index))
        if signature := text_of(given.get("signature")):
            yield ReasoningSignature(signature, item.index)
        if encrypted := text_of(given.get("encrypted_content")):
            yield ReasoningSignature(encrypted, item.index, 0, "encrypted")


def argument_text(value: object) -> str:
    """Arguments as the text they should be; an object is written as JSON."""
    return value if isinstance(value, str) else codec.dumps(value).decode() if value is not None else ""


def parse_citation(annotation: Json, index: int) -> Citation:
    """A page by its address; a file by its name."""
    title = text_of(annotation.get("title")) or text_of(annotation.get("filename"))
    return Citation(text_of(annotation.get("url")) or None, title or None, index=index, raw=annotation)
