"""The parts of messages as content blocks. https://platform.claude.com/docs/en/api/messages/create"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import ProtocolError
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ...shape import object_of

__all__ = ["call_extras", "marked", "render_parts", "worth_saying"]


def render_parts(parts: tuple[Part, ...]) -> list[Json]:
    """The blocks of one turn. Texts that the vendor refuses are left out: empty ones, and blank ones if all are."""
    return [block for part in worth_saying(parts) for block in render_part(part)]


def worth_saying(parts: Iterable[Part]) -> list[Part]:
    """All parts but the texts, when none of these holds more than blanks: Claude says that before it calls a tool."""
    said = [part for part in parts if not isinstance(part, (Text, RefusalPart)) or part.text.strip()]
    return [*parts] if any(isinstance(part, (Text, RefusalPart)) for part in said) else said


def render_part(part: Part) -> Iterator[Json]:
    match part:
        case Text(text) | RefusalPart(text):
            if text:
                yield marked({"type": "text", "text": text}, part)
        case Image():
            if part.detail not in (None, "auto"):
                raise ValueError("anthropic_messages cannot take an image's detail: leave it out, and scale the image")
            yield marked({"type": "image", "source": source(part)}, part)
        case Document():
            titled: Json = {"title": part.name} if part.name else {}
            yield marked({"type": "document", "source": document_source(part), **titled}, part)
        case ReasoningPart():
            yield from render_reasoning(part)
        case ToolCall():
            call: Json = {"type": "tool_use", "id": part.id, "name": part.name, "input": call_input(part)}
            yield {**call, **call_extras(part.signature)}
        case ToolResult():
            yield render_result(part)


def marked(block: Json, part: Any) -> Json:
    """The block, with a cache breakpoint where the part asks for one."""
    return {**block, "cache_control": {"type": "ephemeral"}} if getattr(part, "cache", False) else block


def source(part: Image | Document) -> Json:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": base64.b64encode(part.data or b"").decode()}


def document_source(part: Document) -> Json:
    if part.media_type == "application/pdf":
        return source(part)
    if part.data is None or not part.media_type.startswith("text/"):
        raise ValueError(
            f"anthropic_messages cannot take a document of type {part.media_type}"
            f"{'' if part.data is not None else ' by address'}: it takes PDF, and text given as data="
        )
    try:
        return {"type": "text", "media_type": "text/plain", "data": part.data.decode()}
    except UnicodeDecodeError:
        raise ValueError("anthropic_messages cannot take a text document that is not UTF-8: decode it first") from None


def render_reasoning(part: ReasoningPart) -> Iterator[Json]:
    """Thinking goes back only with the vendor's own signature, byte for byte; without it, it would be refused."""
    for kind, value in part.signatures:
        match kind:
            case "signature":
                yield {"type": "thinking", "thinking": part.text, "signature": value}
            case "redacted":
                yield {"type": "redacted_thinking", "data": value}
            case "block":
                block = own_object(value)
                if isinstance(block.get("type"), str):
                    yield block
            case _:
                pass


def own_object(value: str) -> Json:
    """The JSON object that we made of a block; empty for other vendors' opaque values, which have no place here."""
    try:
        return object_of(codec.loads(value)) if value.startswith("{") else {}
    except ProtocolError:
        return {}


def call_input(call: ToolCall) -> Json:
    try:
        given = call.input
    except ProtocolError:
        given = None
    if not isinstance(given, dict):
        raise ValueError(
            f"anthropic_messages cannot take the call {call.id!r}: its arguments are no JSON object; leave the call "
            'out, or wrap its text as {"INVALID_JSON": "…"} and answer it with an error'
        )
    return object_of(given)


def call_extras(signature: str | None) -> Json:
    """What the vendor wants back with a call; other vendors' signatures have no place here."""
    extras = own_object(signature or "")
    return {name: extras[name] for name in ("caller", "toolset_name") if name in extras}


def render_result(result: ToolResult) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": result.call_id}
    parts = result.parts
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].cache:
        content: Any = parts[0].text.strip() and parts[0].text
    else:
        content = render_parts(parts)
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return marked(block, result)
