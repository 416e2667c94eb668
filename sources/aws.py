"""AWS credentials, and requests signed with them: the only place that knows botocore.

botocore is imported at the first signature that needs its chain of credentials (environment, profile, SSO, web
identity, process, container, instance metadata), in a thread, as all that may block is. API keys and keys that are
given need no botocore.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias, cast

from ..streams.errors import AuthenticationError, ConnectError, MissingCredential, StreamError
from .auth import Authorize, Secret
from .http import HttpRequest
from .sigv4 import AwsKeys, sign
from .single_flight import SingleFlight

__all__ = ["CredentialChain", "KeySource", "botocore_chain", "fixed", "sigv4"]

KeySource: TypeAlias = Callable[[], Awaitable[AwsKeys]]
# botocore renews from 15 minutes before the end if it can, and from 10 minutes before it whatever it costs.
RENEW_AHEAD: Final = 15 * 60
# Keys that have less than this left are not signed with.
TOO_LATE: Final = 60
RENEW_PAUSE: Final = 30.0
LARGE_BODY: Final = 256 << 10
HOW: Final = (
    "set AWS_BEARER_TOKEN_BEDROCK to an API key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, log in with "
    "`aws sso login`, or pass api_key=, credentials= or profile="
)


class Frozen(Protocol):
    """What botocore calls frozen credentials."""

    access_key: str
    secret_key: str
    token: str | None


class Credentials(Protocol):
    """What botocore calls credentials; those that expire also have ``refresh_needed(seconds)``."""

    def get_frozen_credentials(self) -> Frozen: ...


class CredentialChain:
    """botocore's chain of credentials, off the event loop.

    One look-up serves all who wait. Keys that expire are renewed in the background, a quarter of an hour ahead:
    those who ask meanwhile get the keys that are still good, at once.

    Args:
        find: Finds the credentials, blocking; None when there are none. By default botocore's own chain.
        clock: Seconds, for the pause between attempts to renew.
    """

    def __init__(self, find: Callable[[], Credentials | None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._clock = clock
        self._found: Credentials | None = None
        self._keys: AwsKeys | None = None
        self._pause_until = float("-inf")
        self._flight = SingleFlight(self._look, "aws-credentials")

    async def __call__(self) -> AwsKeys:
        """The keys to sign with now.

        Raises:
            MissingCredential: When there are none.
            AuthenticationError: When they cannot be had, such as a login that has run out.
            ConnectError: When the service that gives them cannot be reached.
        """
        keys = self._keys
        if keys is None or self._has_less_than(TOO_LATE):
            return await self._flight.result()
        if self._has_less_than(RENEW_AHEAD) and self._clock() >= self._pause_until:
            self._pause_until = self._clock() + RENEW_PAUSE
            self._flight.start()
        return keys

    def _has_less_than(self, seconds: int) -> bool:
        needed: Callable[[int], bool] | None = getattr(self._found, "refresh_needed", None)
        return needed is not None and needed(seconds)

    def _look(self) -> AwsKeys:
        """Find or renew; this blocks."""
        try:
            found = self._found or self._find()
            if found is None:
                raise MissingCredential(f"no AWS credentials: {HOW}")
            frozen = found.get_frozen_credentials()
            keys = AwsKeys(
                frozen.access_key,
                Secret(frozen.secret_key, "AWS secret key"),
                Secret(frozen.token, "AWS session token") if frozen.token else None,
            )
        except (MissingCredential, ImportError):
            raise
        except Exception as error:
            raise presentable(error) from None
        self._found, self._keys = found, keys
        return keys


def botocore_chain(profile: str | None = None) -> CredentialChain:
    """The chain as the AWS command line has it, for this profile."""

    def find() -> Credentials | None:
        try:
            from botocore.session import Session  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            raise ImportError(
                "AWS credentials need botocore: pip install 'tokenrill[bedrock]', or use an API key"
            ) from None
        session = cast(Any, Session(profile=profile))
        return session.get_credentials()

    return CredentialChain(find)


def presentable(error: Exception) -> StreamError:
    """botocore's error as one of ours. What a ``credential_process`` wrote is not quoted: it may hold a key."""
    name = type(error).__name__
    said = "" if name == "CredentialRetrievalError" else f": {error}"
    message = f"AWS credentials could not be had ({name}{said}); {HOW}"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"HTTPClientError", "ConnectionError", "MetadataRetrievalError"}:
        return ConnectError(message)
    return AuthenticationError(message, kind=name)


def fixed(access_key: str, secret_key: str, token: str | None = None) -> KeySource:
    """Keys that are given."""
    keys = AwsKeys(
        Secret(access_key, "AWS access key").reveal(),
        Secret(secret_key, "AWS secret key"),
        Secret(token, "AWS session token") if token else None,
    )

    async def given() -> AwsKeys:
        return keys

    return given


def sigv4(
    keys: KeySource, region: str, *, service: str = "bedrock", clock: Callable[[], float] = time.time
) -> Authorize:
    """Sign each request, over its exact bytes."""

    async def authorize(request: HttpRequest) -> HttpRequest:
        found = await keys()
        if len(request.body) <= LARGE_BODY:
            return sign(request, found, region=region, service=service, now=clock())
        return await asyncio.to_thread(sign, request, found, region=region, service=service, now=clock())

    return authorize
