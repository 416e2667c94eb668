"""The body of ``POST /chat/completions`` back into a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from typing import Any, Final, cast

from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Tool, ToolChoice
from ...shape import bytes_of, object_of, objects_of

__all__ = ["parse"]

KNOWN: Final = frozenset(
    "model messages max_completion_tokens max_tokens temperature top_p frequency_penalty presence_penalty seed stop n "
    "logprobs top_logprobs tools tool_choice parallel_tool_calls response_format reasoning_effort metadata user "
    "stream stream_options".split()
)


def parse(body: Json) -> CompletionRequest:
    """What was asked; fields of no known meaning are kept in ``extra``.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    names = {id: name for turn in objects_of(body.get("messages")) for id, name in called(turn)}
    effort = body.get("reasoning_effort")
    try:
        return CompletionRequest(
            model=body.get("model") or "",
            messages=tuple(parse_message(turn, names) for turn in objects_of(body.get("messages"))),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            frequency_penalty=body.get("frequency_penalty"),
            presence_penalty=body.get("presence_penalty"),
            seed=body.get("seed"),
            stop=body.get("stop") or (),
            choice_count=body.get("n") or 1,
            logprobs=bool(body.get("logprobs")),
            top_logprobs=body.get("top_logprobs"),
            tools=tuple(parse_tool(tool) for tool in objects_of(body.get("tools"))),
            tool_choice=parse_tool_choice(body.get("tool_choice")),
            parallel_tool_calls=body.get("parallel_tool_calls"),
            response_format=parse_format(body.get("response_format")),
            reasoning=Reasoning(effort="max" if effort == "xhigh" else effort) if effort else None,
            metadata=body.get("metadata") or {},
            user=body.get("user"),
            extra={name: value for name, value in body.items() if name not in KNOWN},
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a chat completion request: {type(error).__name__}") from error


def called(turn: Json) -> list[tuple[str, str]]:
    return [
        (call.get("id", ""), object_of(call.get("function")).get("name", ""))
        for call in objects_of(turn.get("tool_calls"))
    ]


def parse_message(turn: Json, names: dict[str, str]) -> Message:
    content = turn.get("content")
    match turn.get("role"):
        case "system" | "developer":
            return Message("system", parse_content(content))
        case "user":
            return Message("user", parse_content(content))
        case "assistant":
            return Message("assistant", parse_assistant(turn))
        case "tool":
            call_id = turn.get("tool_call_id") or ""
            texts = tuple(part for part in parse_content(content) if isinstance(part, Text))
            return Message("tool", (ToolResult(call_id, texts, name=names.get(call_id)),))
        case role:
            raise ValueError(f"messages hold no role {role!r}")


def parse_assistant(turn: Json) -> tuple[Part, ...]:
    parts: list[Part] = list(parse_content(turn["content"])) if turn.get("content") else []
    if turn.get("refusal"):
        parts.append(RefusalPart(turn["refusal"]))
    for call in objects_of(turn.get("tool_calls")):
        function = object_of(call.get("function"))
        parts.append(ToolCall(call.get("id") or "", function.get("name") or "", function.get("arguments") or ""))
    return tuple(parts) or (Text(""),)


def parse_content(content: Any) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(parse_part(part) for part in objects_of(content))


def parse_part(part: Json) -> Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return Text(text)
        case {"type": "refusal", "refusal": str(text)}:
            return RefusalPart(text)
        case {"type": "image_url", "image_url": {"url": str(url)} as image}:
            media_type, data = parse_data_url(url)
            detail = cast(Json, image).get("detail")
            if data is None:
                return Image(media_type=Image.of(url=url).media_type, url=url, detail=detail)
            return Image(media_type=media_type, data=data, detail=detail)
        case {"type": "file", "file": {"file_data": str(url)} as file}:
            media_type, data = parse_data_url(url)
            return Document(media_type=media_type, data=data or b"", name=cast(Json, file).get("filename"))
        case _:
            raise ValueError(f"messages hold no part of type {part.get('type')!r}")


def parse_data_url(url: str) -> tuple[str, bytes | None]:
    """Media type and bytes of a ``data:`` URL; no bytes for any other address."""
    head, comma, payload = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma):
        return "", None
    return head[len("data:") : -len(";base64")], bytes_of(payload)


def parse_tool(tool: Json) -> Tool:
    function = object_of(tool.get("function"))
    return Tool(
        name=function.get("name") or "",
        description=function.get("description") or "",
        parameters=function.get("parameters") or {},
        strict=function.get("strict"),
    )


def parse_tool_choice(choice: Any) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case {"function": {"name": str(name)}}:
            return ToolChoice("tool", name)
        case "any":  # https://docs.mistral.ai/api/endpoint/chat
            return ToolChoice("required")
        case _:
            return ToolChoice(choice)


def parse_format(format: Any) -> ResponseFormat | None:
    match format:
        case {"type": "json_object"}:
            return ResponseFormat()
        case {"type": "json_schema", "json_schema": {"schema": _} as given}:
            asked = cast(Json, given)
            return ResponseFormat(
                schema=object_of(asked["schema"]), name=asked.get("name", "response"), strict=bool(asked.get("strict"))
            )
        case _:
            return None
