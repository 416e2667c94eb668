"""The parts of messages as content blocks, and back.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import ProtocolError
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ...shape import bytes_of, object_of, objects_of, text_of
from ..anthropic_messages.content import worth_saying

__all__ = ["CACHE_POINT", "parse_content", "render_parts"]

CACHE_POINT: Final[Json] = {"cachePoint": {"type": "default"}}
IMAGE_FORMATS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENT_FORMATS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
MEDIA_TYPES: Final = {format: media_type for media_type, format in (IMAGE_FORMATS | DOCUMENT_FORMATS).items()}
NOT_IN_NAME: Final = re.compile(r"[^0-9A-Za-z\s()\[\]-]")


def render_parts(parts: tuple[Part, ...]) -> list[Json]:
    """The blocks of one turn, with a cache point behind each part that asks for one.

    Texts that the vendor refuses are left out: empty ones, and blank ones if all are.
    """
    blocks: list[Json] = []
    for part in worth_saying(parts):
        rendered = list(render_part(part))
        blocks += rendered
        if rendered and is_marked(part):
            blocks.append(CACHE_POINT)
    return blocks


def is_marked(part: Part) -> bool:
    """Whether to cache up to here: a cache point cannot stand inside a tool's result, so it stands behind it."""
    inside = part.parts if isinstance(part, ToolResult) else ()
    return any(getattr(one, "cache", False) for one in (part, *inside))


def render_part(part: Part) -> Iterator[Json]:
    match part:
        case Text(text) | RefusalPart(text):
            if text:
                yield {"text": text}
        case Image():
            if part.detail not in (None, "auto"):
                raise ValueError("bedrock_converse cannot take an image's detail: leave it out, and scale the image")
            yield {"image": {"format": format_of(part, IMAGE_FORMATS), "source": source(part)}}
        case Document():
            yield {
                "document": {
                    "format": format_of(part, DOCUMENT_FORMATS),
                    "name": document_name(part.name),
                    "source": source(part),
                }
            }
        case ReasoningPart():
            yield from render_reasoning(part)
        case ToolCall():
            yield {"toolUse": {"toolUseId": part.id, "name": part.name, "input": call_input(part)}}
        case ToolResult():
            yield render_result(part)


def format_of(part: Image | Document, formats: dict[str, str]) -> str:
    found = formats.get(part.media_type)
    if found is None:
        raise ValueError(f"bedrock_converse cannot take {part.media_type}: it takes {', '.join(formats.values())}")
    return found


def source(part: Image | Document) -> Json:
    if part.data is not None:
        return {"bytes": base64.b64encode(part.data).decode()}
    if part.url is not None and part.url.startswith("s3://"):
        return {"s3Location": {"uri": part.url}}
    raise ValueError(
        f"bedrock_converse cannot take {type(part).__name__} by address, s3:// apart: read it, and pass data="
    )


def document_name(name: str | None) -> str:
    """The vendor takes letters, digits, hyphens, brackets and single spaces; it wants a name, and a neutral one."""
    return " ".join(NOT_IN_NAME.sub("-", name or "").split())[:200] or "document"


def render_reasoning(part: ReasoningPart) -> Iterator[Json]:
    """Reasoning goes back only with the vendor's signature, byte for byte; without one models refuse it."""
    for kind, value in part.signatures:
        if kind == "signature":
            yield {"reasoningContent": {"reasoningText": {"text": part.text, "signature": value}}}
        elif kind == "redacted":
            yield {"reasoningContent": {"redactedContent": value}}


def call_input(call: ToolCall) -> Json:
    try:
        given = call.input
    except ProtocolError:
        given = None
    if not isinstance(given, dict):
        raise ValueError(
            f"bedrock_converse cannot take the call {call.id!r}: its arguments are no JSON object; leave the call "
            'out, or wrap its text as {"INVALID_JSON": "…"} and answer it with an error'
        )
    return object_of(given)


def render_result(result: ToolResult) -> Json:
    content = [block for block in render_parts(result.parts) if block is not CACHE_POINT]
    rendered: Json = {"toolUseId": result.call_id, "content": content}
    return {"toolResult": {**rendered, "status": "error"} if result.is_error else rendered}


def parse_content(blocks: list[Json]) -> list[Part]:
    """The parts of one turn; a cache point marks the part before it.

    Raises:
        ValueError: For a block of no known kind.
    """
    parts: list[Part] = []
    for block in blocks:
        if "cachePoint" in block:
            if parts:
                parts[-1] = cached(parts[-1])
        else:
            parts.append(parse_block(block))
    return parts


def cached(part: Part) -> Part:
    match part:
        case Text(text):
            return Text(text, cache=True)
        case Image():
            return Image(media_type=part.media_type, url=part.url, data=part.data, cache=True)
        case Document():
            return Document(media_type=part.media_type, url=part.url, data=part.data, name=part.name, cache=True)
        case ToolResult():
            return ToolResult(part.call_id, part.content, part.is_error, part.name, cache=True)
        case _:
            return part


def parse_block(block: Json) -> Part:
    match block:
        case {"text": str(text)}:
            return Text(text)
        case {"image": dict()}:
            return Image(**media(object_of(block["image"]), "image/png"))
        case {"document": dict()}:
            document = object_of(block["document"])
            return Document(**media(document, "application/pdf"), name=text_of(document.get("name")) or None)
        case {"toolUse": dict()}:
            call = object_of(block["toolUse"])
            arguments = codec.dumps(call.get("input") or {}).decode()
            return ToolCall(text_of(call.get("toolUseId")), text_of(call.get("name")), arguments)
        case {"toolResult": dict()}:
            return parse_result(object_of(block["toolResult"]))
        case {"reasoningContent": {"redactedContent": str(content)}}:
            return ReasoningPart("", (("redacted", content),))
        case {"reasoningContent": {"reasoningText": dict()}}:
            told = object_of(object_of(block["reasoningContent"])["reasoningText"])
            signature = text_of(told.get("signature"))
            return ReasoningPart(text_of(told.get("text")), (("signature", signature),) if signature else ())
        case _:
            raise ValueError(f"messages hold no block of the kind {', '.join(block)[:60]!r}")


def media(holder: Json, fallback: str) -> Json:
    media_type = MEDIA_TYPES.get(text_of(holder.get("format")), fallback)
    given = object_of(holder.get("source"))
    address = text_of(object_of(given.get("s3Location")).get("uri"))
    if address:
        return {"media_type": media_type, "url": address}
    if isinstance(text := given.get("text"), str):
        return {"media_type": media_type, "data": text.encode()}
    return {"media_type": media_type, "data": bytes_of(given.get("bytes"))}


def parse_result(result: Json) -> ToolResult:
    parts: list[Any] = []
    for block in objects_of(result.get("content")):
        if "json" in block:
            parts.append(Text(codec.dumps(block["json"]).decode()))
        else:
            parts.append(parse_block(block))
    return ToolResult(text_of(result.get("toolUseId")), tuple(parts), result.get("status") == "error")
