"""What the emulator answers to: a row for each address. Another dialect is another row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ...sources.dialect import Dialect
from ...sources.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from ...sources.dialects.anthropic_text import ANTHROPIC_TEXT
from ...sources.dialects.azure_chat import AZURE_CHAT, AZURE_RESPONSES
from ...sources.dialects.bedrock_converse import BEDROCK_CONVERSE
from ...sources.dialects.bedrock_invoke import BEDROCK_INVOKE
from ...sources.dialects.gemini import GEMINI, GEMINI_ARRAY
from ...sources.dialects.gemini_interactions import GEMINI_INTERACTIONS
from ...sources.dialects.ollama_chat import OLLAMA_CHAT
from ...sources.dialects.openai_chat import OPENAI_CHAT
from ...sources.dialects.openai_responses import OPENAI_RESPONSES
from .endpoint import Endpoint, always
from .error_frames import (
    AWS_GARBAGE,
    ELEMENT_GARBAGE,
    LINE_GARBAGE,
    aws_exception,
    element_error,
    interaction_error,
    line_error,
    named_sse_error,
    responses_error,
)
from .guards import ANY_KEY, Guard, aws_key, bearer_key, either, header_key, open_door, query_key
from .listings import anthropic_models, gemini_models, ollama_models, openai_models
from .received import Received

__all__ = ["ENDPOINTS", "environment_lines"]

anthropic_key = either(header_key("x-api-key"), bearer_key)
azure_key = either(header_key("api-key"), bearer_key)
google_key = either(header_key("x-goog-api-key"), query_key("key"))
VERTEX_MODELS: Final = "/{version}/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}"


def is_for_anthropic(call: Received) -> bool:
    """Whether a request to an address that several providers have is from a client of Anthropic's."""
    return "anthropic-version" in call.headers


def wants_events(call: Received) -> bool:
    """Whether Gemini is asked for server-sent events, and not for a JSON array."""
    return "alt=sse" in call.query.split("&")


def gemini(path: str, guard: Guard, environment: Mapping[str, str]) -> tuple[Endpoint, Endpoint]:
    """An address at which Gemini answers in both of its framings."""
    events = Endpoint(
        "POST",
        path,
        GEMINI,
        guard,
        fits=wants_events,
        asks_for_stream=always,
        end_mark=False,
        environment=environment,
    )
    array = replace(
        events,
        dialect=GEMINI_ARRAY,
        fits=always,
        error_frame=element_error,
        opening=b"[",
        garbage=ELEMENT_GARBAGE,
    )
    return events, array


def responses(path: str, dialect: Dialect, guard: Guard) -> tuple[Endpoint, Endpoint]:
    """An address at which Responses are made, and those that were asked for in the background are told again."""
    made = Endpoint("POST", path, dialect, guard, error_frame=responses_error, end_mark=False, keeps=True)
    return made, replace(made, method="GET", path=f"{path}/{{response}}")


# xAI speaks the same two dialects at the same two addresses.
OPENAI: Final = (
    Endpoint(
        "POST",
        "/v1/chat/completions",
        OPENAI_CHAT,
        bearer_key,
        environment={"OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": ANY_KEY},
    ),
    *responses("/v1/responses", OPENAI_RESPONSES, bearer_key),
)

AZURE: Final = (
    Endpoint(
        "POST",
        "/openai/deployments/{model}/chat/completions",
        AZURE_CHAT,
        azure_key,
        environment={
            "AZURE_OPENAI_ENDPOINT": "{url}",
            "AZURE_OPENAI_API_KEY": ANY_KEY,
            "OPENAI_API_VERSION": "2024-10-21",
        },
    ),
    Endpoint("POST", "/openai/v1/chat/completions", AZURE_CHAT, azure_key),
    *responses("/openai/v1/responses", AZURE_RESPONSES, azure_key),
    *responses("/openai/responses", AZURE_RESPONSES, azure_key),
)

ANTHROPIC: Final = (
    Endpoint(
        "POST",
        "/v1/messages",
        ANTHROPIC_MESSAGES,
        anthropic_key,
        error_frame=named_sse_error,
        environment={"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": ANY_KEY},
    ),
    Endpoint("POST", "/v1/complete", ANTHROPIC_TEXT, anthropic_key, error_frame=named_sse_error, end_mark=False),
)

GOOGLE: Final = (
    *gemini(
        "/{version}/models/{model}:streamGenerateContent",
        google_key,
        {"GOOGLE_GEMINI_BASE_URL": "{url}", "GEMINI_API_KEY": ANY_KEY},
    ),
    Endpoint(
        "POST",
        "/{version}/interactions",
        GEMINI_INTERACTIONS,
        google_key,
        error_frame=interaction_error,
    ),
    *gemini(f"{VERTEX_MODELS}:streamGenerateContent", bearer_key, {"GOOGLE_VERTEX_BASE_URL": "{url}"}),
    Endpoint(
        "POST",
        f"{VERTEX_MODELS}:streamRawPredict",
        ANTHROPIC_MESSAGES,
        bearer_key,
        error_frame=named_sse_error,
        environment={"ANTHROPIC_VERTEX_BASE_URL": "{url}/v1"},
    ),
)

CONVERSE: Final = Endpoint(
    "POST",
    "/model/{model}/converse-stream",
    BEDROCK_CONVERSE,
    aws_key,
    asks_for_stream=always,
    error_frame=aws_exception,
    garbage=AWS_GARBAGE,
    environment={
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "{url}",
        # boto3 sends an API key over TLS alone, but a signature anywhere.
        "AWS_ACCESS_KEY_ID": ANY_KEY,
        "AWS_SECRET_ACCESS_KEY": ANY_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    },
)
INVOKE: Final = replace(
    CONVERSE, path="/model/{model}/invoke-with-response-stream", dialect=BEDROCK_INVOKE, environment={}
)
BEDROCK: Final = (CONVERSE, INVOKE)

OLLAMA: Final = (
    Endpoint(
        "POST",
        "/api/chat",
        OLLAMA_CHAT,
        open_door,
        # Without the field it streams. https://docs.ollama.com/api/chat
        asks_for_stream=lambda body: body.get("stream") is not False,
        error_frame=line_error,
        garbage=LINE_GARBAGE,
        end_mark=False,
        environment={"OLLAMA_HOST": "{url}"},
    ),
)

LISTS: Final = (
    Endpoint("GET", "/v1/models", ANTHROPIC_MESSAGES, anthropic_key, fits=is_for_anthropic, listing=anthropic_models),
    Endpoint("GET", "/v1/models", OPENAI_CHAT, bearer_key, listing=openai_models),
    Endpoint("GET", "/openai/v1/models", AZURE_CHAT, azure_key, listing=openai_models),
    Endpoint("GET", "/v1beta/models", GEMINI, google_key, listing=gemini_models),
    Endpoint("GET", "/api/tags", OLLAMA_CHAT, open_door, listing=ollama_models),
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *OPENAI,
    *AZURE,
    *ANTHROPIC,
    *GOOGLE,
    *BEDROCK,
    *OLLAMA,
    *LISTS,
)


def environment_lines(url: str, endpoints: Sequence[Endpoint] = ENDPOINTS) -> list[str]:
    """What to tell a shell so that clients find the emulator at ``url``.

    >>> environment_lines("http://127.0.0.1:8080")[:2]
    ['export OPENAI_BASE_URL=http://127.0.0.1:8080/v1', 'export OPENAI_API_KEY=emulator']
    """
    variables = {name: value for endpoint in endpoints for name, value in endpoint.environment.items()}
    return [f"export {name}={value.format(url=url)}" for name, value in variables.items()]
