"""Providers by name: for programs that choose one by a word in their configuration.

A *specification* says which, and optionally where and what: ``openai``, ``openai:gpt-4o``,
``bedrock:eu-west-1/anthropic.claude-sonnet-4-5``, ``vertex:my-project/europe-west1/gemini-3-flash``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Final

from ..streams.types import Source
from .compatible import SERVERS, compatible

__all__ = ["BUILT_IN", "ProviderRegistry", "Registration", "Selection"]

Factory = Callable[..., Source]


@dataclass(frozen=True, slots=True)
class Registration:
    """One row: how a provider is made, and what it needs to be.

    Attributes:
        name: The word that chooses it.
        title: Its name as people write it.
        factory: Makes it; given as ``module:function`` below this package, it is imported at first use.
        variables: Environment variables, any one of which may hold its key; none for a local server.
        model: What to ask when nobody says.
        places: The factory's arguments that a specification may fill before the model, such as ``region``.
        address: Where it is, when that is one place.
        extra: The extra of ours that it needs.
    """

    name: str
    title: str
    factory: Factory | str
    variables: tuple[str, ...] = ()
    model: str | None = None
    places: tuple[str, ...] = ()
    address: str | None = None
    extra: str | None = None

    @property
    def has_key(self) -> bool:
        """Whether one of the variables is set, or none is needed."""
        return not self.variables or any(os.environ.get(name, "").strip() for name in self.variables)

    def make(self, **options: Any) -> Source:
        """The provider itself.

        Raises:
            MissingCredential: When there is no key.
            ValueError: When an option cannot be used.
        """
        return loaded(self.factory)(**options)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a specification chose: a provider's row, the options in it, and the model."""

    registration: Registration
    model: str | None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def make(self, **options: Any) -> Source:
        """The provider; ``options`` win over what the specification says."""
        return self.registration.make(**{**self.options, **options})


class ProviderRegistry:
    """Name to factory. It starts with all providers of ours; add your own to one of yours.

    >>> registry = ProviderRegistry()
    >>> registry.select("openai:gpt-4o").model
    'gpt-4o'
    >>> chosen = registry.select("bedrock:eu-west-1/anthropic.claude-sonnet-4-5")
    >>> chosen.options, chosen.model
    ({'region': 'eu-west-1'}, 'anthropic.claude-sonnet-4-5')
    """

    def __init__(self, registrations: Mapping[str, Registration] | None = None) -> None:
        self._registrations = dict(BUILT_IN if registrations is None else registrations)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations.values())

    def __contains__(self, name: object) -> bool:
        return name in self._registrations

    def register(self, registration: Registration) -> None:
        """Add a provider.

        Raises:
            ValueError: When the name is taken, or holds a colon or slash.
        """
        name = registration.name
        if not name or set(name) & set(":/ "):
            raise ValueError(f"a provider's name is one word without ':' and '/', not {name!r}")
        if name in self._registrations:
            raise ValueError(f"there is a provider {name!r} already")
        self._registrations[name] = registration

    def find(self, name: str) -> Registration:
        """The row of this name.

        Raises:
            LookupError: When there is none; the message lists those there are.
        """
        if name not in self._registrations:
            raise LookupError(f"no provider is called {name!r}; there are {', '.join(sorted(self._registrations))}")
        return self._registrations[name]

    def select(self, specification: str) -> Selection:
        """Read a specification: ``NAME``, ``NAME:MODEL``, or ``NAME:PLACE/MODEL`` for providers with a place.

        Raises:
            LookupError: For an unknown name.
        """
        name, _, rest = specification.partition(":")
        registration = self.find(name)
        # Model ids have slashes of their own, so places count only when all of them are there.
        pieces = rest.split("/", len(registration.places))
        if registration.places and len(pieces) > len(registration.places) and not rest.startswith("arn:"):
            *given, model = pieces
            return Selection(
                registration, model or registration.model, dict(zip(registration.places, given, strict=True))
            )
        return Selection(registration, rest or registration.model)

    def create(self, specification: str, **options: Any) -> Source:
        """The provider that a specification names, ready to be asked.

        Raises:
            LookupError: For an unknown name, or when no key is there (:class:`.MissingCredential`).
            ValueError: When an option cannot be used.
        """
        return self.select(specification).make(**options)


def loaded(factory: Factory | str) -> Factory:
    if not isinstance(factory, str):
        return factory
    module, _, function = factory.partition(":")
    return getattr(import_module(f".{module}", __package__), function)


def row(name: str, title: str, *variables: str, **fields: Any) -> Registration:
    fields.setdefault("factory", f"{name}:{name}")
    return Registration(name, title, variables=variables, **fields)


OWN: Final = (
    row("openai", "OpenAI", "OPENAI_API_KEY", model="gpt-4o-mini", address="https://api.openai.com/v1"),
    row("anthropic", "Anthropic", "ANTHROPIC_API_KEY", model="claude-haiku-4-5", address="https://api.anthropic.com"),
    row(
        "gemini",
        "Google Gemini",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        model="gemini-2.5-flash",
        address="https://generativelanguage.googleapis.com",
    ),
    row("xai", "xAI", "XAI_API_KEY", model="grok-4", address="https://api.x.ai/v1"),
    row(
        "bedrock",
        "AWS Bedrock",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        places=("region",),
        extra="bedrock",
    ),
    row(
        "vertex",
        "Google Vertex AI",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        places=("project", "location"),
        extra="vertex",
    ),
    row("azure", "Azure OpenAI", "AZURE_OPENAI_API_KEY"),
)
SERVED: Final = tuple(
    Registration(
        name,
        name,
        partial(compatible, name),
        variables=server.variables if server.needs_key else (),
        address=server.base_url,
    )
    for name, server in SERVERS.items()
)
BUILT_IN: Final[Mapping[str, Registration]] = {registration.name: registration for registration in (*OWN, *SERVED)}
