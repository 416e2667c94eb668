"""Gemini, from Google AI Studio. https://ai.google.dev/api"""

from __future__ import annotations

import os
from typing import Final, Literal

from ..streams.request import CompletionRequest
from .address import checked_base_url, given_or, path_segment
from .auth import from_environment, header
from .continuations.ways import ANY_MODEL, INTERACTIONS
from .dialects.gemini import GEMINI
from .dialects.gemini_interactions import GEMINI_INTERACTIONS
from .http import Http
from .provider import Endpoint, Provider

__all__ = ["gemini"]

HOST: Final = "https://generativelanguage.googleapis.com"
APIS: Final = ("generate_content", "interactions")


def gemini(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    api: Literal["generate_content", "interactions"] = "generate_content",
    sse: bool = True,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """Google's Gemini API, or any server that speaks it.

    Args:
        api_key: By default the environment variable ``GEMINI_API_KEY``, else ``GOOGLE_API_KEY``.
        base_url: By default ``GOOGLE_GEMINI_BASE_URL``, else ``https://generativelanguage.googleapis.com``; without
            the version, which is ``v1beta`` where it names none.
        api: ``generate_content``, or ``interactions``.
        sse: Ask for server-sent events; without them generateContent streams one JSON array.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> gemini(api_key="example", base_url="http://127.0.0.1:8080").name
        'gcp.gemini'

    Raises:
        MissingCredential: When there is no key.
        ValueError: When the key, the address or the api cannot be used.
    """
    if api not in APIS:
        raise ValueError(f"api is {' or '.join(APIS)}, not {api!r}")
    address = checked_base_url(
        given_or(base_url, os.environ.get("GOOGLE_GEMINI_BASE_URL"), HOST), allow_http=allow_http
    )
    versioned = address if address.rpartition("/")[2] in ("v1", "v1alpha", "v1beta") else f"{address}/v1beta"
    return Provider(
        name="gcp.gemini",
        dialect=GEMINI if api == "generate_content" else GEMINI_INTERACTIONS,
        endpoint=generating(versioned, sse=sse) if api == "generate_content" else lambda _: f"{versioned}/interactions",
        authorize=header(
            "x-goog-api-key", from_environment(api_key, "GEMINI_API_KEY", "GOOGLE_API_KEY", provider="Gemini")
        ),
        http=http or Http(),
        headers={} if sse or api != "generate_content" else {"accept": "application/json"},
        continuations=INTERACTIONS if api == "interactions" else ANY_MODEL,
    )


def generating(address: str, *, sse: bool) -> Endpoint:
    query = "?alt=sse" if sse else ""

    def endpoint(request: CompletionRequest) -> str:
        # Tuned models are named tunedModels/…; the kind is part of the path, the name must not add to it.
        kind, slash, name = request.model.partition("/")
        if not slash or kind not in ("models", "tunedModels"):
            kind, name = "models", request.model
        return f"{address}/{kind}/{path_segment(name)}:streamGenerateContent{query}"

    return endpoint
