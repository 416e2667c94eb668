"""The body of a request for an interaction, as a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Role, Tool, ToolChoice
from ...shape import bytes_of, list_of, object_of, objects_of, text_of

__all__ = ["parse"]

KNOWN: Final = frozenset("model input system_instruction tools generation_config response_format labels stream".split())
KNOWN_CONFIG: Final = frozenset(
    "max_output_tokens temperature top_p seed stop_sequences tool_choice thinking_level thinking_summaries".split()
)
ROLES: Final[dict[str, Role]] = {"user_input": "user", "function_result": "tool"}
EFFORTS: Final = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "max"}
MODES: Final = {"auto": "auto", "none": "none", "any": "required"}


def parse(body: Json) -> CompletionRequest:
    """A body as a request; what has no place in one goes to ``extra``.

    Raises:
        ValueError: When it is no such request.
    """
    config = object_of(body.get("generation_config"))
    extra = {name: value for name, value in body.items() if name not in KNOWN}
    if config.keys() - KNOWN_CONFIG:
        extra["generation_config"] = config
    functions = [tool for tool in objects_of(body.get("tools")) if tool.get("type") == "function"]
    if len(functions) != len(list_of(body.get("tools"))):
        extra["tools"] = body["tools"]
    choice = config.get("tool_choice")
    try:
        return CompletionRequest(
            model=text_of(body.get("model")),
            messages=tuple(parse_messages(body)),
            max_tokens=config.get("max_output_tokens"),
            temperature=config.get("temperature"),
            top_p=config.get("top_p"),
            seed=config.get("seed"),
            stop=tuple(config.get("stop_sequences") or ()),
            tools=tuple(parse_tool(tool, choice == "validated") for tool in functions),
            tool_choice=parse_tool_choice(choice) if functions else None,
            response_format=parse_format(object_of(body.get("response_format"))),
            reasoning=parse_thinking(config),
            metadata=object_of(body.get("labels")),
            extra=extra,
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a request for an interaction: {type(error).__name__}") from error


def parse_messages(body: Json) -> Iterator[Message]:
    if system := text_of(body.get("system_instruction")):
        yield Message("system", system)
    given = body.get("input")
    if isinstance(given, str):
        yield Message("user", given)
        return
    steps = objects_of(given) or [object_of(given)]
    if "content" not in steps[0] and steps[0].get("type") in ("text", "image", "document"):
        steps = [{"type": "user_input", "content": steps}]  # contents alone are what the user says
    role: Role = "user"
    parts: list[Part] = []
    for step in steps:
        kind = ROLES.get(text_of(step.get("type")), "assistant")
        if kind != role and parts:
            yield Message(role, tuple(parts))
            parts = []
        role = kind
        parts.extend(parse_step(step))
    yield Message(role, tuple(parts))


def parse_step(step: Json) -> Iterator[Part]:
    match step.get("type"):
        case "user_input" | "model_output":
            content = step.get("content")
            yield from [Text(content)] if isinstance(content, str) else map(parse_content, objects_of(content))
        case "thought":
            signature = text_of(step.get("signature"))
            text = "".join(text_of(part.get("text")) for part in objects_of(step.get("summary")))
            yield ReasoningPart(text, (("thought_signature", signature),) if signature else ())
        case "function_call":
            arguments = codec.dumps(step.get("arguments") or {}).decode()
            yield ToolCall(text_of(step.get("id")), text_of(step.get("name")), arguments)
        case "function_result":
            yield parse_result(step)
        case kind:
            raise ValueError(f"input holds no step of type {str(kind)[:60]!r}")


def parse_content(content: Json) -> Text | Image | Document:
    kind = content.get("type")
    if kind == "text":
        return Text(text_of(content.get("text")))
    if kind not in ("image", "document"):
        raise ValueError(f"a step holds no content of type {str(kind)[:60]!r}")
    data = bytes_of(content["data"]) if "data" in content else None
    url, media_type = content.get("uri"), text_of(content.get("mime_type"))
    if kind == "document":
        return Document(media_type=media_type or "application/pdf", url=url, data=data)
    resolution = content.get("resolution")
    detail = cast(Any, resolution if resolution in ("low", "high") else None)
    return Image(media_type=media_type or "image/png", url=url, data=data, detail=detail)


def parse_result(step: Json) -> ToolResult:
    result = step.get("result")
    if isinstance(result, list):
        parts = tuple(part for part in map(parse_content, objects_of(step["result"])) if not isinstance(part, Document))
    else:
        parts = (Text(result if isinstance(result, str) else codec.dumps(result).decode()),)
    name = text_of(step.get("name")) or None
    return ToolResult(text_of(step.get("call_id")), parts, is_error=step.get("is_error") is True, name=name)


def parse_tool(tool: Json, strict: bool) -> Tool:
    return Tool(
        name=text_of(tool.get("name")),
        description=text_of(tool.get("description")),
        parameters=object_of(tool.get("parameters")),
        strict=True if strict else None,
    )


def parse_tool_choice(choice: Any) -> ToolChoice | None:
    match choice:
        case {"allowed_tools": {"tools": [str(name)]}}:
            return ToolChoice("tool", name)
        case str() if choice in MODES:
            return ToolChoice(cast(Any, MODES[choice]))
        case _:
            return None


def parse_format(format: Json) -> ResponseFormat | None:
    if format.get("mime_type") != "application/json":
        return None
    return ResponseFormat(schema=object_of(format.get("schema")) or None)


def parse_thinking(config: Json) -> Reasoning | None:
    effort = EFFORTS.get(text_of(config.get("thinking_level")))
    summary = "auto" if config.get("thinking_summaries") == "auto" else None
    return Reasoning(effort=cast(Any, effort), summary=summary) if effort or summary else None
