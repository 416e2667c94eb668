"""The events that most of an answer is made of, typed: deltas that say nothing but one thing."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ....streams import codec
from ....streams.tokens import ReasoningDelta, TextDelta, ToolCallDelta

__all__ = ["FastInput", "FastText", "FastThinking", "Said", "decode_fast", "look"]

Said: TypeAlias = tuple[type[TextDelta | ReasoningDelta | ToolCallDelta], int]


class FastText(Struct, gc=False, forbid_unknown_fields=True, tag="text_delta", tag_field="type"):
    text: str


class FastThinking(Struct, gc=False, forbid_unknown_fields=True, tag="thinking_delta", tag_field="type"):
    thinking: str


class FastInput(Struct, gc=False, forbid_unknown_fields=True, tag="input_json_delta", tag_field="type"):
    partial_json: str


class FastDelta(Struct, gc=False, forbid_unknown_fields=True):
    """A delta that says nothing but one of these. Every other event fails to decode, and goes the general way."""

    type: Literal["content_block_delta"]  # not a tag: a lone tagged struct is decoded without its tag too
    index: int
    delta: FastText | FastThinking | FastInput


decode_fast = codec.typed_decoder(FastDelta).decode


def look(payload: bytes) -> tuple[str, Said]:
    """What an event says that says only this, and as what, in which block."""
    event = decode_fast(payload)
    delta = event.delta
    if type(delta) is FastText:
        return delta.text, (TextDelta, event.index)
    if type(delta) is FastThinking:
        return delta.thinking, (ReasoningDelta, event.index)
    return delta.partial_json, (ToolCallDelta, event.index)  # pyright: ignore[reportAttributeAccessIssue]
