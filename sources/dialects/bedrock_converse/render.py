"""A request as the body of ``POST /model/{model}/converse-stream``.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import ToolResult
from ....streams.request import CompletionRequest, Reasoning, Tool
from ..bedrock_models import family_of
from .content import CACHE_POINT, render_parts

__all__ = ["render"]

NAME: Final = "bedrock_converse"


def render(request: CompletionRequest) -> Json:
    """The request in this dialect; the model is in the address.

    Turns of one role that follow each other become one, as the vendor wants it. What Converse has no words for
    goes into ``additionalModelRequestFields``, in those of the model: ``top_k`` and reasoning of Claude and Nova,
    the effort of OpenAI's models.

    Raises:
        ValueError: For whatever Converse cannot say, and for images and documents by address.
    """
    refuse_what_has_no_place(request)
    system = [part for message in request.turns if message.role == "system" for part in message.parts]
    body: Json = {"messages": render_turns(request)}
    optional: Json = {
        "system": render_parts(tuple(system)),
        "inferenceConfig": render_sampling(request),
        "toolConfig": render_tools(request),
        "additionalModelRequestFields": render_additional(request),
        "outputConfig": render_output(request),
        "requestMetadata": request.metadata,
    }
    return {**body, **{name: value for name, value in optional.items() if value}}


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    for name, given in {
        "frequency_penalty": request.frequency_penalty is not None,
        "presence_penalty": request.presence_penalty is not None,
        "seed": request.seed is not None,
        "logprobs": request.logprobs,
        "choice_count above 1": request.choice_count > 1,
        "user": request.user is not None,
        "parallel_tool_calls": request.parallel_tool_calls is not None,
    }.items():
        if given:
            raise ValueError(
                f"{NAME} cannot take {name}: leave it out, or put the model's own field into "
                'extra={"additionalModelRequestFields": {…}}'
            )
    if request.response_format is not None and request.response_format.schema is None:
        raise ValueError(f"{NAME} cannot take JSON without a schema: give response_format a schema")


def render_turns(request: CompletionRequest) -> list[Json]:
    turns: list[Json] = []
    for message in request.turns:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        content = render_parts(message.parts)
        if not content:
            raise ValueError(f"{NAME} cannot take a {message.role} message that says nothing")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        else:
            turns.append({"role": role, "content": content})
    tell_documents_apart(turns)
    return turns


def tell_documents_apart(turns: list[Json]) -> None:
    """Number documents of one name: the vendor refuses a conversation that holds a name twice."""
    taken = set[str]()
    for document in (block["document"] for turn in turns for block in turn["content"] if "document" in block):
        name, number = document["name"], 1
        while document["name"] in taken:
            number += 1
            document["name"] = f"{name[:190]} {number}"
        taken.add(document["name"])


def render_sampling(request: CompletionRequest) -> Json:
    given = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def render_tools(request: CompletionRequest) -> Json:
    if not request.tools:
        if any(isinstance(part, ToolResult) for message in request.turns for part in message.parts):
            raise ValueError(f"{NAME} wants the tools again when the conversation holds their results: pass tools=")
        return {}
    if request.tool_choice is not None and request.tool_choice.mode == "none":
        raise ValueError(f"{NAME} cannot forbid tools: leave tools out instead of tool_choice='none'")
    tools: list[Json] = []
    for tool in request.tools:
        tools.append({"toolSpec": render_tool(tool)})
        if tool.cache:
            tools.append(CACHE_POINT)
    choice = render_tool_choice(request)
    return {"tools": tools, "toolChoice": choice} if choice else {"tools": tools}


def render_tool(tool: Tool) -> Json:
    rendered: Json = {"name": tool.name}
    if tool.description:
        rendered["description"] = tool.description
    empty: Json = {} if tool.parameters else {"properties": {}}
    rendered["inputSchema"] = {"json": {"type": "object", **empty, **tool.parameters}}
    if tool.strict is not None:
        rendered["strict"] = tool.strict
    return rendered


def render_tool_choice(request: CompletionRequest) -> Json | None:
    choice = request.tool_choice
    match choice and choice.mode:
        case "auto":
            return {"auto": {}}
        case "required":
            return {"any": {}}
        case "tool":
            return {"tool": {"name": choice and choice.name}}
        case _:
            return None


def render_additional(request: CompletionRequest) -> Json:
    fields: Json = {}
    if request.top_k is not None:
        fields |= render_top_k(request.model, request.top_k)
    asked = request.reasoning
    if asked is not None and (asked.effort, asked.budget_tokens, asked.summary) != (None, None, None):
        fields |= render_reasoning(request.model, asked)
    return fields


def render_top_k(model: str, top_k: int) -> Json:
    match family_of(model):
        case "anthropic" | "mistral":
            return {"top_k": top_k}
        case "nova":
            return {"inferenceConfig": {"topK": top_k}}
        case "cohere":
            return {"k": top_k}
        case _:
            raise ValueError(f"{NAME} cannot take top_k for {model}: leave it out, or put the model's field in extra")


def render_reasoning(model: str, asked: Reasoning) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html"""
    effort, budget = asked.effort, asked.budget_tokens
    off = budget == 0 or (budget is None and effort == "none")
    match family_of(model):
        case "anthropic" if off:
            return {"thinking": {"type": "disabled"}}
        case "anthropic":
            return render_claude_reasoning(asked)
        case "nova" if off:
            return {"reasoningConfig": {"type": "disabled"}}
        case "nova" if effort and budget is None:
            said = {"minimal": "low", "max": "high"}.get(effort, effort)
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": said}}
        case "openai" if effort and budget is None:
            return {"reasoning_effort": {"max": "high"}.get(effort, effort)}
        case _:
            raise ValueError(
                f"{NAME} cannot ask {model} to reason in this way: put the model's own field into "
                'extra={"additionalModelRequestFields": {…}}'
            )


def render_claude_reasoning(asked: Reasoning) -> Json:
    """As Anthropic has it: a budget by hand, else adaptive thinking; a summary shows it."""
    shown: Json = {"display": "summarized"} if asked.summary else {}
    by_hand = asked.budget_tokens is not None
    kind: Json = {"type": "enabled", "budget_tokens": asked.budget_tokens} if by_hand else {"type": "adaptive"}
    said = {"minimal": "low"}.get(asked.effort or "", asked.effort)
    effort: Json = {"output_config": {"effort": said}} if asked.effort and said != "none" else {}
    return {"thinking": {**kind, **shown}, **effort}


def render_output(request: CompletionRequest) -> Json | None:
    asked: Any = request.response_format
    if asked is None:
        return None
    schema = {"schema": codec.dumps(asked.schema).decode(), "name": asked.name}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
