"""Gemini and Claude on Google's Vertex AI. https://docs.cloud.google.com/vertex-ai/generative-ai/docs"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ..streams.errors import StreamError
from ..streams.request import CompletionRequest
from .address import checked_base_url, checked_header, given_or, path_segment
from .auth import Known, fingerprint
from .continuations.ways import CLAUDE
from .dialects.anthropic_messages import ANTHROPIC_MESSAGES, render_for
from .dialects.gemini import GEMINI, render_vertex
from .gcp import GoogleToken, TokenCallback, google_bearer
from .http import Http
from .provider import Endpoint, Provider
from .refusal import json_body
from .shape import object_of

if TYPE_CHECKING:
    from .gcp import Credentials

__all__ = ["vertex"]

# As the publishers' own clients ask: v1 does not know all of Gemini's fields, such as the ids of calls.
VERSIONS: Final = {"google": "v1beta1", "anthropic": "v1"}
LOCATION: Final = re.compile(r"[a-z]+(-[a-z]+)*[0-9]*")
# Where the location is no prefix of the host. https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
HOSTS: Final = {
    "global": "https://aiplatform.googleapis.com",
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}


def refuse_claude(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """Google says no before Anthropic is asked, and in its own way."""
    error = object_of(json_body(body).get("error"))
    return (GEMINI if "status" in error else ANTHROPIC_MESSAGES).refuse(status, headers, body)


GEMINI_ON_VERTEX: Final = replace(GEMINI, render=render_vertex)
CLAUDE_ON_VERTEX: Final = replace(ANTHROPIC_MESSAGES, render=render_for("vertex"), refuse=refuse_claude)


def vertex(
    model: str = "gemini",
    *,
    project: str | None = None,
    location: str | None = None,
    publisher: Literal["google", "anthropic"] | None = None,
    credentials: Credentials | GoogleToken | TokenCallback | None = None,
    betas: Sequence[str] = (),
    quota_project: str | None = None,
    base_url: str | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """Models on Vertex AI. One provider speaks one publisher's format: ``vertex("claude-…")`` is another than Gemini.

    Args:
        model: A model that will be asked, or the beginning of its name: says the publisher, ``anthropic`` for
            Claude, ``google`` for any other. Each request still names its own.
        project: The project's id; by default ``GOOGLE_CLOUD_PROJECT``.
        location: Such as ``europe-west1``; by default ``GOOGLE_CLOUD_LOCATION``, else ``global``.
        publisher: Says it outright.
        credentials: A :class:`.GoogleToken`, google-auth's credentials, or a function that gives a token. By
            default what the machine has (application default credentials).
        betas: Claude's features to turn on, as for :func:`.anthropic`.
        quota_project: The project that is charged (``x-goog-user-project``); by default the credentials' own.
        base_url: Another server, in place of the location's; without the version.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the token and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> vertex("claude-sonnet-4-5", project="example", location="us-east5").dialect.name
        'anthropic_messages'

    Raises:
        ValueError: When there is no project, or when it, the location, the address or a beta cannot be used.
    """
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise ValueError(
            "no project for Vertex AI: set the environment variable GOOGLE_CLOUD_PROJECT, or pass project="
        )
    place = location or os.environ.get("GOOGLE_CLOUD_LOCATION") or "global"
    if not LOCATION.fullmatch(place):
        raise ValueError("location must be a region such as europe-west1, or global")
    who = publisher or publisher_of(model)
    if who not in VERSIONS:
        raise ValueError(f"publisher is {' or '.join(VERSIONS)}, not {who!r}")
    host = HOSTS.get(place, f"https://{place}-aiplatform.googleapis.com")
    address = checked_base_url(given_or(base_url, host), allow_http=allow_http)
    token = credentials if callable(credentials) or isinstance(credentials, GoogleToken) else GoogleToken(credentials)
    headers = {"anthropic-beta": checked_header("anthropic-beta", ",".join(betas))} if betas else {}
    return Provider(
        name="gcp.vertex_ai",
        dialect=CLAUDE_ON_VERTEX if who == "anthropic" else GEMINI_ON_VERTEX,
        endpoint=predicting(
            f"{address}/{VERSIONS[who]}/projects/{path_segment(project, 'project')}/locations/{place}", who
        ),
        # Google counts for each project and place, whoever the account is.
        authorize=Known(
            google_bearer(token, quota_project and checked_header("x-goog-user-project", quota_project)),
            fingerprint(f"{quota_project or project} {place}"),
        ),
        http=http or Http(),
        headers=headers,
        continuations=CLAUDE,
    )


def publisher_of(model: str) -> str:
    """Who made the model.

    >>> publisher_of("claude-sonnet-4-5@20250929"), publisher_of("gemini-3-pro-preview")
    ('anthropic', 'google')
    """
    return "anthropic" if model.removeprefix("anthropic/").startswith("claude") else "google"


def predicting(parent: str, publisher: str) -> Endpoint:
    verb = "streamRawPredict" if publisher == "anthropic" else "streamGenerateContent?alt=sse"

    def endpoint(request: CompletionRequest) -> str:
        if publisher == "google" and publisher_of(request.model) == "anthropic":
            raise ValueError(
                f"{request.model!r} is Claude's, which speaks another format: make it a vertex({request.model!r})"
            )
        # Versions of Claude are named claude-…@20250929; an @ in a path means nothing else.
        name = path_segment(request.model.removeprefix(f"{publisher}/")).replace("%40", "@")
        return f"{parent}/publishers/{publisher}/models/{name}:{verb}"

    return endpoint
