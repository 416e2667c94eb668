"""One provider's row in a registry: how it is made, and what it needs to be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from ..streams.types import Source

__all__ = ["Factory", "Registration"]

Factory = Callable[..., Source]


@dataclass(frozen=True, slots=True)
class Registration:
    """One row: how a provider is made, and what it needs to be.

    Attributes:
        name: The word that chooses it.
        title: Its name as people write it.
        factory: Makes it; given as ``module:function`` below this package, it is imported at first use.
        variables: Environment variables, any one of which may hold its key; none for a server that needs none.
        files: Files that may hold its credentials in their place.
        model: What to ask when nobody says.
        places: The factory's arguments that a specification may fill before the model, such as ``region``.
        address: Where it is, when that is one place.
        address_option: The factory's argument for another address.
        address_variables: Environment variables that may hold another address.
        extra: The extra of ours that some of its ways to sign in need.
    """

    name: str
    title: str
    factory: Factory | str
    variables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    model: str | None = None
    places: tuple[str, ...] = ()
    address: str | None = None
    address_option: str = "base_url"
    address_variables: tuple[str, ...] = ()
    extra: str | None = None

    @property
    def key_found(self) -> str | None:
        """The variable that is set, or the file that is there; never what it holds."""
        found = next((name for name in self.variables if os.environ.get(name, "").strip()), None)
        return found or next((name for name in self.files if Path(name).expanduser().is_file()), None)

    @property
    def has_key(self) -> bool:
        """Whether a key is found, or none is needed."""
        return not self.variables or self.key_found is not None

    def load(self) -> Factory:
        """The factory itself, imported now if it has not been."""
        if not isinstance(self.factory, str):
            return self.factory
        module, _, function = self.factory.partition(":")
        return getattr(import_module(f".{module}", __package__), function)

    def make(self, model: str | None = None, **options: Any) -> Source:
        """The provider itself; ``model`` is what will be asked, for factories that must know.

        Raises:
            MissingCredential: When there is no key.
            ValueError: When an option cannot be used, or there is none of this name.
        """
        factory = self.load()
        parameters = signature(factory).parameters
        takes_all = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
        if not takes_all and (unknown := sorted(options.keys() - parameters.keys())):
            raise ValueError(f"{self.title} takes {', '.join(parameters) or 'no options'}; not {', '.join(unknown)}")
        if model and "model" in parameters:
            options["model"] = model
        return factory(**options)
