"""A request as the body of ``POST /chat/completions``.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import base64
from typing import Any, Final

from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Tool

__all__ = ["render"]

EFFORTS: Final = {"max": "xhigh"}


def render(request: CompletionRequest, *, max_tokens_field: str = "max_completion_tokens") -> Json:
    """The request in this dialect.

    Reasoning of earlier turns and cache marks have no place in it and are left out: OpenAI keeps no
    reasoning between turns here, and caches by itself.

    Raises:
        ValueError: For ``top_k``, a reasoning budget or summary, documents by address, and images in tool results.
    """
    refuse_what_has_no_place(request)
    body: Json = {"model": request.model, "messages": [turn for message in request.turns for turn in turns(message)]}
    optional: Json = {
        max_tokens_field: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "seed": request.seed,
        "stop": list(request.stop) if request.stop else None,
        "n": request.choice_count if request.choice_count > 1 else None,
        "logprobs": request.logprobs or None,
        "top_logprobs": request.top_logprobs,
        "tools": [render_tool(tool) for tool in request.tools] if request.tools else None,
        "tool_choice": render_tool_choice(request),
        "parallel_tool_calls": request.parallel_tool_calls,
        "response_format": render_format(request),
        "reasoning_effort": render_effort(request),
        "metadata": request.metadata or None,
        "user": request.user,
    }
    for name, value in optional.items():
        if value is not None:
            body[name] = value
    body["stream"], body["stream_options"] = True, {"include_usage": True}
    return body


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    reasoning = request.reasoning
    for name, given in {
        "top_k": request.top_k,
        "reasoning.budget_tokens": reasoning and reasoning.budget_tokens,
        "reasoning.summary": reasoning and reasoning.summary,
    }.items():
        if given is not None:
            raise ValueError(f"openai_chat cannot take {name}: leave it out, or put the server's own field in extra")


def turns(message: Message) -> list[Json]:
    """One message as the turns it takes here: each tool result is a turn of its own."""
    match message.role:
        case "tool":
            return [render_result(part) for part in message.parts if isinstance(part, ToolResult)]
        case "assistant":
            return [render_assistant(message)]
        case _:
            parts = message.parts
            plain = len(parts) == 1 and isinstance(parts[0], Text)
            return [{"role": message.role, "content": message.text if plain else [render_part(part) for part in parts]}]


def render_assistant(message: Message) -> Json:
    turn: Json = {"role": "assistant", "content": message.text or None}
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    if refusal:
        turn["refusal"] = refusal
    if calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in calls
        ]
    elif turn["content"] is None and not refusal:
        turn["content"] = ""
    return turn


def render_result(result: ToolResult) -> Json:
    if any(isinstance(part, Image) for part in result.parts):
        raise ValueError("openai_chat cannot take images in a tool result: put them into a user message after it")
    text = f"Error: {result.text}" if result.is_error and not result.text.startswith("Error") else result.text
    return {"role": "tool", "tool_call_id": result.call_id, "content": text}


def render_part(part: Part) -> Json:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(detail=detail):
            address: Json = {"url": part.url or data_url(part)}
            return {"type": "image_url", "image_url": {**address, "detail": detail} if detail else address}
        case Document():
            if part.data is None:
                raise ValueError("openai_chat cannot take a document by address: read it, and pass data=")
            return {"type": "file", "file": {"filename": part.name or "document", "file_data": data_url(part)}}
        case ToolCall() | ToolResult() | ReasoningPart() | RefusalPart():
            raise ValueError(f"openai_chat cannot take {type(part).__name__} in a {'user'} message")


def data_url(part: Image | Document) -> str:
    """The bytes as a ``data:`` URL (RFC 2397)."""
    return f"data:{part.media_type};base64,{base64.b64encode(part.data or b'').decode()}"


def render_tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def render_tool_choice(request: CompletionRequest) -> Any:
    choice = request.tool_choice
    if choice is None or choice.mode != "tool":
        return choice and choice.mode
    return {"type": "function", "function": {"name": choice.name}}


def render_format(request: CompletionRequest) -> Json | None:
    format = request.response_format
    if format is None:
        return None
    if format.schema is None:
        return {"type": "json_object"}
    schema = {"name": format.name, "schema": format.schema, "strict": format.strict}
    return {"type": "json_schema", "json_schema": schema}


def render_effort(request: CompletionRequest) -> str | None:
    effort = request.reasoning and request.reasoning.effort
    return EFFORTS.get(effort, effort) if effort else None
