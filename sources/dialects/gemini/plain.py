"""The chunks that most of an answer is made of, typed: text or thoughts, and counts."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Raw as JsonRaw, Struct

from ....streams import codec
from ....streams.codec import Json

__all__ = ["Said", "decode_fast", "decode_usage", "look"]

COUNTS: Final = ("totalTokenCount", "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
Said: TypeAlias = tuple[int, bool, bool]


class FastPart(Struct, gc=False, forbid_unknown_fields=True):
    text: str
    thought: bool = False


class FastContent(Struct, gc=False, forbid_unknown_fields=True):
    parts: tuple[FastPart]
    role: str | None = None


class FastCandidate(Struct, gc=False, forbid_unknown_fields=True):
    content: FastContent
    index: int = 0


# Counts and their details; another shape, though only of the counts, goes the general way too.
FastUsage: TypeAlias = dict[str, int | str | dict[str, int | str] | list[dict[str, int | str]]]


class FastChunk(Struct, gc=False, forbid_unknown_fields=True):
    """A chunk that says nothing but text or thoughts. Every other shape fails to decode, and goes the general way."""

    candidates: tuple[FastCandidate]
    usageMetadata: JsonRaw = JsonRaw()
    modelVersion: str | None = None
    responseId: str | None = None
    createTime: str | None = None


decode_fast = codec.typed_decoder(FastChunk).decode
decode_usage = codec.typed_decoder(FastUsage).decode


def look(payload: bytes) -> tuple[str, Said]:
    """What a chunk says, which candidate's, whether a thought, and whether beside a count: of these the last counts."""
    chunk = decode_fast(payload)
    found = chunk.candidates[0]
    usage: Json = decode_usage(chunk.usageMetadata) if chunk.usageMetadata else {}
    part = found.content.parts[0]
    return part.text, (found.index, part.thought, not usage.keys().isdisjoint(COUNTS))
