"""Turns as ``contents``: https://ai.google.dev/api/caching#Content"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import StreamError
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import Message
from .candidate import is_own

__all__ = ["render_contents", "split_system"]

RESOLUTIONS: Final = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def split_system(turns: Sequence[Message]) -> tuple[list[str], list[Message]]:
    """The texts of the system messages at the start, and the turns after them."""
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    system = [part.text for turn in turns[:first] for part in turn.parts if isinstance(part, Text)]
    if any(turn.role == "system" for turn in turns[first:]):
        raise ValueError("gemini takes system messages at the start only: put this one there, or into a user message")
    return system, list(turns[first:])


def render_contents(turns: Sequence[Message]) -> list[Json]:
    """Contents; results that follow each other become one, since Gemini wants all of a turn's results together."""
    names: dict[str, str] = {}
    contents: list[Json] = []
    previous = ""
    for turn in turns:
        parts = list(render_parts(turn.parts, names))
        if turn.role == previous == "tool":
            contents[-1]["parts"].extend(parts)
        elif parts:
            contents.append({"role": "model" if turn.role == "assistant" else "user", "parts": parts})
        else:
            continue
        previous = turn.role
    return contents


def render_parts(parts: Sequence[Part], names: dict[str, str]) -> Iterator[Json]:
    signature = ""  # of the text that comes next
    for at, part in enumerate(parts):
        match part:
            case ReasoningPart(text):
                signed = part.signature("thought_signature") or ""
                follows = parts[at + 1] if at + 1 < len(parts) else None
                if signed and not text and isinstance(follows, Text):
                    signature = signed
                elif signed:
                    thought: Json = {"text": text, "thought": True} if text else {"text": ""}
                    yield {**thought, "thoughtSignature": signed}
            case Text(text) | RefusalPart(text):
                yield {"text": text, "thoughtSignature": signature} if signature else {"text": text}
                signature = ""
            case Image() | Document():
                yield render_media(part)
            case ToolCall():
                names[part.id] = part.name
                yield render_call(part)
            case ToolResult():
                yield {"functionResponse": render_result(part, names)}


def render_media(part: Image | Document) -> Json:
    """Bytes, or an address: of Google's Files API, a bucket, YouTube, or any that Google can fetch."""
    rendered: Json = (
        {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
        if part.data is None
        else {"inlineData": {"mimeType": part.media_type, "data": base64.b64encode(part.data).decode()}}
    )
    level = RESOLUTIONS.get((isinstance(part, Image) and part.detail) or "")
    return {**rendered, "mediaResolution": {"level": level}} if level else rendered


def render_call(call: ToolCall) -> Json:
    function: Json = {"name": call.name, "args": arguments(call)}
    if call.id and not is_own(call.id):
        function["id"] = call.id
    signature = call.signature or ""
    # Other vendors' are JSON objects.
    return {"functionCall": function, **({"thoughtSignature": signature} if signature[:1] not in ("", "{") else {})}


def arguments(call: ToolCall) -> Any:
    try:
        given = call.input
    except StreamError:
        given = None
    if not isinstance(given, dict):
        raise ValueError(
            f"gemini cannot take the arguments of a call of {call.name!r}, which are no JSON object: "
            "mend them, or leave the call and its result out"
        )
    return codec.loads(codec.dumps(given))


def render_result(result: ToolResult, names: dict[str, str]) -> Json:
    """https://ai.google.dev/api/caching#FunctionResponse: a text stands under ``output`` or ``error``."""
    name = result.name or names.get(result.call_id)
    if name is None:
        raise ValueError("gemini tells results by the tool's name: give name= to a ToolResult whose call is not there")
    response: Json = {"name": name, "response": {"error" if result.is_error else "output": result.text}}
    if not is_own(result.call_id):
        response["id"] = result.call_id
    images = [render_media(part) for part in result.parts if isinstance(part, Image)]
    return {**response, "parts": images} if images else response
