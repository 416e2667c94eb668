"""Ways to sign: each takes a request and returns it with its credentials on."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NoReturn, TypeAlias, cast

from ..streams.errors import MissingCredential
from .address import checked_value
from .http import Headers, HttpRequest

__all__ = ["Authorize", "Known", "Secret", "bearer", "fingerprint", "from_environment", "header"]

Authorize: TypeAlias = Callable[[HttpRequest], Awaitable[HttpRequest]]


class Secret:
    """A text that shows itself to nobody: not in a repr, not in a log, not in a pickle.

    >>> key = Secret("sk-canary")
    >>> print(key, repr(key), f"{key}", vars(key) if hasattr(key, "__dict__") else "no __dict__")
    *** Secret(***) *** no __dict__
    """

    __slots__ = ("__value",)

    def __init__(self, value: str, name: str = "key") -> None:
        if not isinstance(cast(Any, value), str):
            raise TypeError(f"the {name} is a text, not {type(value).__name__}")
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
        if value and (not isinstance(cast(Any, value), str) or value.strip()):
            return Secret(value, f"{provider} key")
    names = " or ".join(variables)
    raise MissingCredential(f"no key for {provider}: set the environment variable {names}, or pass api_key=")


@dataclass(frozen=True, slots=True)
class Known:
    """A way to sign, and the :func:`fingerprint` of whose quota it draws on."""

    authorize: Authorize = field(repr=False)
    credential: str

    def __call__(self, request: HttpRequest) -> Awaitable[HttpRequest]:
        return self.authorize(request)


def fingerprint(identity: str) -> str:
    """Eight digits that tell one key from another, so that each has its own quota.

    They are 32 bits of a one-way hash, under a name of our own so that they match nobody else's. A key has more than
    a hundred bits: even who knows the digits is left with as many keys to guess as before, and no two of a
    program's keys are likely to share them.

    >>> fingerprint("sk-canary")
    'f2ead718'
    """
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=4, person=b"tokenrill.quota").hexdigest()


def header(name: str, value: Secret, *, prefix: str = "") -> Authorize:
    """Send the secret in one header."""

    async def authorize(request: HttpRequest) -> HttpRequest:
        headers = Headers(request.headers)
        headers[name] = prefix + value.reveal()
        return HttpRequest(request.method, request.url, headers, request.body)

    return Known(authorize, fingerprint(value.reveal()))


def bearer(token: Secret) -> Authorize:
    """Send ``Authorization: Bearer …`` (RFC 6750)."""
    return header("authorization", token, prefix="Bearer ")
