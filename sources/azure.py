"""Azure OpenAI. https://learn.microsoft.com/azure/foundry/openai/reference"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import quote

from msgspec.structs import replace as with_fields

from ..streams.codec import Json
from ..streams.request import CompletionRequest
from .address import checked_base_url, given_or, path_segment
from .auth import Authorize, Known, Secret, fingerprint, from_environment, header
from .continuations.kept import RESPONSES
from .continuations.ways import ANY_MODEL
from .dialect import Dialect
from .dialects.azure_chat import AZURE_CHAT, AZURE_RESPONSES
from .http import Headers, Http, HttpRequest
from .provider import Endpoint, Provider

__all__ = ["azure"]

Token = Callable[[], Awaitable[str]]
PATHS: Final = {"chat": "chat/completions", "responses": "responses"}


def azure(
    *,
    endpoint: str | None = None,
    deployment: str | None = None,
    api_version: str | None = None,
    api: Literal["chat", "responses"] = "chat",
    api_key: str | None = None,
    token: Token | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """OpenAI's models on Azure, by the v1 path, or by the deployments path when a dated version is given.

    Args:
        endpoint: The resource's address, such as ``https://example.openai.azure.com``; by default
            ``AZURE_OPENAI_ENDPOINT``.
        deployment: The deployment's name; by default each request's ``model``.
        api_version: Such as ``2024-10-21``; by default ``OPENAI_API_VERSION``, else ``v1``, which has no date.
        api: ``chat`` for chat completions, ``responses`` for the Responses API.
        api_key: By default the environment variable ``AZURE_OPENAI_API_KEY``.
        token: In place of a key: asked for a Microsoft Entra token before each request, such as
            ``azure.identity.aio.get_bearer_token_provider(credential, scope)``, which caches.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> azure(endpoint="https://example.openai.azure.com", api_key="example").name
        'azure.ai.openai'

    Raises:
        MissingCredential: When there is neither a key nor a token.
        ValueError: When there is no endpoint, or when it, the deployment or the version cannot be used.
    """
    given = given_or(endpoint, os.environ.get("AZURE_OPENAI_ENDPOINT"))
    if endpoint is None and not given:
        raise ValueError(
            "no address for Azure OpenAI: set the environment variable AZURE_OPENAI_ENDPOINT, or endpoint="
        )
    if api not in PATHS:
        raise ValueError(f"api is {' or '.join(PATHS)}, not {api!r}")
    if api_key and token:
        raise ValueError("give api_key or token, not both")
    resource = checked_base_url(given, allow_http=allow_http, name="endpoint")
    resource = resource.removesuffix("/v1").removesuffix("/openai")
    dialect = AZURE_CHAT if api == "chat" else AZURE_RESPONSES
    return Provider(
        name="azure.ai.openai",
        dialect=dialect if deployment is None else deployed(dialect, deployment),
        endpoint=address(resource, api_version or os.environ.get("OPENAI_API_VERSION") or "v1", api, deployment),
        authorize=Known(entra(token), fingerprint(resource)) if token else key(api_key),
        http=http or Http(),
        continuations=RESPONSES if api == "responses" else ANY_MODEL,
    )


def key(api_key: str | None) -> Authorize:
    return header("api-key", from_environment(api_key, "AZURE_OPENAI_API_KEY", provider="Azure OpenAI"))


def deployed(dialect: Dialect, deployment: str) -> Dialect:
    """The dialect, asking this deployment whatever model is named."""
    path_segment(deployment, "deployment")

    def render(request: CompletionRequest) -> Json:
        return dialect.render(with_fields(request, model=deployment))

    return replace(dialect, render=render)


def address(resource: str, version: str, api: str, deployment: str | None) -> Endpoint:
    if version == "v1":
        return lambda _: f"{resource}/openai/v1/{PATHS[api]}"
    query = f"api-version={quote(version, safe='')}"
    if api == "responses":
        return lambda _: f"{resource}/openai/responses?{query}"

    def of_deployment(request: CompletionRequest) -> str:
        name = path_segment(deployment or request.model, "deployment")
        return f"{resource}/openai/deployments/{name}/chat/completions?{query}"

    return of_deployment


def entra(token: Token) -> Authorize:
    """Ask for a token before each request; whoever gives it keeps it until it expires."""

    async def authorize(request: HttpRequest) -> HttpRequest:
        secret = Secret(await token(), "Azure token")
        return replace(request, headers=Headers({**request.headers, "authorization": f"Bearer {secret.reveal()}"}))

    return authorize
