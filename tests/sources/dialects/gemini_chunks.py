"""Chunks of Gemini's answers, for its tests."""

from __future__ import annotations

import json
from typing import Any

from tokenrill import GEMINI, Finish, Raw, ResponseStart, StreamToken, Usage
from tokenrill.sources.dialects.gemini.decode import GeminiDecoder

__all__ = ["END", "USAGE", "chunk", "content", "decode", "events", "from_bytes", "parts", "raws"]

END: dict[str, Any] = {"candidates": [{"finishReason": "STOP", "index": 0}]}
USAGE: dict[str, Any] = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 3,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 7,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 25,
}


def chunk(*parts: dict[str, Any], reason: str | int | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "r1", **more}


def parts(*given: dict[str, Any]) -> list[StreamToken]:
    """What a whole answer of these parts, each in a chunk of its own, says beside its frame."""
    return content(decode(*(chunk(part) for part in given), chunk(reason="STOP")))


def decode(*chunks: dict[str, Any]) -> list[StreamToken]:
    decoder = GeminiDecoder()
    tokens = [token for one in chunks for token in decoder.feed(json.dumps(one).encode())]
    return [*tokens, *decoder.close()]


def content(tokens: list[StreamToken]) -> list[StreamToken]:
    """Without what frames it."""
    return [token for token in tokens if not isinstance(token, (ResponseStart, Usage, Finish))]


def events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def from_bytes(wire: bytes, size: int) -> list[StreamToken]:
    return list(GEMINI.decode(wire[at : at + size] for at in range(0, len(wire), size)))


def raws(tokens: list[StreamToken]) -> list[tuple[str, Any]]:
    return [(token.name, token.data) for token in tokens if isinstance(token, Raw)]
