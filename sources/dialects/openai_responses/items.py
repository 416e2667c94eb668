"""Items of an answer that are still coming in, and what of them has been told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded
from ....streams.tokens import (
    Citation,
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
from ..openai_chat.pieces import parse_logprobs

__all__ = ["CALLS", "Item", "Items", "parse_citation"]

MAX_ITEMS: Final = 4096
MAX_TOOL_CALLS: Final = 1024
CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that ask for a tool of the caller's, and the field that holds what the model wrote."""

# Images, which the server knows by their item's id.
LARGE: Final = frozenset(("result",))
# What a call must carry back beside its id, name and arguments.
WANTED_BACK: Final = ("namespace", "caller")


class Item:
    """One item of the answer: ``told`` is whether any of its text, or of its arguments, came as deltas."""

    __slots__ = ("annotations", "begun", "call", "ended", "id_told", "index", "kind", "told")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.told: set[str] = set()
        self.annotations = 0
        self.call: int | None = None
        self.id_told = False
        self.begun = False
        self.ended = False


class Items:
    """The items of one answer, by their id where an event names a known one, else by their ``output_index``.

    Seen in answers of servers that speak this dialect: ids that change with each event of one item, and one
    index for all items.
    """

    def __init__(self) -> None:
        self._all: list[Item] = []
        self._items: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}
        self._calls = 0
        self._functions = 0
        self.wants_tools = False

    @property
    def are_none(self) -> bool:
        return not self._all

    def find(self, index: object, item_id: str, kind: str) -> Item:
        """The item an event speaks of; the last one of its kind when it says neither index nor a known id."""
        item = self._by_id.get(item_id)
        if item is None and isinstance(index, int):
            item = self._items.get(index)
        elif item is None:
            item = next((known for known in reversed(self._all) if known.kind == kind), None)
        return item or self._new(index, kind)

    def at(self, index: int, item_id: str) -> Item | None:
        """The item at this place of the output, or None when it has not begun."""
        return self._by_id.get(item_id) or self._items.get(index)

    def named(self, index: object, given: Json, *, begins: bool) -> Item:
        """The item that an event holds, as it begins or as it ends."""
        item_id, kind = text_of(given.get("id")), text_of(given.get("type"))
        item = self.find(index, item_id, kind)
        if item.ended or (begins and item.begun):
            item = self._new(index, kind)
        item.begun = True
        if item_id:
            self._by_id[item_id] = item
        return item

    def _new(self, index: object, kind: str) -> Item:
        if len(self._all) >= MAX_ITEMS:
            raise LimitExceeded("max_output_items", MAX_ITEMS)
        item = Item(index if isinstance(index, int) else len(self._all), kind)
        self._all.append(item)
        self._items[item.index] = item
        return item

    def begin(self, item: Item, given: Json) -> Iterator[StreamToken]:
        """What is known when an item begins: a call's id and name, a reasoning item's id."""
        if item.call is None:
            item.kind = text_of(given.get("type")) or item.kind
        if item.kind == "reasoning" and not item.id_told and (item_id := text_of(given.get("id"))):
            item.id_told = True
            yield ReasoningSignature(item_id, item.index, 0, "id")
        if item.kind in CALLS and item.call is None:
            yield self._start(item, given)

    def end(self, item: Item, given: Json) -> Iterator[StreamToken]:
        """What an item's last state says that no delta had said."""
        yield from self.begin(item, given)
        item.ended = True
        if item.call is not None:
            field = CALLS.get(item.kind, "arguments")
            if arguments := argument_text(given.get(field)):
                yield from self.tell(item, field, ToolCallDelta(arguments, item.call), again=False)
            yield ToolCallEnd(item.call)
        elif item.kind == "message":
            yield from self._rest_of_message(item, given)
        elif item.kind == "reasoning":
            yield from self._rest_of_reasoning(item, given)

    def handed_back(self, item: Item, given: Json) -> ReasoningSignature:
        """What the server's own tool did, for the next request: reasoning before it is refused without it."""
        kept = {name: value for name, value in given.items() if name not in LARGE}
        return ReasoningSignature(codec.dumps(kept).decode(), item.index, kind="item")

    def end_all(self) -> Iterator[StreamToken]:
        """End the calls that nobody ended."""
        for item in self._all:
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
            if what == "text" and what not in item.told and item.kind == "message":
                # A custom call that text follows was the server's own (xAI's search): nobody waits for a result.
                self.wants_tools = self._functions > 0
            item.told.add(what)
            yield token

    def _start(self, item: Item, given: Json) -> ToolCallStart:
        if self._calls >= MAX_TOOL_CALLS:
            raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
        item.call = self._calls
        self._calls += 1
        self._functions += item.kind == "function_call"
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
                    yield logprobs
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
