"""The body of ``POST /model/{model}/converse-stream`` back into a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import ProtocolError
from ....streams.parts import ToolResult
from ....streams.request import CompletionRequest, Effort, Message, Reasoning, ResponseFormat, Tool, ToolChoice
from ...shape import object_of, objects_of, text_of
from .content import parse_content

__all__ = ["parse"]

ADDITIONAL: Final = "additionalModelRequestFields"
KNOWN: Final = frozenset("model messages system inferenceConfig toolConfig outputConfig requestMetadata".split())
SHOWN: Final[tuple[Json, ...]] = ({}, {"display": "summarized"})


def parse(body: Json) -> CompletionRequest:
    """What was asked; ``model`` is put into the body from the address. Unknown fields are kept in ``extra``.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    sampling = object_of(body.get("inferenceConfig"))
    tools = object_of(body.get("toolConfig"))
    extra = {name: value for name, value in body.items() if name not in KNOWN}
    understood = parse_additional(object_of(body.get(ADDITIONAL)))
    if understood is not None:
        extra.pop(ADDITIONAL, None)
    try:
        return CompletionRequest(
            model=text_of(body.get("model")),
            messages=parse_messages(body),
            max_tokens=sampling.get("maxTokens"),
            temperature=sampling.get("temperature"),
            top_p=sampling.get("topP"),
            stop=sampling.get("stopSequences") or (),
            tools=parse_tools(objects_of(tools.get("tools"))),
            tool_choice=parse_tool_choice(object_of(tools.get("toolChoice"))),
            response_format=parse_format(body),
            metadata=object_of(body.get("requestMetadata")),
            extra=extra,
            **understood or {},
        )
    except (TypeError, AttributeError, KeyError, ProtocolError) as error:
        raise ValueError(f"not a Converse request: {type(error).__name__}") from error


def parse_messages(body: Json) -> tuple[Message, ...]:
    system = parse_content(objects_of(body.get("system")))
    messages = [Message("system", tuple(system))] if system else []
    names = {
        text_of(call.get("toolUseId")): text_of(call.get("name"))
        for turn in objects_of(body.get("messages"))
        for block in objects_of(turn.get("content"))
        if (call := object_of(block.get("toolUse")))
    }
    for turn in objects_of(body.get("messages")):
        messages += parse_turn(turn, names)
    return tuple(messages)


def parse_turn(turn: Json, names: dict[str, str]) -> list[Message]:
    """A user's turn may hold results of tools, which are a message of their own here."""
    parts = parse_content(objects_of(turn.get("content")))
    role = turn.get("role")
    if role == "assistant":
        return [Message("assistant", tuple(parts))]
    if role != "user":
        raise ValueError(f"messages hold no role {role!r}")
    results = [part for part in parts if isinstance(part, ToolResult)]
    said = [part for part in parts if not isinstance(part, ToolResult)]
    messages: list[Message] = []
    if results:
        named = (
            ToolResult(part.call_id, part.content, part.is_error, names.get(part.call_id), part.cache)
            for part in results
        )
        messages.append(Message("tool", tuple(named)))
    if said or not results:
        messages.append(Message("user", tuple(said)))
    return messages


def parse_tools(tools: list[Json]) -> tuple[Tool, ...]:
    parsed: list[Tool] = []
    for number, tool in enumerate(tools):
        if "toolSpec" in tool:
            spec = object_of(tool["toolSpec"])
            following = tools[number + 1] if number + 1 < len(tools) else {}
            parsed.append(
                Tool(
                    name=text_of(spec.get("name")),
                    description=text_of(spec.get("description")),
                    parameters=object_of(object_of(spec.get("inputSchema")).get("json")),
                    strict=spec.get("strict"),
                    cache="cachePoint" in following,
                )
            )
    return tuple(parsed)


def parse_tool_choice(choice: Json) -> ToolChoice | None:
    match choice:
        case {"auto": _}:
            return ToolChoice("auto")
        case {"any": _}:
            return ToolChoice("required")
        case {"tool": {"name": str(name)}}:
            return ToolChoice("tool", name)
        case _:
            return None


def parse_format(body: Json) -> ResponseFormat | None:
    asked = object_of(object_of(body.get("outputConfig")).get("textFormat"))
    schema = object_of(object_of(asked.get("structure")).get("jsonSchema"))
    if not schema:
        return None
    return ResponseFormat(
        schema=codec.loads_object(text_of(schema.get("schema"))), name=text_of(schema.get("name")) or "response"
    )


def parse_additional(fields: Json) -> dict[str, Any] | None:
    """What of the model's own fields we have words for; None when there is one that we have not."""
    known: dict[str, Any] = {}
    effort: Effort | None = None
    budget: int | None = None
    summarized = False
    for name, value in fields.items():
        match name, value:
            case (("top_k" | "k"), int()):
                known["top_k"] = value
            case "inferenceConfig", {"topK": int(top_k), **rest} if not rest:
                known["top_k"] = top_k
            case "thinking", {"type": "enabled", "budget_tokens": int(tokens), **rest} if rest in SHOWN:
                budget, summarized = tokens, bool(rest)
            case (("thinking" | "reasoningConfig"), {"type": "disabled"}):
                effort = "none"
            case "thinking", {"type": "adaptive", **rest} if rest in SHOWN and (rest or "output_config" in fields):
                summarized = bool(rest)
            case "output_config", {"effort": str(said), **rest} if not rest:
                effort = said  # pyright: ignore[reportAssignmentType]
            case "reasoningConfig", {"type": "enabled", "maxReasoningEffort": str(said)}:
                effort = said  # pyright: ignore[reportAssignmentType]
            case "reasoning_effort", str(said):
                effort = said  # pyright: ignore[reportAssignmentType]
            case _:
                return None
    if effort is not None or budget is not None or summarized:
        known["reasoning"] = Reasoning(effort=effort, budget_tokens=budget, summary="auto" if summarized else None)
    return known
