"""Events of the Responses API, and what they decode to."""

from __future__ import annotations

import json
from typing import Any

from tokenrill import (
    Reply,
    ReplyBuilder,
    ResponseStart,
    StreamToken,
)
from tokenrill.sources.dialects.openai_responses.decode import ResponsesDecoder

__all__ = ["CREATED", "START", "added", "completed", "decode", "delta", "done", "folded"]

CREATED: dict[str, Any] = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5"}}
START = ResponseStart("resp_1", "gpt-5")


def decode(*events: bytes | dict[str, Any]) -> list[StreamToken]:
    decoder = ResponsesDecoder()
    tokens: list[StreamToken] = []
    for event in events:
        tokens.extend(decoder.feed(event if isinstance(event, bytes) else json.dumps(event).encode()))
    tokens.extend(decoder.close())
    return tokens


def completed(status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": {"id": "resp_1", "status": status, **fields}}


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(text: str, kind: str = "output_text", index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": index, "item_id": f"i{index}", "delta": text, **fields}


def folded(tokens: list[StreamToken]) -> Reply:
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    return builder.reply()
