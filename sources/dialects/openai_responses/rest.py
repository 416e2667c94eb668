"""The rest of a response whose beginning has been decoded, from the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import MalformedEvent
from ....streams.parts import Part, ReasoningPart, RefusalPart, Text, ToolCall
from ....streams.tokens import StreamToken
from ...shape import objects_of, text_of
from .decode import ResponsesDecoder
from .items import CALLS, Item, argument_text

__all__ = ["rest_of_response"]

DELTAS: Final = {
    "text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "reasoning": "response.reasoning_summary_text.delta",
    "arguments": "response.function_call_arguments.delta",
    "input": "response.custom_tool_call_input.delta",
}
KINDS: Final[dict[str, type[Part]]] = {
    "text": Text,
    "refusal": RefusalPart,
    "reasoning": ReasoningPart,
    "arguments": ToolCall,
    "input": ToolCall,
}


def rest_of_response(decoder: ResponsesDecoder, response: Json, told: Sequence[Part]) -> Iterator[StreamToken]:
    """What the decoder has not told of a complete response; ``told`` is what it has, of which the last part counts.

    Items that were over are left alone. Of one that had begun, what was told must be the beginning. The others, and
    the end, are decoded as events.

    Raises:
        MalformedEvent: When what was told is not how the response begins.
    """
    for place, given in enumerate(objects_of(response.get("output"))):
        item = decoder.items.at(place, text_of(given.get("id")))
        if item is not None and item.ended:
            continue
        if item is not None and item.told:
            for event in deltas(item, given, told):
                yield from decoder.feed(codec.dumps({**event, "output_index": place, "item_id": given.get("id")}))
        event = {"type": "response.output_item.done", "output_index": place, "item": given}
        yield from decoder.feed(codec.dumps(event))
    status = text_of(response.get("status")) or "completed"
    yield from decoder.feed(codec.dumps({"type": f"response.{status}", "response": response}))


def deltas(item: Item, given: Json, told: Sequence[Part]) -> Iterator[Json]:
    """The rest of an item that was cut, as the events that would have brought it."""
    for what, whole in spoken(given).items():
        kind = KINDS[what]
        said = next((said_in(part) for part in reversed(told) if isinstance(part, kind)), "")
        if (what if what != "reasoning" else "text") not in item.told:
            said = ""
        if not whole.startswith(said):
            raise MalformedEvent("the whole response does not begin with what had been told of it")
        if rest := whole[len(said) :]:
            yield {"type": DELTAS[what], "delta": rest}


def spoken(given: Json) -> dict[str, str]:
    """All that an item says, by its kind."""
    match text_of(given.get("type")):
        case "message":
            parts = objects_of(given.get("content"))
            return {name: "".join(text_of(part.get(name)) for part in parts) for name in ("text", "refusal")}
        case "reasoning":
            parts = (*objects_of(given.get("summary")), *objects_of(given.get("content")))
            return {"reasoning": "".join(text_of(part.get("text")) for part in parts)}
        case kind if kind in CALLS:
            return {CALLS[kind]: argument_text(given.get(CALLS[kind]))}
        case _:
            return {}


def said_in(part: Part) -> str:
    match part:
        case ToolCall():
            return part.arguments
        case Text() | ReasoningPart() | RefusalPart():
            return part.text
        case _:
            return ""
