"""Anthropic. https://platform.claude.com/docs/en/api/overview"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..streams.errors import MissingCredential
from .address import checked_base_url, checked_header, given_or
from .auth import Authorize, Secret, bearer, header
from .continuations.ways import CLAUDE
from .dialects.anthropic_messages import ANTHROPIC_MESSAGES, render_for
from .http import Http
from .provider import Provider

__all__ = ["anthropic"]

VERSION: Final = "2023-06-01"


def anthropic(
    *,
    api_key: str | None = None,
    auth_token: str | None = None,
    base_url: str | None = None,
    version: str = VERSION,
    betas: Sequence[str] = (),
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """Anthropic's Messages, or any server that speaks them.

    Args:
        api_key: Sent as ``x-api-key``. By default the environment variable ``ANTHROPIC_API_KEY``.
        auth_token: A bearer token in its place, for gateways; by default ``ANTHROPIC_AUTH_TOKEN``, when no key is set.
        base_url: By default ``ANTHROPIC_BASE_URL``, else ``https://api.anthropic.com``.
        version: The API's version. ``2026-10-21`` takes no ``temperature``, ``top_p`` and ``top_k``.
        betas: Features to turn on, such as ``interleaved-thinking-2025-05-14``.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> anthropic(api_key="sk-ant-example", base_url="http://127.0.0.1:8080").name
        'anthropic'

    Raises:
        MissingCredential: When there is no key and no token.
        ValueError: When the key, the address, the version or a beta cannot be used, or key and token are both given.
    """
    address = checked_base_url(
        given_or(base_url, os.environ.get("ANTHROPIC_BASE_URL"), "https://api.anthropic.com"), allow_http=allow_http
    ).removesuffix("/v1")
    headers = {"anthropic-version": checked_header("anthropic-version", version)}
    if betas:
        headers["anthropic-beta"] = checked_header("anthropic-beta", ",".join(betas))
    return Provider(
        name="anthropic",
        dialect=replace(ANTHROPIC_MESSAGES, render=render_for("anthropic", version=version)),
        endpoint=lambda _: f"{address}/v1/messages",
        authorize=authorization(api_key, auth_token),
        http=http or Http(),
        headers=headers,
        continuations=CLAUDE,
    )


def authorization(api_key: str | None, auth_token: str | None) -> Authorize:
    """What is given goes before what is in the environment, and a key before a token."""
    if api_key and auth_token:
        raise ValueError("give api_key or auth_token, not both")
    if not (api_key or auth_token):
        api_key, auth_token = os.environ.get("ANTHROPIC_API_KEY"), os.environ.get("ANTHROPIC_AUTH_TOKEN")
    if api_key and api_key.strip():
        return header("x-api-key", Secret(api_key, "Anthropic key"))
    if auth_token and auth_token.strip():
        return bearer(Secret(auth_token, "Anthropic token"))
    raise MissingCredential("no key for Anthropic: set the environment variable ANTHROPIC_API_KEY, or pass api_key=")
