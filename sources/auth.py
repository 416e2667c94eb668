"""Ways to sign: each takes a request and returns it with its credentials on."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn, TypeAlias

from ..streams.errors import MissingCredential
from .address import checked_value
from .http import Headers, HttpRequest

__all__ = ["Authorize", "Secret", "bearer", "from_environment", "header"]

Authorize: TypeAlias = Callable[[HttpRequest], Awaitable[HttpRequest]]


class Secret:
    """A text that shows itself to nobody: not in a repr, not in a log, not in a pickle.

    >>> key = Secret("sk-canary")
    >>> print(key, repr(key), f"{key}", vars(key) if hasattr(key, "__dict__") else "no __dict__")
    *** Secret(***) *** no __dict__
    """

    __slots__ = ("__value",)

    def __init__(self, value: str, name: str = "key") -> None:
        if not value.strip():
            raise ValueError(f"the {name} is empty")
        self.__value = checked_value(name, value.strip())

    def reveal(self) -> str:
        """The text itself, for the header it goes into."""
        return self.__value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: give each process its own key")


def from_environment(given: str | None, *variables: str, provider: str) -> Secret:
    """The key that was given, else the first of these environment variables that is set.

    Raises:
        MissingCredential: When there is none; the message names the variable to set.
    """
    for value in (given, *(os.environ.get(name) for name in variables)):
        if value and value.strip():
            return Secret(value, f"{provider} key")
    names = " or ".join(variables)
    raise MissingCredential(f"no key for {provider}: set the environment variable {names}, or pass api_key=")


def header(name: str, value: Secret, *, prefix: str = "") -> Authorize:
    """Send the secret in one header."""

    async def authorize(request: HttpRequest) -> HttpRequest:
        return replace(request, headers=Headers({**request.headers, name: prefix + value.reveal()}))

    return authorize


def bearer(token: Secret) -> Authorize:
    """Send ``Authorization: Bearer …`` (RFC 6750)."""
    return header("authorization", token, prefix="Bearer ")
