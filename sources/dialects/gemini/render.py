"""A request as the body of ``models/{model}:streamGenerateContent``. https://ai.google.dev/api/generate-content

The address names the model. Vertex AI takes the same body, with ``labels`` for the request's metadata.
"""

from __future__ import annotations

from typing import Any, Final

from ....streams.codec import Json
from ....streams.request import CompletionRequest, Tool
from .contents import render_contents, split_system

__all__ = ["render", "render_vertex"]

LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "max": "HIGH"}
# Gemini 2.5 knows budgets only. https://ai.google.dev/gemini-api/docs/openai#thinking
BUDGETS: Final = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "max": 24_576}
MAX_CANDIDATES: Final = 8
MAX_STOPS: Final = 5


def render(request: CompletionRequest) -> Json:
    """The request in this dialect, without ``metadata``, which the Gemini API cannot take.

    Unsigned reasoning is left out, since it is only a summary; so are cache marks: Gemini caches by itself, or by
    ``extra={"cachedContent": …}``.

    Raises:
        ValueError: For metadata, a user, ``parallel_tool_calls=False``, a system message after the first turn, an
            effort together with a budget, more than 5 stop texts or 8 choices, and tool calls whose arguments are no
            JSON object.
    """
    if request.metadata:
        raise ValueError("gemini cannot take metadata: leave it out, or ask Vertex AI, where it becomes labels")
    return render_vertex(request)


def render_vertex(request: CompletionRequest) -> Json:
    """The request for Vertex AI.

    Raises:
        ValueError: As :func:`render` does, but for metadata.
    """
    refuse_what_has_no_place(request)
    system, turns = split_system(request.turns)
    body: Json = {"contents": render_contents(turns)}
    optional: Json = {
        "systemInstruction": {"parts": [{"text": text} for text in system]} if system else None,
        "tools": [{"functionDeclarations": [render_tool(tool) for tool in request.tools]}] if request.tools else None,
        "toolConfig": render_tool_config(request),
        "generationConfig": render_config(request) or None,
        "labels": request.metadata or None,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    return body


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    if request.user is not None:
        raise ValueError("gemini cannot take user: leave it out")
    if request.parallel_tool_calls is False:
        raise ValueError("gemini cannot take parallel_tool_calls=False: leave it out, and answer every call")
    if len(request.stop) > MAX_STOPS:
        raise ValueError(f"gemini takes at most {MAX_STOPS} texts in stop: use the stop_at operator for more")
    if request.choice_count > MAX_CANDIDATES:
        raise ValueError(f"gemini takes choice_count up to {MAX_CANDIDATES}: ask several times for more")


def render_config(request: CompletionRequest) -> Json:
    format = request.response_format
    config: Json = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "seed": request.seed,
        "stopSequences": list(request.stop) or None,
        "candidateCount": request.choice_count if request.choice_count > 1 else None,
        "responseLogprobs": request.logprobs or None,
        "logprobs": request.top_logprobs,
        "responseMimeType": "application/json" if format else None,
        "responseJsonSchema": format.schema if format else None,
        "thinkingConfig": render_thinking(request),
    }
    return {name: value for name, value in config.items() if value is not None}


def render_thinking(request: CompletionRequest) -> Json | None:
    """https://ai.google.dev/gemini-api/docs/thinking"""
    reasoning = request.reasoning
    if reasoning is None:
        return None
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort is not None and budget is not None:
        raise ValueError("gemini takes a reasoning effort or budget_tokens, not both: leave one out")
    config: Json = {}
    if budget is not None:
        config["thinkingBudget"] = budget
    elif effort is not None:
        by_budget = effort == "none" or "gemini-2.5" in request.model
        config = {"thinkingBudget": BUDGETS[effort]} if by_budget else {"thinkingLevel": LEVELS[effort]}
    if reasoning.summary is not None:
        config["includeThoughts"] = True
    return config or None


def render_tool(tool: Tool) -> Json:
    declaration: Json = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters:
        declaration["parametersJsonSchema"] = tool.parameters
    return declaration


def render_tool_config(request: CompletionRequest) -> Json | None:
    """https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes"""
    choice = request.tool_choice
    strict = any(tool.strict for tool in request.tools)
    if choice is None and not strict:
        return None
    config: Json = {"mode": mode_of(choice.mode if choice else "auto", strict)}
    if choice is not None and choice.name is not None:
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}


def mode_of(mode: str, strict: bool) -> Any:
    """VALIDATED is AUTO that keeps to the schemas, as ANY always does."""
    return {"auto": "VALIDATED" if strict else "AUTO", "none": "NONE"}.get(mode, "ANY")
