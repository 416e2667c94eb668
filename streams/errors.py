"""Everything that can reach ``on_error``.

* StreamError
  x TransportError               the bytes did not arrive                        retryable
    + ConnectError               nobody answered at that address
      - NameResolutionError      the host has no address
      - TlsError                 the certificate was not accepted                not retryable
    + ConnectionLost             it broke off in the middle
  x StreamStalled                a deadline passed (connect, first_token, idle, total)   retryable
  x ApiError                     the provider answered, and said no              status, code
    + AuthenticationError        401: no key, or a wrong one
    + PermissionDenied           403
    + InvalidRequest             400, 404, 413, 422 …: what was asked cannot be had
    + RedirectRefused            3xx: redirects are never followed
    + RateLimited                429                                             retryable, retry_after
    + Overloaded                 408, 409, 5xx, 529                              retryable
  x ProtocolError                the bytes arrived, and make no sense
    + LimitExceeded              a bound was passed; says which
    + MalformedEvent             not what the dialect allows
    + UnexpectedContent          not a stream at all: another content type or encoding
    + StreamTruncated            closed before the provider said why it stopped  retryable
  x CircuitOpen                  nothing was sent: the breaker is open           retry_after
  x ContentBlocked               a filter, ours or the provider's, stopped the stream

Mistakes of the program (a bad argument, a missing key) are ``ValueError`` and ``LookupError`` raised
at construction, outside the tree, so ``except StreamError`` means "this call failed".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

if TYPE_CHECKING:
    from .reply import Reply
    from .tokens import Usage

__all__ = [
    "ApiError",
    "AuthenticationError",
    "CircuitOpen",
    "ConnectError",
    "ConnectionLost",
    "ContentBlocked",
    "InvalidRequest",
    "LimitExceeded",
    "MalformedEvent",
    "MissingCredential",
    "NameResolutionError",
    "Overloaded",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "RedirectRefused",
    "StreamError",
    "StreamStalled",
    "StreamTruncated",
    "TlsError",
    "TransportError",
    "UnexpectedContent",
    "error_for_status",
]

E = TypeVar("E", bound="StreamError")


class MissingCredential(LookupError):
    """No key was given, and none was found; the message says where to put one."""


class StreamError(Exception):
    """Base of every error this library puts on a stream.

    Attributes:
        provider: Who was asked (``gen_ai.provider.name``), once known.
        request_id: The provider's own id of the request, for its support desk.
        retryable: Whether asking again, unchanged, may succeed.
        retry_after: Seconds the provider asks to wait, when it said so.
        partial: The reply so far, ``None`` when nothing had come.
        usage: What the call has cost so far, and how exactly that is known.
    """

    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.partial: Reply | None = None
        self.usage: Usage | None = None

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        return revive, (type(self), self.args), self.__dict__


def revive(kind: type[E], args: tuple[Any, ...]) -> E:
    """Rebuild a pickled error; its fields follow as state."""
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class TransportError(StreamError):
    """The bytes did not arrive."""

    default_retryable = True


class ConnectError(TransportError):
    """Nobody answered at that address."""


class NameResolutionError(ConnectError):
    """The host has no address."""


class TlsError(ConnectError):
    """The server's certificate, or its TLS, was not accepted."""

    default_retryable = False


class ConnectionLost(TransportError):
    """The connection broke off in the middle."""


class StreamStalled(StreamError):
    """A deadline passed: ``phase`` is ``connect``, ``first_token``, ``idle`` or ``total``, ``limit`` its seconds."""

    default_retryable = True

    def __init__(self, phase: str, limit: float, **context: Any) -> None:
        super().__init__(f"no sign of life within the {phase} deadline of {limit:g} s", **context)
        self.phase = phase
        self.limit = limit


class ApiError(StreamError):
    """The provider answered, and said no; ``status`` is HTTP's, ``code`` and ``kind`` the provider's own words."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        kind: str | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.status = status
        self.code = code
        self.kind = kind


class AuthenticationError(ApiError):
    """HTTP 401: no key, or a wrong one."""


class PermissionDenied(ApiError):
    """HTTP 403: the key is good, and may not do this."""


class InvalidRequest(ApiError):
    """HTTP 400, 404, 413, 422 and their like: what was asked cannot be had."""


class RedirectRefused(ApiError):
    """HTTP 3xx. A redirect would carry the key and the prompt to another host, so none is followed."""


class RateLimited(ApiError):
    """HTTP 429; ``retry_after`` is in seconds when the provider gave one."""

    default_retryable = True


class Overloaded(ApiError):
    """The provider is there, and cannot cope (408, 409, 5xx, 529)."""

    default_retryable = True


class ProtocolError(StreamError):
    """The bytes arrived, and make no sense."""


class LimitExceeded(ProtocolError):
    """Something grew past its bound: ``name`` says which, such as ``max_event_bytes``; ``limit`` is the bound."""

    def __init__(self, name: str, limit: int, **context: Any) -> None:
        super().__init__(f"the stream passed {name}={limit}", **context)
        self.name = name
        self.limit = limit


class MalformedEvent(ProtocolError):
    """An event is not what the dialect allows. The message never quotes it: it may hold what a user wrote."""


class UnexpectedContent(ProtocolError):
    """A 2xx answer that is no stream of this dialect: another content type, or an encoding nobody asked for."""


class StreamTruncated(ProtocolError):
    """The connection closed cleanly before the provider said why it stopped."""

    default_retryable = True

    def __init__(self, message: str = "the stream ended without a finish reason", **context: Any) -> None:
        super().__init__(message, **context)


class CircuitOpen(StreamError):
    """Nothing was sent: the provider's breaker is open; ``retry_after`` seconds until it lets a probe through."""


class ContentBlocked(StreamError):
    """A filter stopped the stream: the caller's own (``source="filter"``) or the provider's."""

    def __init__(self, message: str, *, source: str = "filter", **context: Any) -> None:
        super().__init__(message, **context)
        self.source = source


BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    408: Overloaded,
    409: Overloaded,
    429: RateLimited,
}


def error_for_status(status: int) -> type[ApiError]:
    """The class of error that an HTTP status means, whoever the provider is.

    >>> error_for_status(429).__name__, error_for_status(529).__name__, error_for_status(404).__name__
    ('RateLimited', 'Overloaded', 'InvalidRequest')
    """
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= 500:
        return Overloaded
    return RedirectRefused if 300 <= status < 400 else InvalidRequest
