"""The body of ``POST /responses`` back into a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Role, Tool, ToolChoice
from ...shape import list_of, object_of, objects_of, text_of
from ..openai_chat.parse import parse_data_url
from .items import WANTED_BACK
from .render import ENCRYPTED, LOGPROBS

__all__ = ["parse"]

KNOWN: Final = frozenset(
    "model input instructions max_output_tokens temperature top_p top_logprobs tools tool_choice parallel_tool_calls "
    "text reasoning include metadata user stream".split()
)


def parse(body: Json) -> CompletionRequest:
    """What was asked; fields of no known meaning, such as hosted tools, are kept in ``extra``.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    include = list_of(body.get("include"))
    asked = object_of(body.get("reasoning"))
    try:
        return CompletionRequest(
            model=body.get("model") or "",
            messages=tuple(parse_input(body)),
            max_tokens=body.get("max_output_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            logprobs=LOGPROBS in include,
            top_logprobs=body.get("top_logprobs"),
            tools=tuple(parse_tool(tool) for tool in objects_of(body.get("tools")) if tool.get("type") == "function"),
            tool_choice=parse_tool_choice(body.get("tool_choice")),
            parallel_tool_calls=body.get("parallel_tool_calls"),
            response_format=parse_format(object_of(object_of(body.get("text")).get("format"))),
            reasoning=parse_reasoning(asked) if isinstance(body.get("reasoning"), dict) else None,
            metadata=body.get("metadata") or {},
            user=body.get("user"),
            extra=dict(leftover(body, include, asked)),
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a responses request: {type(error).__name__}") from error


def leftover(body: Json, include: list[Any], asked: Json) -> Iterator[tuple[str, Any]]:
    """The fields that a request of ours has no place for; they win when the request is rendered again."""
    for name, value in body.items():
        match name:
            case "include":
                known = (ENCRYPTED, LOGPROBS) if "reasoning" in body else (LOGPROBS,)
                kept = not set(map(str, include)) <= set(known)
            case "text":
                kept = bool(object_of(value).keys() - {"format"})
            case "reasoning":
                kept = bool(asked.keys() - {"effort", "summary"})
            case "tools":
                kept = any(tool.get("type") != "function" for tool in objects_of(value))
            case "tool_choice":
                kept = not isinstance(value, str) and object_of(value).get("type") != "function"
            case _:
                kept = name not in KNOWN
        if kept:
            yield name, value


def parse_input(body: Json) -> Iterator[Message]:
    if instructions := text_of(body.get("instructions")):
        yield Message("system", instructions)
    given = body.get("input")
    if isinstance(given, str):
        yield Message("user", given)
        return
    names: dict[str, str] = {}
    parts: list[Part] = []
    role: Role | None = None
    for item in objects_of(given):
        speaker, said = parse_item(item, names)
        # A turn of ours is a run of items here; what users and the system say is one message each.
        if parts and role is not None and (speaker != role or speaker in ("system", "user")):
            yield Message(role, tuple(parts))
            parts = []
        role = speaker
        parts.extend(said)
    if parts and role is not None:
        yield Message(role, tuple(parts))


def parse_item(item: Json, names: dict[str, str]) -> tuple[Role, list[Part]]:
    match item.get("type") or "message":
        case "message":
            return parse_message(item)
        case "function_call" | "custom_tool_call" as kind:
            wanted = {name: item[name] for name in WANTED_BACK if item.get(name)}
            wanted = {"type": kind, **wanted} if kind == "custom_tool_call" else wanted
            arguments = item.get("input") if kind == "custom_tool_call" else item.get("arguments")
            names[item["call_id"]] = item["name"]
            signature = codec.dumps(wanted).decode() if wanted else None
            return "assistant", [ToolCall(item["call_id"], item["name"], arguments or "", signature)]
        case "function_call_output" | "custom_tool_call_output":
            output: Any = item.get("output")
            content = [Text(output)] if isinstance(output, str) else [parse_part(part) for part in objects_of(output)]
            seen = tuple(part for part in content if isinstance(part, (Text, Image)))
            return "tool", [ToolResult(item["call_id"], seen, name=names.get(item["call_id"]))]
        case "reasoning":
            texts = [text_of(part.get("text")) for part in objects_of(item.get("summary"))]
            pairs = (("id", item.get("id")), ("encrypted", item.get("encrypted_content")))
            return "assistant", [ReasoningPart("".join(texts), tuple((kind, text) for kind, text in pairs if text))]
        case str(kind) if kind != "item_reference" and item.get("id"):
            # What the server's own tools did, handed back as it came.
            return "assistant", [ReasoningPart("", (("item", codec.dumps(item).decode()),))]
        case kind:
            raise ValueError(f"input holds no item of type {kind!r}")


def parse_message(item: Json) -> tuple[Role, list[Part]]:
    content = item.get("content")
    given = [{"type": "text", "text": content}] if isinstance(content, str) else objects_of(content)
    parts = [parse_part(part) for part in given]
    match item.get("role"):
        case "system" | "developer":
            return "system", parts
        case "user" | "assistant" as role:
            return cast(Role, role), parts
        case role:
            raise ValueError(f"input holds no role {role!r}")


def parse_part(part: Json) -> Part:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return Text(text)
        case {"type": "refusal", "refusal": str(text)}:
            return RefusalPart(text)
        case {"type": "input_image", "image_url": str(url)}:
            detail = part.get("detail")
            media_type, data = parse_data_url(url)
            if data is None:
                return Image(media_type=Image.of(url=url).media_type, url=url, detail=detail)
            return Image(media_type=media_type, data=data, detail=detail)
        case {"type": "input_file", "file_url": str(url)}:
            return Document.of(url=url)
        case {"type": "input_file", "file_data": str(url)}:
            media_type, data = parse_data_url(url)
            return Document(media_type=media_type, data=data or b"", name=part.get("filename"))
        case _:
            raise ValueError(f"input holds no part of type {part.get('type')!r}")


def parse_tool(tool: Json) -> Tool:
    return Tool(
        name=tool.get("name") or "",
        description=tool.get("description") or "",
        parameters=tool.get("parameters") or {},
        strict=tool.get("strict"),
    )


def parse_tool_choice(choice: Any) -> ToolChoice | None:
    match choice:
        case {"type": "function", "name": str(name)}:
            return ToolChoice("tool", name)
        case str():
            return ToolChoice(cast(Any, choice))
        case _:
            return None


def parse_format(format: Json) -> ResponseFormat | None:
    match format.get("type"):
        case "json_object":
            return ResponseFormat()
        case "json_schema":
            schema, name = object_of(format.get("schema")), format.get("name", "response")
            return ResponseFormat(schema=schema, name=name, strict=bool(format.get("strict")))
        case _:
            return None


def parse_reasoning(asked: Json) -> Reasoning:
    effort = asked.get("effort")
    return Reasoning(effort="max" if effort == "xhigh" else effort, summary=asked.get("summary"))
