"""Tokens of Google's cloud. The only place that uses google-auth (extra ``vertex``), and only in threads."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

from ..streams.codec import Json
from ..streams.errors import AuthenticationError, ConnectError, MissingCredential, StreamError
from .auth import Authorize, Secret
from .http import Headers, HttpRequest
from .shape import object_of
from .single_flight import SingleFlight

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["GoogleToken", "TokenCallback", "google_bearer"]

PAUSE: Final = 10.0  # seconds after a failure in the background
CLOUD_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"
TokenCallback: TypeAlias = Callable[[], Awaitable[str]]
"""Gives a token that is good now; it keeps its own until it expires."""


class Refreshable(Protocol):
    """What we use of google-auth's credentials."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: Any) -> None: ...


class GoogleToken:
    """An OAuth token, kept good: however many ask, it is fetched once, in a thread.

    Where it comes from: your own google-auth ``credentials``, a service account's key (its file or what is in it),
    or what the machine has (`application default credentials
    <https://cloud.google.com/docs/authentication/application-default-credentials>`_: the file that
    ``GOOGLE_APPLICATION_CREDENTIALS`` names, ``gcloud``'s, workload identity, the metadata service).

    It is fetched anew ahead of need, in the background, while the old one still serves. It may be shared by several
    event loops; nothing is read or asked before the first use. Its repr shows nothing of it.

    Args:
        credentials: Your own; google-auth's classes are accepted as they are.
        service_account: A service account's key: a path, or the parsed JSON.
        impersonate: The e-mail address of a service account to act as.
        scopes: What the token is for.
        early: Seconds before its end to fetch the next one; up to a tenth more or less, so that many processes
            do not ask at once.
        late: Seconds before its end from which it is not used any more.
        iam_endpoint: Where impersonation asks, for tests and private endpoints.

    Example::

        token = GoogleToken(service_account="key.json")
        await token.warm_up()   # at start, so that the first request need not wait for it
        provider = vertex(project="my-project", credentials=token)
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        service_account: str | PathLike[str] | Mapping[str, Any] | None = None,
        impersonate: str | None = None,
        scopes: Sequence[str] = (CLOUD_PLATFORM,),
        early: float = 300.0,
        late: float = 30.0,
        iam_endpoint: str | None = None,
    ) -> None:
        if credentials is not None and service_account is not None:
            raise ValueError("give credentials or service_account, not both")
        if not 0 <= late < early:
            raise ValueError("early and late are seconds, and early is more than late")
        self._given = credentials
        self._service_account = service_account
        self._impersonate = impersonate
        self._scopes = tuple(scopes)
        self._iam_endpoint = iam_endpoint
        self._early = early * random.uniform(0.9, 1.1)
        self._late = late
        self._credentials: Refreshable | None = None
        self._flight = SingleFlight(self._fetch, "google-token")
        self._not_before = 0.0
        self.project: str | None = None
        self.quota_project: str | None = None

    def __repr__(self) -> str:
        return "GoogleToken()"

    async def get(self) -> str:
        """The token.

        Raises:
            ImportError: When google-auth is not installed; the message names the extra.
            MissingCredential: When there are no credentials.
            AuthenticationError: When Google refuses them.
            ConnectError: When Google's token endpoint cannot be reached.
        """
        left = self._left()
        if left <= self._late:
            await self._wait()
        elif left <= self._early and time.monotonic() >= self._not_before:
            self._flight.start()
        credentials = self._credentials
        if credentials is None or not credentials.token:
            raise AuthenticationError("Google gave no token")
        return credentials.token

    async def warm_up(self) -> None:
        """See that the token will serve for a while: wait for the next one, where that is due.

        Raises:
            MissingCredential, AuthenticationError, ConnectError: As :meth:`get` does.
        """
        if self._left() <= self._early:
            await self._wait()

    async def _wait(self) -> None:
        try:
            await self._flight.result()
        except (StreamError, MissingCredential, ImportError) as error:
            raise copy(error) from None  # each caller's own: a call writes on its error

    def _left(self) -> float:
        """Seconds for which the token is good."""
        credentials = self._credentials
        if credentials is None or not credentials.token:
            return 0.0
        if credentials.expiry is None:
            return float("inf")
        expiry = credentials.expiry
        return (expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)).timestamp() - time.time()

    def _fetch(self) -> None:
        """Get the next token; this blocks."""
        if self._left() > self._early:
            return  # whoever asked before was quicker
        try:
            self._refresh()
        except BaseException:
            # Whoever waited has the error; in the background another try follows, though not at once.
            self._not_before = time.monotonic() + PAUSE
            raise

    def _refresh(self) -> None:
        try:
            import google.auth.exceptions
            from google.auth.transport.requests import Request
        except ImportError:
            raise ImportError("Vertex AI needs google-auth: pip install 'tokenrill[vertex]'") from None
        try:
            if self._credentials is None:
                self._credentials = self._load()
            self._credentials.refresh(Request())
        except google.auth.exceptions.DefaultCredentialsError:
            if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
                raise MissingCredential(
                    "no credentials for Google Cloud: the file that GOOGLE_APPLICATION_CREDENTIALS names is not there, "
                    "or holds none that can be used"
                ) from None
            raise MissingCredential(
                "no credentials for Google Cloud: run `gcloud auth application-default login`, set "
                "GOOGLE_APPLICATION_CREDENTIALS, or pass credentials="
            ) from None
        except google.auth.exceptions.TransportError as error:
            raise ConnectError(f"Google's token endpoint: {type(error).__name__}") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise refusal_of(error) from None

    def _load(self) -> Refreshable:
        import google.auth
        from google.oauth2.service_account import Credentials as ServiceAccount

        found: Any = self._given
        source = self._service_account
        if source is None and found is None:
            found, self.project = cast(Any, google.auth).default(scopes=self._scopes)
        elif source is not None:
            kind: Any = ServiceAccount
            load = kind.from_service_account_info if isinstance(source, Mapping) else kind.from_service_account_file
            found = load(source if isinstance(source, Mapping) else fspath(source), scopes=self._scopes)
        elif getattr(found, "requires_scopes", False):
            found = found.with_scopes(self._scopes)
        self.project = self.project or getattr(found, "project_id", None)
        self.quota_project = getattr(found, "quota_project_id", None)
        return self._acting(found) if self._impersonate else found

    def _acting(self, source: Any) -> Refreshable:
        from google.auth import impersonated_credentials

        kind: Any = impersonated_credentials.Credentials
        return kind(
            source_credentials=source,
            target_principal=self._impersonate,
            target_scopes=list(self._scopes),
            iam_endpoint_override=self._iam_endpoint,
        )


def refusal_of(error: Any) -> StreamError:
    """google-auth's errors quote the endpoint's whole answer; its ``error`` and description are enough."""
    args: tuple[Any, ...] = error.args
    details = [object_of(one) for one in args if isinstance(one, dict)]
    found: Json = details[0] if details else {}
    word = found.get("error_description") or found.get("error") or type(error).__name__
    retryable = bool(getattr(error, "retryable", False))
    return AuthenticationError(f"Google refused the credentials: {str(word)[:200]}", retryable=retryable)


def google_bearer(token: GoogleToken | TokenCallback, quota_project: str | None = None) -> Authorize:
    """Send the token, and the project that is charged where it is another one."""
    get = token.get if isinstance(token, GoogleToken) else token

    async def authorize(request: HttpRequest) -> HttpRequest:
        secret = Secret(await get(), "Google token")
        headers = {**request.headers, "authorization": f"Bearer {secret.reveal()}"}
        charged = quota_project or (token.quota_project if isinstance(token, GoogleToken) else None)
        if charged:
            headers["x-goog-user-project"] = charged
        return replace(request, headers=Headers(headers))

    return authorize
