"""A request as the body of ``POST /api/chat``. https://docs.ollama.com/api/chat"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final, cast

from ....streams.codec import Json
from ....streams.errors import StreamError
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Tool

__all__ = ["OPTIONS", "THINK", "render"]

# Levels are for models that have them (gpt-oss); the others take any level as "do think".
THINK: Final[dict[str, Any]] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "high",
}
OPTIONS: Final = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
}


def render(request: CompletionRequest) -> Json:
    """The request in this dialect; reasoning goes back as the text it is.

    Raises:
        ValueError: For a tool choice, ``parallel_tool_calls``, several choices, a reasoning budget or summary,
            metadata, a user, documents, images by address, and their detail.
    """
    refuse_what_has_no_place(request)
    options = {name: getattr(request, field) for name, field in OPTIONS.items()}
    options["stop"] = list(request.stop) or None
    options = {name: value for name, value in options.items() if value is not None}
    format = request.response_format
    effort = request.reasoning and request.reasoning.effort
    optional: Json = {
        "tools": [render_tool(tool) for tool in request.tools] or None,
        "format": None if format is None else "json" if format.schema is None else format.schema,
        "options": options or None,
        "think": THINK[effort] if effort else None,
        "logprobs": request.logprobs or None,
        "top_logprobs": request.top_logprobs,
    }
    messages = [turn for message in request.turns for turn in render_turns(message)]
    body: Json = {"model": request.model, "messages": messages}
    return {**body, **{name: value for name, value in optional.items() if value is not None}, "stream": True}


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    reasoning = request.reasoning
    for name, given in {
        "tool_choice": request.tool_choice is not None and request.tool_choice.mode != "auto",
        "parallel_tool_calls": request.parallel_tool_calls is not None,
        "choice_count": request.choice_count > 1,
        "reasoning.budget_tokens": bool(reasoning and reasoning.budget_tokens is not None),
        "reasoning.summary": bool(reasoning and reasoning.summary is not None),
        "metadata": bool(request.metadata),
        "user": request.user is not None,
    }.items():
        if given:
            raise ValueError(f"ollama_chat cannot take {name}: leave it out, or put the server's own field in extra")


def render_turns(message: Message) -> Iterator[Json]:
    if message.role == "tool":
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield render_result(part)
        return
    turn: Json = {"role": message.role, "content": message.text}
    for part in message.parts:
        for name, value in render_part(part):
            turn[name] = turn[name] + value if name in turn else value
    yield turn


def render_part(part: Part) -> Iterator[tuple[str, Any]]:
    """The field of a turn that holds this part, and what it adds to it."""
    match part:
        case Text():
            pass
        case RefusalPart(text):
            yield "content", text
        case ReasoningPart(text):
            if text:
                yield "thinking", text
        case Image():
            if part.data is None:
                raise ValueError("ollama_chat cannot take an image by address: read it, and pass data=")
            if part.detail not in (None, "auto"):
                raise ValueError("ollama_chat cannot take an image's detail: leave it out, and scale the image")
            yield "images", [base64.b64encode(part.data).decode()]
        case ToolCall():
            yield "tool_calls", [{"id": part.id, "function": {"name": part.name, "arguments": arguments_of(part)}}]
        case Document() | ToolResult():
            raise ValueError(f"ollama_chat cannot take a {type(part).__name__}: put its text into the message")


def arguments_of(call: ToolCall) -> Json:
    try:
        arguments = call.input
    except StreamError:
        arguments = None
    if not isinstance(arguments, dict):
        raise ValueError(f"ollama_chat cannot take the call {call.id!r}: its arguments are not a JSON object")
    return cast(Json, arguments)


def render_result(result: ToolResult) -> Json:
    text = f"Error: {result.text}" if result.is_error and not result.text.startswith("Error") else result.text
    turn: Json = {"role": "tool", "content": text, "tool_call_id": result.call_id}
    if result.name:
        turn["tool_name"] = result.name
    images = [
        value for part in result.parts for name, given in render_part(part) if name == "images" for value in given
    ]
    return {**turn, "images": images} if images else turn


def render_tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function}
