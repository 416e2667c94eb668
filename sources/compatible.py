"""Servers that speak chat completions, one row each; any other by its address."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from msgspec.structs import replace as with_fields

from ..streams.codec import Json
from ..streams.parts import ReasoningPart, ToolCall
from ..streams.request import CompletionRequest
from ..streams.tokens import RateLimits
from .address import checked_base_url, given_or
from .auth import Authorize, Known, bearer, fingerprint, from_environment
from .continuations.passage import Way
from .continuations.ways import ANY_MODEL, CLAUDE, DEEPSEEK, MISTRAL
from .dialect import Dialect
from .dialects.ollama_chat import OLLAMA_CHAT
from .dialects.openai_chat import OPENAI_CHAT
from .dialects.openai_chat.render import render as render_chat
from .http import Http, HttpRequest
from .provider import Provider
from .rate_limits import cerebras_rate_limits, openai_rate_limits

__all__ = ["SERVERS", "Quirks", "Server", "compatible"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a server's chat completions differ from OpenAI's.

    Attributes:
        max_tokens_field: What it calls the most tokens to write.
        stream_options: Whether it knows ``stream_options``; without them it reports usage unasked.
        top_k: Whether it takes ``top_k``.
        seed_field: What it calls the seed.
        reasoning: ``effort`` is sent as ``reasoning_effort``, or in a ``reasoning`` object that takes a budget too.
        returns_reasoning: Whether a turn that calls tools must give its reasoning back.
    """

    max_tokens_field: str = "max_completion_tokens"
    stream_options: bool = True
    top_k: bool = False
    seed_field: str = "seed"
    reasoning: Literal["effort", "object"] = "effort"
    returns_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """One row: ``name`` is OpenTelemetry's ``gen_ai.provider.name`` where it has one.

    ``variables`` may hold the key; a server with ``needs_key=False`` is asked without one when none is set.
    ``address_variable`` may hold the address, or as much of one as differs from ``base_url``.
    """

    name: str
    base_url: str
    variables: tuple[str, ...] = ()
    quirks: Quirks = Quirks()
    needs_key: bool = True
    address_variable: str | None = None
    dialect: Dialect | None = None
    path: str = "chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    rate_limits: Callable[[Mapping[str, str]], RateLimits | None] = openai_rate_limits
    continuations: tuple[Way, ...] = ANY_MODEL


OLD: Final = Quirks(max_tokens_field="max_tokens")
LOCAL: Final = Quirks(max_tokens_field="max_tokens", top_k=True)

