"""The body of ``POST /api/chat`` back into a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Image, Part, ReasoningPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat
from ...shape import bytes_of, list_of, object_of, objects_of, text_of
from ..openai_chat.parse import parse_tool
from .render import OPTIONS

__all__ = ["parse"]

KNOWN: Final = frozenset("model messages tools format options think logprobs top_logprobs stream".split())
EFFORTS: Final[dict[Any, Any]] = {False: "none", True: "medium", "low": "low", "medium": "medium", "high": "high"}
MAGIC: Final = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def parse(body: Json) -> CompletionRequest:
    """What was asked; fields and options of no known meaning are kept in ``extra``.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    options = object_of(body.get("options"))
    extra = {name: value for name, value in body.items() if name not in KNOWN}
    if options.keys() - {*OPTIONS, "stop"}:
        extra["options"] = options
    sampling: dict[str, Any] = {field: options.get(name) for name, field in OPTIONS.items()}
    try:
        return CompletionRequest(
            model=body.get("model") or "",
            messages=tuple(parse_turn(turn, at) for at, turn in enumerate(objects_of(body.get("messages")))),
            stop=options.get("stop") or (),
            logprobs=bool(body.get("logprobs")),
            top_logprobs=body.get("top_logprobs"),
            tools=tuple(parse_tool(tool) for tool in objects_of(body.get("tools"))),
            response_format=parse_format(body.get("format")),
            reasoning=Reasoning(effort=EFFORTS.get(body["think"])) if body.get("think") is not None else None,
            extra=extra,
            **sampling,
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not an ollama chat request: {type(error).__name__}") from error


def parse_turn(turn: Json, at: int) -> Message:
    content = text_of(turn.get("content"))
    images = [parse_image(data) for data in list_of(turn.get("images"))]
    match turn.get("role"):
        case "system":
            return Message("system", content)
        case "user":
            return Message("user", ((Text(content),) if content or not images else ()) + tuple(images))
        case "assistant":
            return Message("assistant", tuple(parse_assistant(turn, at)) or (Text(""),))
        case "tool":
            call_id = turn.get("tool_call_id") or f"call_{at}"
            texts = (Text(content), *images) if content or not images else tuple(images)
            return Message("tool", (ToolResult(call_id, texts, name=turn.get("tool_name")),))
        case role:
            raise ValueError(f"messages hold no role {role!r}")


def parse_assistant(turn: Json, at: int) -> Iterator[Part]:
    if thinking := text_of(turn.get("thinking")):
        yield ReasoningPart(thinking)
    if content := text_of(turn.get("content")):
        yield Text(content)
    for number, call in enumerate(objects_of(turn.get("tool_calls"))):
        function = object_of(call.get("function"))
        arguments = codec.dumps(function.get("arguments") or {}).decode()
        yield ToolCall(text_of(call.get("id")) or f"call_{at}_{number}", text_of(function.get("name")), arguments)


def parse_image(data: Any) -> Image:
    decoded = bytes_of(data)
    media_type = next((known for start, known in MAGIC.items() if decoded.startswith(start)), "image/png")
    return Image(media_type=media_type, data=decoded)


def parse_format(format: Any) -> ResponseFormat | None:
    if format == "json":
        return ResponseFormat()
    return ResponseFormat(schema=object_of(format)) if isinstance(format, dict) else None
