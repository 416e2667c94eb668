"""OpenAI. https://platform.openai.com/docs/api-reference/chat"""

from __future__ import annotations

import os

from .address import checked_base_url, checked_header
from .auth import bearer, from_environment
from .dialects.openai_chat import OPENAI_CHAT
from .http import Http
from .provider import Provider

__all__ = ["openai"]


def openai(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    organization: str | None = None,
    project: str | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """OpenAI's chat completions, or any server that speaks them.

    Args:
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
        ValueError: When the key or the address cannot be used.
    """
    address = checked_base_url(
        base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1", allow_http=allow_http
    )
    given = {"openai-organization": organization, "openai-project": project}
    return Provider(
        name="openai",
        dialect=OPENAI_CHAT,
        endpoint=lambda _: f"{address}/chat/completions",
        authorize=bearer(from_environment(api_key, "OPENAI_API_KEY", provider="OpenAI")),
        http=http or Http(),
        headers={name: checked_header(name, value) for name, value in given.items() if value},
    )