SERVERS: Final[Mapping[str, Server]] = {
    # https://console.groq.com/docs/openai
    "groq": Server("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    # https://api-docs.deepseek.com/guides/thinking_mode
    "deepseek": Server(
        "deepseek",
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        replace(OLD, returns_reasoning=True),
        continuations=DEEPSEEK,
    ),
    # https://docs.mistral.ai/api/endpoint/chat : fields it does not know are refused
    "mistral": Server(
        "mistral_ai",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        replace(OLD, stream_options=False, seed_field="random_seed"),
        continuations=MISTRAL,
    ),
    # https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
    "openrouter": Server(
        "openrouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        replace(OLD, top_k=True, reasoning="object"),
        continuations=CLAUDE,
    ),
    # https://docs.together.ai/reference/chat-completions
    "together": Server("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), replace(OLD, top_k=True)),
    # https://docs.fireworks.ai/api-reference/post-chatcompletions
    "fireworks": Server(
        "fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), replace(OLD, top_k=True)
    ),
    # https://inference-docs.cerebras.ai/api-reference/chat-completions
    "cerebras": Server(
        "cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), rate_limits=cerebras_rate_limits
    ),
    # https://docs.ollama.com/api/chat : its own format; for the compatible one give the address, with /v1
    "ollama": Server(
        "ollama",
        "http://127.0.0.1:11434",
        ("OLLAMA_API_KEY",),
        needs_key=False,
        address_variable="OLLAMA_HOST",
        dialect=OLLAMA_CHAT,
        path="api/chat",
        headers={"accept": "application/x-ndjson"},
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    "vllm": Server("vllm", "http://127.0.0.1:8000/v1", ("VLLM_API_KEY",), LOCAL, needs_key=False),
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    "llamacpp": Server("llamacpp", "http://127.0.0.1:8080/v1", ("LLAMA_API_KEY",), LOCAL, needs_key=False),
    # https://lmstudio.ai/docs/developer/openai-compat
    "lmstudio": Server("lmstudio", "http://127.0.0.1:1234/v1", ("LM_API_TOKEN",), LOCAL, needs_key=False),
}


def compatible(
    server: str | Server,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """A server that speaks OpenAI's chat completions.

    Args:
        server: One of :data:`SERVERS`, the address of another (with its ``/v1``), or a row of your own.
        api_key: By default the row's environment variable; a server by its address is sent a key only when given.
        base_url: Where the server is, when not at its usual address; by default, for Ollama, ``OLLAMA_HOST``.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> compatible("groq", api_key="example").name
        'groq'
        >>> compatible("http://127.0.0.1:9000/v1").name
        'openai_compatible'

    Raises:
        MissingCredential: When the server needs a key, and there is none.
        ValueError: When there is no such server, or the key or the address cannot be used.
    """
    row = row_for(server)
    address = checked_base_url(given_or(base_url, address_of_environment(row), row.base_url), allow_http=allow_http)
    dialect = row.dialect or replace(OPENAI_CHAT, render=partial(render, row.quirks), rate_limits=row.rate_limits)
    return Provider(
        name=row.name,
        dialect=dialect,
        endpoint=lambda _: f"{address}/{row.path}",
        authorize=authorization(row, api_key, address),
        http=http or Http(),
        headers=row.headers,
        continuations=row.continuations,
    )


def row_for(server: str | Server) -> Server:
    if isinstance(server, Server):
        return server
    if "://" in server:
        return Server("openai_compatible", server, quirks=OLD, needs_key=False)
    if server not in SERVERS:
        raise ValueError(f"no server is called {server!r}: give one of {', '.join(SERVERS)}, or an address")
    return SERVERS[server]


def address_of_environment(row: Server) -> str:
    """The address in the row's variable, with what it leaves out; a server that listens everywhere listens here too.

    As Ollama's own clients read it: https://docs.ollama.com/faq#how-do-i-configure-ollama-server
    """
    told = os.environ.get(row.address_variable or "", "").strip()
    if not told:
        return ""
    if "://" in told:
        return told
    usual = urlsplit(row.base_url)
    parts = urlsplit(f"//{told}")
    host = parts.hostname or usual.hostname or ""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{usual.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port or usual.port}{parts.path}"


def authorization(row: Server, api_key: str | None, address: str) -> Authorize:
    if row.needs_key or api_key or any(os.environ.get(name, "").strip() for name in row.variables):
        return bearer(from_environment(api_key, *row.variables, provider=row.name))
    return Known(unsigned, fingerprint(address))


async def unsigned(request: HttpRequest) -> HttpRequest:
    """For servers that ask for no key."""
    return request


def render(quirks: Quirks, request: CompletionRequest) -> Json:
    """The request as this server wants it.

    Raises:
        ValueError: For what chat completions cannot say, less what the server takes beside them.
    """
    reasoning = request.reasoning
    plain = with_fields(request, top_k=None) if quirks.top_k else request
    if quirks.reasoning == "object":
        plain = with_fields(plain, reasoning=None)
    body = render_chat(plain, max_tokens_field=quirks.max_tokens_field)
    if quirks.top_k and request.top_k is not None:
        body["top_k"] = request.top_k
    if quirks.reasoning == "object" and reasoning is not None:
        asked: dict[str, Any] = {"effort": reasoning.effort, "max_tokens": reasoning.budget_tokens}
        body["reasoning"] = {name: value for name, value in asked.items() if value is not None} or {"enabled": True}
    if quirks.seed_field != "seed" and "seed" in body:
        body[quirks.seed_field] = body.pop("seed")
    if not quirks.stream_options:
        del body["stream_options"]
    if quirks.returns_reasoning:
        give_back_reasoning(request, body["messages"])
    return body


def give_back_reasoning(request: CompletionRequest, turns: list[Json]) -> None:
    """Put the reasoning of each turn that calls tools beside its calls."""
    thoughts = [
        "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
        for message in request.turns
        if message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts)
    ]
    callers = [turn for turn in turns if turn.get("tool_calls")]
    for turn, thought in zip(callers, thoughts, strict=True):
        if thought:
            turn["reasoning_content"] = thought
