"""The providers that we have, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from ..streams.types import Source
from .compatible import SERVERS, compatible
from .http import Http
from .registration import Registration

__all__ = ["ANY", "BUILT_IN", "OWN"]

# The usual models are small ones that their vendors have not announced the end of (November 2026).
# https://developers.openai.com/api/docs/deprecations https://ai.google.dev/gemini-api/docs/deprecations
# https://platform.claude.com/docs/en/about-claude/model-deprecations https://docs.x.ai/developers/models
OWN: Final = (
    Registration(
        "openai",
        "OpenAI",
        "openai:openai",
        ("OPENAI_API_KEY",),
        model="gpt-6-luna",
        address="https://api.openai.com/v1",
        address_variables=("OPENAI_BASE_URL",),
    ),
    Registration(
        "anthropic",
        "Anthropic",
        "anthropic:anthropic",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        model="claude-haiku-5-5",
        address="https://api.anthropic.com",
        address_variables=("ANTHROPIC_BASE_URL",),
    ),
    Registration(
        "gemini",
        "Google Gemini",
        "gemini:gemini",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        model="gemini-3.8-flash",
        address="https://generativelanguage.googleapis.com",
        address_variables=("GOOGLE_GEMINI_BASE_URL",),
    ),
    Registration("xai", "xAI", "xai:xai", ("XAI_API_KEY",), model="grok-4.3", address="https://api.x.ai/v1"),
    Registration(
        "bedrock",
        "AWS Bedrock",
        "bedrock:bedrock",
        ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        files=("~/.aws/credentials", "~/.aws/config"),
        model="global.anthropic.claude-haiku-4-5-20251001-v1:0",
        places=("region",),
        address_option="endpoint_url",
        address_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"),
        extra="bedrock",
    ),
    Registration(
        "vertex",
        "GCP Vertex AI",
        "vertex:vertex",
        ("GOOGLE_APPLICATION_CREDENTIALS",),
        files=("~/.config/gcloud/application_default_credentials.json",),
        model="gemini-3.8-flash",
        places=("project", "location"),
        extra="vertex",
    ),
    Registration(
        "azure",
        "Azure OpenAI",
        "azure:azure",
        ("AZURE_OPENAI_API_KEY",),
        address_option="endpoint",
        address_variables=("AZURE_OPENAI_ENDPOINT",),
    ),
)
TITLES: Final[Mapping[str, str]] = {
    "groq": "Groq",
    "deepseek": "DeepSeek",
    "mistral": "Mistral",
    "openrouter": "OpenRouter",
    "together": "Together AI",
    "fireworks": "Fireworks AI",
    "cerebras": "Cerebras",
    "ollama": "Ollama",
    "vllm": "vLLM",
    "llamacpp": "llama.cpp",
    "lmstudio": "LM Studio",
}
SERVED: Final = tuple(
    Registration(
        name,
        TITLES.get(name, name),
        partial(compatible, name),
        server.variables if server.needs_key else (),
        address=server.base_url,
        address_variables=(server.address_variable,) if server.address_variable else (),
    )
    for name, server in SERVERS.items()
)


def at_address(
    *, base_url: str | None = None, api_key: str | None = None, http: Http | None = None, allow_http: bool = False
) -> Source:
    """A server that no row knows, by its address."""
    if not base_url:
        raise ValueError("a compatible server has no usual address: give base_url, with its /v1")
    return compatible(base_url, api_key=api_key, http=http, allow_http=allow_http)


ANY: Final = Registration("compatible", "any other server", at_address)
BUILT_IN: Final[Mapping[str, Registration]] = {registration.name: registration for registration in (*OWN, *SERVED, ANY)}
