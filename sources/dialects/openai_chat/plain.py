"""The chunks that most of an answer is made of, typed: they say something, and are quiet about all else.

Two types, for speed: :data:`decode_text` is for text alone, which most answers are. :data:`decode_delta` takes what
any server says piece by piece. Every other shape fails to decode in both, and goes the general way.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import MsgspecError, Struct

from ....streams import codec
from ....streams.tokens import ReasoningDelta, TextDelta

__all__ = [
    "DeltaChoice",
    "DeltaChunk",
    "Fragment",
    "Said",
    "TextChoice",
    "TextChunk",
    "decode_delta",
    "decode_text",
    "look",
]


class Chunk(Struct, gc=False, forbid_unknown_fields=True, kw_only=True):
    """What may stand beside the choices, and says nothing."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    usage: None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None
    p: str | None = None  # Mistral pads with it


class TextPiece(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning_content: None = None
    reasoning: None = None


class TextChoice(Struct, gc=False, forbid_unknown_fields=True):
    delta: TextPiece
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    native_finish_reason: None = None  # OpenRouter
    matched_stop: None = None  # SGLang


class TextChunk(Chunk, gc=False, forbid_unknown_fields=True):
    choices: tuple[TextChoice]


class Function(Struct, gc=False, forbid_unknown_fields=True):
    arguments: str = ""
    name: str | None = None


class Fragment(Struct, gc=False, forbid_unknown_fields=True):
    """A piece of a call's arguments."""

    index: int
    function: Function
    id: str | None = None
    type: str | None = None


class Detail(Struct, gc=False, forbid_unknown_fields=True):
    """OpenRouter's own word for what stands in ``reasoning`` beside it."""

    type: str
    text: str | None = None
    summary: str | None = None
    format: str | None = None
    index: int | None = None
    id: str | None = None
    signature: None = None
    data: None = None


class Delta(Struct, gc=False, forbid_unknown_fields=True):
    content: str | None = None
    role: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    refusal: str | None = None
    tool_calls: list[Fragment] | None = None
    function_call: None = None


class DeltaChoice(Struct, gc=False, forbid_unknown_fields=True):
    delta: Delta
    index: int = 0
    finish_reason: Literal[""] | None = None
    logprobs: None = None
    native_finish_reason: str | None = None
    matched_stop: None = None
    token_ids: None = None  # vLLM
    stop_reason: None = None  # vLLM


class DeltaChunk(Chunk, gc=False, forbid_unknown_fields=True):
    choices: tuple[DeltaChoice]
    provider: str | None = None  # OpenRouter


decode_text: Final = codec.typed_decoder(TextChunk).decode
decode_delta: Final = codec.typed_decoder(DeltaChunk).decode
Said: TypeAlias = tuple[type[TextDelta | ReasoningDelta], int]


def look(payload: bytes) -> tuple[str, Said]:
    """What a chunk says that says only this, and as what, in which choice."""
    chunk = decode_delta(payload)
    (choice,) = chunk.choices
    delta = choice.delta
    reasoning = delta.reasoning_content or delta.reasoning or ""
    if chunk.provider is not None or delta.tool_calls or delta.refusal or delta.reasoning_details:
        raise MsgspecError("it says more")
    if delta.content is not None and not reasoning:
        return delta.content, (TextDelta, choice.index)
    if delta.content:
        raise MsgspecError("it says two things")
    return reasoning, (ReasoningDelta, choice.index)
