"""A request as the body of ``POST /v1beta/interactions``. https://ai.google.dev/api/interactions-api#create"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message
from ..gemini.contents import arguments, split_system

__all__ = ["render"]

LEVELS: Final = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "max": "xhigh"}


def render(request: CompletionRequest) -> Json:
    """The request in this dialect, whole: to let Google keep the conversation, pass its fields in ``extra``.

    Unsigned reasoning and cache marks are left out.

    Raises:
        ValueError: For what an interaction has not: ``top_k``, penalties, log probabilities, several choices, a
            user, ``parallel_tool_calls=False``, a reasoning budget, thinking turned off, and a system message after
            the first turn.
    """
    refuse_what_has_no_place(request)
    system, turns = split_system(request.turns)
    names: dict[str, str] = {}
    body: Json = {"model": request.model, "input": [step for turn in turns for step in steps(turn, names)]}
    optional: Json = {
        "system_instruction": "\n\n".join(system) or None,
        "tools": [render_tool(request, at) for at in range(len(request.tools))] or None,
        "generation_config": render_config(request) or None,
        "response_format": render_format(request),
        "labels": request.metadata or None,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    return {**body, "stream": True}


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    reasoning = request.reasoning
    for name, given in {
        "top_k": request.top_k is not None,
        "frequency_penalty": request.frequency_penalty is not None,
        "presence_penalty": request.presence_penalty is not None,
        "logprobs": request.logprobs,
        "choice_count above 1": request.choice_count > 1,
        "user": request.user is not None,
        "parallel_tool_calls=False": request.parallel_tool_calls is False,
        "reasoning.budget_tokens": reasoning is not None and reasoning.budget_tokens is not None,
        "reasoning.effort='none'": reasoning is not None and reasoning.effort == "none",
    }.items():
        if given:
            raise ValueError(f"gemini_interactions cannot take {name}: leave it out, or use api='generate_content'")


def steps(turn: Message, names: dict[str, str]) -> Iterator[Json]:
    """The steps of one message: what is said or shown together is one step."""
    kind = "user_input" if turn.role == "user" else "model_output"
    for together, run in groupby(turn.parts, lambda part: isinstance(part, (Text, Image, Document, RefusalPart))):
        if together:
            yield {"type": kind, "content": [render_content(part) for part in run]}
            continue
        for part in run:
            match part:
                case ReasoningPart(text):
                    if signature := part.signature("thought_signature"):
                        summary = {"summary": [{"type": "text", "text": text}]} if text else {}
                        yield {"type": "thought", "signature": signature, **summary}
                case ToolCall():
                    names[part.id] = part.name
                    yield {"type": "function_call", "id": part.id, "name": part.name, "arguments": arguments(part)}
                case ToolResult():
                    yield render_result(part, part.name or names.get(part.call_id))
                case _:
                    pass


def render_content(part: Part) -> Json:
    match part:
        case Image() | Document():
            content: Json = {"type": "image" if isinstance(part, Image) else "document", "mime_type": part.media_type}
            if part.data is None:
                content["uri"] = part.url
            else:
                content["data"] = base64.b64encode(part.data).decode()
            detail = isinstance(part, Image) and part.detail
            return {**content, "resolution": detail} if detail in ("low", "high") else content
        case _:
            return {"type": "text", "text": part.text if isinstance(part, (Text, RefusalPart)) else ""}


def render_result(result: ToolResult, name: str | None) -> Json:
    plain = len(result.parts) <= 1 and all(isinstance(part, Text) for part in result.parts)
    step: Json = {"type": "function_result", "call_id": result.call_id}
    step["result"] = result.text if plain else [render_content(part) for part in result.parts]
    named = {"name": name} if name else {}
    return {**step, **named, **({"is_error": True} if result.is_error else {})}


def render_tool(request: CompletionRequest, at: int) -> Json:
    tool = request.tools[at]
    optional: Json = {"description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "name": tool.name, **{name: value for name, value in optional.items() if value}}


def render_config(request: CompletionRequest) -> Json:
    reasoning = request.reasoning
    config: Json = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop_sequences": list(request.stop) or None,
        "tool_choice": render_tool_choice(request),
        "thinking_level": LEVELS[reasoning.effort] if reasoning and reasoning.effort else None,
        "thinking_summaries": "auto" if reasoning and reasoning.summary else None,
    }
    return {name: value for name, value in config.items() if value is not None}


def render_tool_choice(request: CompletionRequest) -> Any:
    choice = request.tool_choice
    strict = any(tool.strict for tool in request.tools)
    if choice is None or choice.mode == "auto":
        return "validated" if strict else choice and "auto"
    if choice.name is not None:
        return {"allowed_tools": {"mode": "any", "tools": [choice.name]}}
    return "none" if choice.mode == "none" else "any"


def render_format(request: CompletionRequest) -> Json | None:
    format = request.response_format
    if format is None:
        return None
    schema = {"schema": format.schema} if format.schema is not None else {}
    return {"type": "text", "mime_type": "application/json", **schema}
