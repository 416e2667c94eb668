"""The providers that the command line knows: one row each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ...sources.address import checked_base_url
from ...sources.openai import openai
from ...sources.provider import Provider

__all__ = ["PROVIDERS", "ProviderRow"]


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """What the commands need to know of a provider.

    Attributes:
        title: Its name as people write it.
        make: Makes it, from ``base_url`` (None: the usual one); the key comes from the environment.
        model: What to ask when nobody says.
        key_variables: The environment variables that may hold the key.
        address: Where it is.
        address_variable: The environment variable that may say otherwise.
    """

    title: str
    make: Callable[[str | None], Provider]
    model: str
    key_variables: tuple[str, ...]
    address: str
    address_variable: str

    @property
    def has_key(self) -> bool:
        """Whether a key is set."""
        return any(map(self.holds, self.key_variables))

    def holds(self, variable: str) -> bool:
        """Whether this variable is set to something."""
        return bool(os.environ.get(variable, "").strip())

    @property
    def endpoint(self) -> tuple[str, int, bool]:
        """Host, port, and whether it speaks TLS.

        Raises:
            ValueError: When the environment holds an address that is none.
        """
        try:
            parts = urlsplit(checked_base_url(os.environ.get(self.address_variable) or self.address))
            secure = parts.scheme == "https"
            return parts.hostname or "", parts.port or (443 if secure else 80), secure
        except ValueError:
            # Not chained and not quoted: what stands there by mistake may be a key.
            raise ValueError(f"{self.address_variable} holds no address that can be used") from None


PROVIDERS: Final[Mapping[str, ProviderRow]] = {
    "openai": ProviderRow(
        title="OpenAI",
        make=lambda base_url: openai(base_url=base_url),
        model="gpt-4o-mini",
        key_variables=("OPENAI_API_KEY",),
        address="https://api.openai.com/v1",
        address_variable="OPENAI_BASE_URL",
    ),
}
