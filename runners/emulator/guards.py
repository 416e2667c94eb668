"""Who may ask: each guard looks at a request's credentials, and raises the error to refuse it with."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from typing import Final, TypeAlias
from urllib.parse import parse_qs

from ...sources.sigv4 import verify
from ...streams.errors import AuthenticationError, PermissionDenied
from .received import Received

__all__ = ["ANY_KEY", "Guard", "Keys", "aws_key", "bearer_key", "either", "header_key", "open_door", "query_key"]

Keys: TypeAlias = Collection[str] | None
Guard: TypeAlias = Callable[[Received, Keys], None]
ANY_KEY: Final = "emulator"


def bearer_key(call: Received, keys: Keys) -> None:
    """See that ``Authorization: Bearer`` holds one of the keys, or any key when ``keys`` is None.

    Raises:
        AuthenticationError: When it does not.
    """
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    check_key(key.strip() if scheme.lower() == "bearer" else "", keys)


def header_key(name: str) -> Guard:
    """A guard for providers that want the key alone in a header of their own, such as ``x-api-key``."""
    return lambda call, keys: check_key(call.headers.get(name, "").strip(), keys)


def query_key(name: str) -> Guard:
    """A guard for providers that take the key in the address, such as ``?key=``."""
    return lambda call, keys: check_key(parse_qs(call.query).get(name, [""])[0], keys)


def either(*guards: Guard) -> Guard:
    """A guard that is content when one of these is; else it refuses as the last one does that was given a key."""

    def guard(call: Received, keys: Keys) -> None:
        refused = AuthenticationError(NO_KEY, status=401)
        for one in guards:
            try:
                one(call, keys)
            except AuthenticationError as error:
                refused = refused if str(error) == NO_KEY else error
            else:
                return
        raise refused

    return guard


def aws_key(call: Received, keys: Keys) -> None:
    """See that Amazon's signature over the request was made with one of the keys as the secret key, by default with
    ``emulator``; the access key can be any. Or that the request brings a key as its bearer token.

    Raises:
        AuthenticationError: When it is not signed.
        PermissionDenied: When the signature is wrong, or old.
    """
    if not call.headers.get("authorization", "").startswith("AWS4-"):
        bearer_key(call, keys)
        return
    refused: PermissionDenied | None = None
    for secret in keys or (ANY_KEY,):
        try:
            verify(call.method, call.target, call.headers, call.body, lambda _, secret=secret: secret)
        except PermissionDenied as error:
            refused = error
        else:
            return
    if refused is not None:
        raise refused


def open_door(call: Received, keys: Keys) -> None:
    """Let anybody in, as a server on one's own machine does, unless keys were given."""
    if keys is not None:
        bearer_key(call, keys)


NO_KEY: Final = "You didn't provide an API key."


def check_key(key: str, keys: Keys) -> None:
    if not key:
        raise AuthenticationError(NO_KEY, status=401)
    given = key.encode("utf-8", "surrogateescape")
    if keys is not None and not any([hmac.compare_digest(given, known.encode()) for known in keys]):
        raise AuthenticationError("Incorrect API key provided.", status=401, code="invalid_api_key")
