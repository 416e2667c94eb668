"""The providers that one program has configured, each made once, and how they are doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reactivex import Observable

from ..streams.call import Call
from ..streams.tokens import StreamToken
from ..streams.types import Source
from ..streams.watch import watch
from .health import Health, HealthRecord
from .registry import ProviderRegistry

__all__ = ["Configured", "ProviderManager"]


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider under the name that the configuration gives it, which counts its outcomes. A :class:`.Source`."""

    name: str
    source: Source
    model: str | None
    health: Health = field(default_factory=Health, repr=False)

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The provider's own stream, watched."""
        return self.source.stream(call).pipe(watch(self.health.watcher()))

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self.source.aclose()


class ProviderManager:
    """Configured providers by name, made at first use.

    Args:
        configuration: For each name a specification such as ``"openai:gpt-4o"``, or a table with ``provider`` (the
            specification) and options for its factory. A name that is not there is read as a specification.
        registry: The providers there are; by default all of ours.

    Example:
        >>> manager = ProviderManager({"fast": {"provider": "groq:llama-3.3-70b-versatile", "api_key": "gsk-example"}})
        >>> fast = manager.get("fast")
        >>> fast.model, fast is manager.get("fast"), manager.health("fast").state
        ('llama-3.3-70b-versatile', True, 'unknown')

    Raises:
        LookupError: From :meth:`get`, for an unknown provider or a missing key.
        ValueError: When the configuration cannot be read.
    """

    def __init__(
        self,
        configuration: Mapping[str, str | Mapping[str, Any]] | None = None,
        *,
        registry: ProviderRegistry | None = None,
    ) -> None:
        self.registry = registry or ProviderRegistry()
        self._configuration = {name: table_of(name, given) for name, given in (configuration or {}).items()}
        self._made: dict[str, Configured] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._configuration)

    def get(self, name: str) -> Configured:
        """The provider of this name, ready to be asked."""
        if name not in self._made:
            given = self._configuration.get(name, {"provider": name})
            selection = self.registry.select(given["provider"])
            options = {"model": selection.model, **{key: value for key, value in given.items() if key != "provider"}}
            self._made[name] = Configured(name, selection.make(**options), options["model"])
        return self._made[name]

    def health(self, name: str) -> HealthRecord:
        """How this provider has been doing; ``unknown`` when it has not been asked."""
        made = self._made.get(name)
        return made.health.record() if made else Health().record()

    async def aclose(self) -> None:
        """Close all connections of this loop. The providers can be used again."""
        for made in self._made.values():
            await made.aclose()

    def __repr__(self) -> str:
        return f"ProviderManager({', '.join(self._configuration)})"


def table_of(name: str, given: str | Mapping[str, Any]) -> dict[str, Any]:
    table = {"provider": given} if isinstance(given, str) else dict(given)
    if not isinstance(table.get("provider"), str):
        raise ValueError(f"the configuration of {name!r} needs provider=, such as 'openai:gpt-4o'")
    return table
