"""What one writes without a library: a loop over lines, JSON, and the path to the text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.contend import Client, Run

__all__ = ["CLIENTS"]

BODY: Final = {"model": "m", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hi"}], "stream": True}


def openai_text(event: dict[str, Any]) -> str | None:
    return event["choices"][0]["delta"].get("content") if event["choices"] else None


def anthropic_text(event: dict[str, Any]) -> str | None:
    return event["delta"]["text"] if event["type"] == "content_block_delta" else None


def gemini_text(event: dict[str, Any]) -> str | None:
    return event["candidates"][0]["content"]["parts"][0]["text"]


TEXT: Final[Mapping[str, Callable[[dict[str, Any]], str | None]]] = {
    "openai": openai_text,
    "anthropic": anthropic_text,
    "gemini": gemini_text,
}


def by_hand(shape: str) -> Run:
    """aiohttp, ``async for line``, ``json.loads``: what people write."""
    import aiohttp

    text_of = TEXT[shape]

    async def run(url: str) -> int:
        count = 0
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json=BODY) as response:
            async for line in response.content:
                text = line.decode().rstrip()
                if text.startswith("data: {") and text_of(json.loads(text[6:])):
                    count += 1
        return count

    return run


def pyreqwest(shape: str) -> Run:
    """An HTTP client and a JSON parser in Rust, and a loop over lines."""
    client: Any = import_module("pyreqwest.client").ClientBuilder().build()
    loads: Callable[[bytes], dict[str, Any]] = import_module("orjson").loads
    text_of = TEXT[shape]

    async def run(url: str) -> int:
        count, rest = 0, b""
        async with client.post(url).body_json(BODY).build_streamed() as response:
            while (piece := await response.body_reader.read_chunk()) is not None:
                *lines, rest = (rest + bytes(piece)).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {") and text_of(loads(line[6:])):
                        count += 1
        return count

    return run


CLIENTS: Final[Mapping[str, Client]] = {"by_hand": by_hand, "pyreqwest": pyreqwest}
