"""Providers by name: for programs that choose one by a word in their configuration.

A *specification* says which, and optionally where and what: ``openai``, ``openai:gpt-4o``,
``bedrock:eu-west-1/anthropic.claude-sonnet-4-5``, ``vertex:my-project/europe-west1/gemini-3-flash``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..streams.types import Source
from .built_in import BUILT_IN
from .registration import Registration

__all__ = ["BUILT_IN", "ProviderRegistry", "Registration", "Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a specification chose: a provider's row, the options in it, and the model."""

    registration: Registration
    model: str | None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def make(self, **options: Any) -> Source:
        """The provider; ``options`` win over what the specification says."""
        return self.registration.make(**{"model": self.model, **self.options, **options})


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
