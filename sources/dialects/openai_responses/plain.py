"""The events that most of an answer is made of, typed: deltas of items, without log probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw as JsonRaw, Struct

from ....streams import codec
from ....streams.tokens import ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta

__all__ = ["SPEECH", "Delta", "Speaker", "decode_fast", "look"]

Delta: TypeAlias = type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta] | type[ToolCallDelta]
SPEECH: Final[Mapping[str, Delta]] = {
    "response.output_text.delta": TextDelta,
    "response.refusal.delta": RefusalDelta,
    "response.reasoning_summary_text.delta": ReasoningDelta,
    "response.reasoning_text.delta": ReasoningDelta,
    "response.function_call_arguments.delta": ToolCallDelta,
    "response.custom_tool_call_input.delta": ToolCallDelta,
}
Speaker: TypeAlias = tuple[str, int, str | None]


class FastDelta(Struct, gc=False, forbid_unknown_fields=True):
    """A delta without log probabilities. Every other shape fails to decode, and goes the general way."""

    type: Literal[
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
    ]
    delta: str
    output_index: int
    item_id: str | None = None
    content_index: JsonRaw = JsonRaw()
    summary_index: JsonRaw = JsonRaw()
    sequence_number: int | None = None
    logprobs: Annotated[list[JsonRaw], Meta(max_length=0)] | None = None
    obfuscation: JsonRaw = JsonRaw()


decode_fast = codec.typed_decoder(FastDelta).decode


def look(payload: bytes) -> tuple[str, Speaker]:
    """The delta of an event, and whose it is; of the numbers of events only the last counts."""
    event = decode_fast(payload)
    return event.delta, (event.type, event.output_index, event.item_id)
