"""A request as the body of ``POST /responses``.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Tool
from ...shape import object_of
from ..openai_chat.render import data_url, render_effort
from .written import wanted_back

__all__ = ["ENCRYPTED", "LOGPROBS", "render"]

ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"
NO_PLACE: Final = "openai_responses cannot take {}: leave it out, or put the server's own field in extra"


def render(request: CompletionRequest) -> Json:
    """The request in this dialect.

    Where reasoning is asked for, so is its encrypted form, which goes back with the next request whether or not
    the provider stores the response, and so does what the provider's own tools did. Reasoning that has neither an id
    nor an encrypted form (another provider's) has no place here and is left out; so is reasoning that nothing
    follows, which is refused, and so are cache marks: OpenAI caches by itself.

    Raises:
        ValueError: For ``top_k``, penalties, ``seed``, ``stop``, several choices, and a reasoning budget.
    """
    refuse_what_has_no_place(request)
    custom = {call.id for call in calls_in(request) if "type" in wanted_back(call.signature)}
    items = [item for message in request.turns for item in render_message(message, custom)]
    include = [ENCRYPTED] * bool(request.reasoning) + [LOGPROBS] * request.logprobs
    optional: Json = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "tools": [render_tool(tool) for tool in request.tools] or None,
        "tool_choice": render_tool_choice(request),
        "parallel_tool_calls": request.parallel_tool_calls,
        "text": render_format(request),
        "reasoning": render_reasoning(request),
        "include": include or None,
        "metadata": request.metadata or None,
        "user": request.user,
    }
    body: Json = {"model": request.model, "input": items}
    body.update({name: value for name, value in optional.items() if value is not None})
    return {**body, "stream": True}


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    for name, given in {
        "top_k": request.top_k is not None,
        "frequency_penalty": request.frequency_penalty is not None,
        "presence_penalty": request.presence_penalty is not None,
        "seed": request.seed is not None,
        "stop": bool(request.stop),
        "choice_count": request.choice_count > 1,
        "reasoning.budget_tokens": bool(request.reasoning and request.reasoning.budget_tokens is not None),
    }.items():
        if given:
            raise ValueError(NO_PLACE.format(name))


def calls_in(request: CompletionRequest) -> Iterator[ToolCall]:
    for message in request.turns:
        yield from (part for part in message.parts if isinstance(part, ToolCall))


def render_message(message: Message, custom: set[str]) -> Iterator[Json]:
    """One message as its items: reasoning, calls and results are items of their own."""
    match message.role:
        case "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    yield render_result(part, part.call_id in custom)
        case "assistant":
            yield from render_assistant(message)
        case role:
            parts = message.parts
            plain = len(parts) == 1 and isinstance(parts[0], Text)
            yield {"role": role, "content": message.text if plain else [render_part(part) for part in parts]}


def render_assistant(message: Message) -> Iterator[Json]:
    """Items of one turn; reasoning that nothing follows is left out, since it would be refused."""
    items = [*items_of(message)]
    while items and items[-1].get("type") == "reasoning":
        items.pop()
    yield from items


def items_of(message: Message) -> Iterator[Json]:
    said: list[Json] = []
    for part in message.parts:
        match part:
            case Text(text):
                said.append({"type": "output_text", "text": text, "annotations": []})
            case RefusalPart(text):
                said.append({"type": "refusal", "refusal": text})
            case _:
                yield from spoken(said)
                said = []
                yield from render_item(part)
    yield from spoken(said)


def spoken(said: list[Json]) -> Iterator[Json]:
    if said:
        yield {"type": "message", "role": "assistant", "content": said}


def render_item(part: Part) -> Iterator[Json]:
    match part:
        case ToolCall():
            extra = wanted_back(part.signature)
            if extra.get("type") == "custom_tool_call":
                yield {**extra, "call_id": part.id, "name": part.name, "input": part.arguments}
            else:
                arguments = part.arguments or "{}"
                call = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}
                yield {**call, **extra}
        case ReasoningPart():
            id, encrypted = part.signature("id"), part.signature("encrypted")
            if id or encrypted:
                item: Json = {"type": "reasoning", "id": id} if id else {"type": "reasoning"}
                item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
                yield {**item, "encrypted_content": encrypted} if encrypted else item
            for kind, value in part.signatures:
                if kind == "item":
                    yield object_of(codec.loads(value))
        case _:
            raise ValueError(f"openai_responses cannot take {type(part).__name__} in an assistant message")


def render_result(result: ToolResult, custom: bool) -> Json:
    kind = "custom_tool_call_output" if custom else "function_call_output"
    output: Any = result.text
    if any(isinstance(part, Image) for part in result.parts):
        output = [render_part(part) for part in result.parts]
        if result.is_error:
            output = [{"type": "input_text", "text": "Error:"}, *output]
    elif result.is_error and not result.text.startswith("Error"):
        output = f"Error: {result.text}"
    return {"type": kind, "call_id": result.call_id, "output": output}


def render_part(part: Part) -> Json:
    match part:
        case Text(text):
            return {"type": "input_text", "text": text}
        case Image(detail=detail):
            image = {"type": "input_image", "image_url": part.url or data_url(part)}
            return {**image, "detail": detail} if detail else image
        case Document():
            if part.data is None:
                return {"type": "input_file", "file_url": part.url}
            return {"type": "input_file", "filename": part.name or "document", "file_data": data_url(part)}
        case _:
            raise ValueError(f"openai_responses cannot take {type(part).__name__} in a user message")


def render_tool(tool: Tool) -> Json:
    function: Json = {"type": "function", "name": tool.name, "parameters": tool.parameters or None}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def render_tool_choice(request: CompletionRequest) -> Any:
    choice = request.tool_choice
    if choice is None or choice.mode != "tool":
        return choice and choice.mode
    return {"type": "function", "name": choice.name}


def render_format(request: CompletionRequest) -> Json | None:
    format = request.response_format
    if format is None:
        return None
    if format.schema is None:
        return {"format": {"type": "json_object"}}
    return {"format": {"type": "json_schema", "name": format.name, "schema": format.schema, "strict": format.strict}}


def render_reasoning(request: CompletionRequest) -> Json | None:
    reasoning = request.reasoning
    if reasoning is None:
        return None
    known = {"effort": render_effort(request), "summary": reasoning.summary}
    return {name: value for name, value in known.items() if value is not None}
