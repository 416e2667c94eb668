"""Every provider, pointed at the emulator with a key that it accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenrill import CompletionRequest
from tokenrill.sources.anthropic import anthropic
from tokenrill.sources.azure import azure
from tokenrill.sources.bedrock import bedrock
from tokenrill.sources.compatible import compatible
from tokenrill.sources.gemini import gemini
from tokenrill.sources.openai import openai
from tokenrill.sources.provider import Provider
from tokenrill.sources.vertex import vertex
from tokenrill.sources.xai import xai

__all__ = ["KEY", "PROVIDERS", "Asked"]

KEY = "sk-canary-0123456789"
REGION = "eu-west-1"
VERSION = "2024-10-21"


@dataclass(frozen=True)
class Asked:
    """A provider made for an emulator at an address, and the model that it is asked for."""

    at: Callable[[str], Provider]
    model: str = "m-1"

    @property
    def request(self) -> CompletionRequest:
        return CompletionRequest(model=self.model, messages="Count, and call two tools.", max_tokens=99)


async def token() -> str:
    return KEY


def google(url: str, model: str) -> Provider:
    return vertex(model, project="p-1", location="europe-west1", credentials=token, base_url=url)


PROVIDERS: Mapping[str, Asked] = {
    "OpenAI, chat": Asked(lambda url: openai(api_key=KEY, base_url=f"{url}/v1")),
    "OpenAI, Responses": Asked(lambda url: openai(api="responses", api_key=KEY, base_url=f"{url}/v1")),
    "Azure, deployment": Asked(lambda url: azure(endpoint=url, api_key=KEY, api_version=VERSION)),
    "Azure, v1": Asked(lambda url: azure(endpoint=url, token=token, api_version="v1")),
    "Azure, Responses": Asked(lambda url: azure(endpoint=url, api_key=KEY, api="responses", api_version="v1")),
    "xAI": Asked(lambda url: xai(api_key=KEY, base_url=f"{url}/v1")),
    "Anthropic": Asked(lambda url: anthropic(api_key=KEY, base_url=url)),
    "Vertex AI, Claude": Asked(lambda url: google(url, "claude-1"), "claude-1"),
    "Vertex AI, Gemini": Asked(lambda url: google(url, "gemini-1"), "gemini-1"),
    "Gemini": Asked(lambda url: gemini(api_key=KEY, base_url=url)),
    "Gemini, JSON array": Asked(lambda url: gemini(api_key=KEY, base_url=url, sse=False)),
    "Gemini, Interactions": Asked(lambda url: gemini(api_key=KEY, base_url=url, api="interactions")),
    "Bedrock, Converse": Asked(
        lambda url: bedrock(region=REGION, credentials=("AKIDCANARY", KEY), endpoint_url=url), "amazon.nova-1:0"
    ),
    "Bedrock, Claude": Asked(
        lambda url: bedrock(api="invoke", region=REGION, api_key=KEY, endpoint_url=url), "eu.anthropic.claude-1:0"
    ),
    "Ollama": Asked(lambda url: compatible("ollama", api_key=KEY, base_url=url)),
}
