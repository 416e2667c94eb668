"""OpenAI. https://platform.openai.com/docs/api-reference"""

from __future__ import annotations

import os
from typing import Final, Literal

from .address import checked_base_url, checked_header, given_or
from .auth import bearer, from_environment
from .continuations.kept import RESPONSES
from .continuations.ways import ANY_MODEL
from .dialects.openai_chat import OPENAI_CHAT
from .dialects.openai_responses import OPENAI_RESPONSES
from .http import Http
from .provider import Provider

__all__ = ["openai"]

APIS: Final = {"chat": (OPENAI_CHAT, "chat/completions"), "responses": (OPENAI_RESPONSES, "responses")}


def openai(
    *,
    api: Literal["chat", "responses"] = "chat",
    api_key: str | None = None,
    base_url: str | None = None,
    organization: str | None = None,
    project: str | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """OpenAI's chat completions or its Responses API, or any server that speaks them.

    Args:
        api: ``chat`` for chat completions, ``responses`` for the Responses API.
        api_key: By default the environment variable ``OPENAI_API_KEY``.
        base_url: By default ``OPENAI_BASE_URL``, else ``https://api.openai.com/v1``.
        organization, project: Whom to bill, when the key may act for several.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> openai(api_key="sk-example", base_url="http://127.0.0.1:8080/v1").name
        'openai'

    Raises:
        MissingCredential: When there is no key.
        ValueError: When the key or the address cannot be used, or when there is no such ``api``.
    """
    if api not in APIS:
        raise ValueError(f"api is {' or '.join(APIS)}, not {api!r}")
    dialect, path = APIS[api]
    address = checked_base_url(
        given_or(base_url, os.environ.get("OPENAI_BASE_URL"), "https://api.openai.com/v1"), allow_http=allow_http
    )
    given = {"openai-organization": organization, "openai-project": project}
    return Provider(
        name="openai",
        dialect=dialect,
        endpoint=lambda _: f"{address}/{path}",
        authorize=bearer(from_environment(api_key, "OPENAI_API_KEY", provider="OpenAI")),
        http=http or Http(),
        headers={name: checked_header(name, value) for name, value in given.items() if value},
        continuations=RESPONSES if api == "responses" else ANY_MODEL,
    )
