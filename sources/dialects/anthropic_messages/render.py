"""A request as the body of ``POST /v1/messages``. https://platform.claude.com/docs/en/api/messages/create

The same body, but for a few fields, goes to Claude on Google's and Amazon's platforms: :func:`render_for`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias

from ....streams.codec import Json
from ....streams.parts import Text
from ....streams.request import CompletionRequest, Message, Tool
from .content import marked, render_parts

__all__ = ["API_VERSION", "VERSIONS", "Host", "render", "render_for"]

Host: TypeAlias = Literal["anthropic", "vertex", "bedrock"]
API_VERSION: Final = "2023-06-01"
# https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
VERSIONS: Final[dict[Host, str]] = {
    "anthropic": API_VERSION,
    "vertex": "vertex-2023-10-16",
    "bedrock": "bedrock-2023-05-31",
}
# From this version on sampling cannot be set. https://platform.claude.com/docs/en/api/versioning
NO_SAMPLING: Final = "2026-10-21"
# The vendor wants max_tokens. Thinking counts towards it, so a request that thinks gets more.
MAX_TOKENS: Final = 8_192
MAX_TOKENS_THINKING: Final = 32_768
MIN_BUDGET: Final = 1_024
MAX_BREAKPOINTS: Final = 4
EFFORTS: Final = {"minimal": "low"}


def render_for(
    host: Host, *, version: str | None = None, betas: Sequence[str] = ()
) -> Callable[[CompletionRequest], Json]:
    """How requests are written for Claude at this host.

    ``anthropic`` takes the version and the betas in headers. ``vertex`` takes the model in the address, and the
    version in the body. ``bedrock`` (InvokeModel) takes model and streaming in the address, version and betas in
    the body.

    >>> from tokenrill import CompletionRequest
    >>> render_for("bedrock", betas=["computer-use-2025-01-24"])(
    ...     CompletionRequest(model="anthropic.claude-opus-4-6-v1", messages="Hi", max_tokens=9)
    ... )  # doctest: +NORMALIZE_WHITESPACE
    {'anthropic_version': 'bedrock-2023-05-31', 'anthropic_beta': ['computer-use-2025-01-24'],
     'max_tokens': 9, 'messages': [{'role': 'user', 'content': 'Hi'}]}
    """
    spoken = version or VERSIONS[host]

    def render_here(request: CompletionRequest) -> Json:
        body = render(request, version=spoken)
        if host == "anthropic":
            return body
        del body["model"]
        head: Json = {"anthropic_version": spoken}
        if host == "bedrock":
            del body["stream"]
            head |= {"anthropic_beta": list(betas)} if betas else {}
        return {**head, **body}

    return render_here


def render(request: CompletionRequest, *, version: str = API_VERSION) -> Json:
    """The request in this dialect.

    System messages at the start become ``system``; later ones stay where they are, which newer models accept.
    Unsigned reasoning, such as another provider's, and empty texts are left out. Without ``max_tokens``, which the
    vendor wants, it is 8,192 more than the thinking budget, or 32,768 with an effort.

    Raises:
        ValueError: For penalties, a seed, log probabilities, several choices, JSON without a schema, metadata other
            than ``user_id``, documents that are neither PDF nor text, a thinking budget that the vendor would
            refuse, more than four cache breakpoints, and sampling where the API version has none.
    """
    refuse_what_has_no_place(request, version)
    system, turns = split_system(request.turns)
    thinking = render_thinking(request)
    body: Json = {"model": request.model, "max_tokens": request.max_tokens or default_max_tokens(thinking)}
    optional: Json = {
        "system": render_content(system) or None,
        "messages": list(render_turns(turns)),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": list(request.stop) or None,
        "tools": [render_tool(tool) for tool in request.tools] or None,
        "tool_choice": render_tool_choice(request),
        "thinking": thinking,
        "output_config": render_output(request),
        "metadata": render_metadata(request),
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    breakpoints = count_breakpoints(body)
    if breakpoints > MAX_BREAKPOINTS:
        raise ValueError(f"anthropic_messages takes at most {MAX_BREAKPOINTS} cache breakpoints, not {breakpoints}")
    return {**body, "stream": True}


def refuse_what_has_no_place(request: CompletionRequest, version: str) -> None:
    for name, given in {
        "frequency_penalty": request.frequency_penalty is not None,
        "presence_penalty": request.presence_penalty is not None,
        "seed": request.seed is not None,
        "logprobs": request.logprobs,
        "choice_count above 1": request.choice_count > 1,
    }.items():
        if given:
            raise ValueError(f"anthropic_messages cannot take {name}: leave it out")
    sampling = (request.temperature, request.top_p, request.top_k)
    if version[:1].isdigit() and version >= NO_SAMPLING and sampling != (None, None, None):
        raise ValueError(
            f"anthropic_messages cannot take temperature, top_p and top_k in API version {version}: "
            f"leave them out, or use version {API_VERSION!r}"
        )
    if request.temperature is not None and request.temperature > 1:
        raise ValueError(f"anthropic_messages takes a temperature from 0 to 1, not {request.temperature:g}")
    if request.response_format is not None and request.response_format.schema is None:
        raise ValueError("anthropic_messages cannot take JSON without a schema: give response_format a schema")


def split_system(turns: tuple[Message, ...]) -> tuple[tuple[Any, ...], tuple[Message, ...]]:
    """The parts of the system messages at the start, and all other messages."""
    first = next((at for at, message in enumerate(turns) if message.role != "system"), len(turns))
    return tuple(part for message in turns[:first] for part in message.parts), turns[first:]


def render_turns(turns: tuple[Message, ...]) -> list[Json]:
    """One turn a message; tool results, and what the user says after them, share a turn, as the vendor wants it."""
    rendered: list[Json] = []
    previous = ""
    for message in turns:
        role = "user" if message.role == "tool" else message.role
        if previous == "tool" and role == "user":
            rendered[-1]["content"] += render_parts(message.parts)
        else:
            content = render_content(message.parts, plain=message.role != "tool")
            if not (content.strip() if isinstance(content, str) else content):
                raise ValueError(f"anthropic_messages cannot take a {message.role} message that says nothing")
            rendered.append({"role": role, "content": content})
        previous = message.role
    return rendered


def render_content(parts: tuple[Any, ...], *, plain: bool = True) -> str | list[Json]:
    if plain and len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].cache:
        return parts[0].text
    return render_parts(parts)


def render_thinking(request: CompletionRequest) -> Json | None:
    """``budget_tokens`` asks for thinking by hand, an effort for adaptive thinking, a summary to show it."""
    asked = request.reasoning
    if asked is None or (asked.effort, asked.budget_tokens, asked.summary) == (None, None, None):
        return None
    if asked.budget_tokens == 0 or (asked.budget_tokens is None and asked.effort == "none"):
        return {"type": "disabled"}
    shown: Json = {"display": "summarized"} if asked.summary else {}
    if asked.budget_tokens is None:
        return {"type": "adaptive", **shown}
    most = request.max_tokens
    if asked.budget_tokens < MIN_BUDGET or (most is not None and asked.budget_tokens >= most):
        raise ValueError(f"anthropic_messages takes a budget_tokens of {MIN_BUDGET} or more, and less than max_tokens")
    return {"type": "enabled", "budget_tokens": asked.budget_tokens, **shown}


def default_max_tokens(thinking: Json | None) -> int:
    match thinking:
        case {"type": "enabled", "budget_tokens": int(budget)}:
            return budget + MAX_TOKENS
        case {"type": "adaptive"}:
            return MAX_TOKENS_THINKING
        case _:
            return MAX_TOKENS


def render_output(request: CompletionRequest) -> Json | None:
    config: Json = {}
    effort = request.reasoning and request.reasoning.effort
    if effort and effort != "none":
        config["effort"] = EFFORTS.get(effort, effort)
    if request.response_format is not None:
        config["format"] = {"type": "json_schema", "schema": request.response_format.schema}
    return config or None


def render_tool(tool: Tool) -> Json:
    rendered: Json = {"name": tool.name}
    if tool.description:
        rendered["description"] = tool.description
    empty: Json = {} if tool.parameters else {"properties": {}}
    rendered["input_schema"] = {"type": "object", **empty, **tool.parameters}
    if tool.strict is not None:
        rendered["strict"] = tool.strict
    return marked(rendered, tool)


def render_tool_choice(request: CompletionRequest) -> Json | None:
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if choice is None and (parallel is None or not request.tools):
        return None
    mode = choice.mode if choice else "auto"
    rendered: Json = {"type": "any" if mode == "required" else mode}
    if choice and choice.name:
        rendered["name"] = choice.name
    if parallel is not None and mode != "none":
        rendered["disable_parallel_tool_use"] = not parallel
    return rendered


def render_metadata(request: CompletionRequest) -> Json | None:
    if request.metadata.keys() - {"user_id"}:
        raise ValueError("anthropic_messages takes no metadata but user_id: leave the rest out")
    user = request.user or request.metadata.get("user_id")
    return {"user_id": user} if user else None


def count_breakpoints(body: Json) -> int:
    holders = [*body.get("tools", ()), body.get("system"), *body["messages"]]
    return sum(breakpoints_in(holder) for holder in holders)


def breakpoints_in(value: Any) -> int:
    match value:
        case {"content": content, **rest}:
            return ("cache_control" in rest) + breakpoints_in(content)
        case {"cache_control": _}:
            return 1
        case [*blocks]:
            return sum(breakpoints_in(block) for block in blocks)
        case _:
            return 0
