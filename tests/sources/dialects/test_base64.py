"""Bytes that a request holds in base64: what is none is refused in words, by every dialect's server side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tokenrill import (
    ANTHROPIC_MESSAGES,
    BEDROCK_CONVERSE,
    GEMINI,
    GEMINI_INTERACTIONS,
    OLLAMA_CHAT,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    Image,
)
from tokenrill.sources.dialect import Dialect

HELLO = {"role": "user", "content": "Hi"}
PNG = {"type": "base64", "media_type": "image/png"}


def said(*content: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": list(content)}]}


def asked(**part: dict[str, Any]) -> dict[str, Any]:
    (kind,) = part
    return {"model": "m", "input": [{"role": "user", "content": [{"type": kind, **part[kind]}]}]}


URL = "data:image/png;base64,"
BODIES: dict[str, tuple[Dialect, Callable[[Any], dict[str, Any]]]] = {
    "anthropic": (ANTHROPIC_MESSAGES, lambda data: said({"type": "image", "source": {**PNG, "data": data}})),
    "converse": (BEDROCK_CONVERSE, lambda data: said({"image": {"format": "png", "source": {"bytes": data}}})),
    "chat": (OPENAI_CHAT, lambda data: said({"type": "image_url", "image_url": {"url": f"{URL}{data}"}})),
    "responses": (OPENAI_RESPONSES, lambda data: asked(input_image={"image_url": f"{URL}{data}"})),
    "ollama": (OLLAMA_CHAT, lambda data: {"model": "m", "messages": [{**HELLO, "images": [data]}]}),
    "gemini": (
        GEMINI,
        lambda data: {"model": "m", "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}]},
    ),
    "interactions": (
        GEMINI_INTERACTIONS,
        lambda data: {"model": "m", "input": [{"type": "image", "mime_type": "image/png", "data": data}]},
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_base64_is_read(name: str) -> None:
    dialect, body = BODIES[name]
    images = [part for part in dialect.parse(body("aGk=")).turns[0].parts if isinstance(part, Image)]
    assert [image.data for image in images] == [b"hi"]


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("data", [5, "\u00e9", "a", "a b=", ["aGk="], {"a": 1}])
def test_what_is_no_base64_is_refused(name: str, data: Any) -> None:
    dialect, body = BODIES[name]
    with pytest.raises(ValueError, match=r"not base64|no source|images hold|messages hold|no such request|not a"):
        dialect.parse(body(data))
