"""What goes wrong on the way, in our words, and without our secrets."""

from __future__ import annotations

import os
import ssl
import traceback
from collections.abc import Iterable
from typing import Any, Final

import aiohttp

from ..streams.errors import (
    ConnectError,
    ConnectionLost,
    NameResolutionError,
    ProtocolError,
    StreamError,
    StreamStalled,
    TlsError,
)
from .connections import ForbiddenAddress

__all__ = ["presentable", "scrubbed"]

MASK: Final = "***"


def presentable(error: Exception, secrets: Iterable[str], connect_timeout: float = 0.0) -> Exception:
    """A caught error as a subscriber may see it: a library's becomes one of ours, and no secret is left in it.

    Nothing is chained, and frames let go of their variables: there, too, are headers, and headers hold keys.
    """
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next  # the first frame is the caller's, and still needs its own
    traceback.clear_frames(error.__traceback__)
    ours = renamed(error, connect_timeout)
    if ours is not error:  # it stays on the library's stream, and its frames would hold that: a cycle
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return unchained(scrubbed(ours, secrets))


def unchained(error: Exception) -> Exception:
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None) if isinstance(error, StreamError) else error


def scrubbed(error: Exception, secrets: Iterable[str]) -> Exception:
    """The same error, its texts without our secrets: providers like to quote them."""
    for secret in secrets:
        error.args = tuple(masked(value, secret) for value in error.args)
        for name, value in vars(error).items():
            setattr(error, name, masked(value, secret))
    return error


def masked(value: Any, secret: str) -> Any:
    return value.replace(secret, MASK) if isinstance(value, str) else value


def renamed(error: Exception, connect_timeout: float) -> Exception:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return StreamStalled("connect", connect_timeout)
        case aiohttp.ClientConnectorError():
            return not_connected(error)
        case ssl.SSLError():
            return TlsError(f"TLS failed: {reason(error)}")
        case aiohttp.ClientHttpProxyError():
            return ConnectError(f"the proxy answered {error.status}")
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() | OSError():
            return ConnectionLost("the connection broke off before the answer was complete")
        case aiohttp.ClientResponseError():
            return ProtocolError(f"not an HTTP answer that can be read: {first_line(error.message)}")
        case aiohttp.ClientError():
            return ProtocolError(f"not an HTTP answer that can be read: {type(error).__name__}")
        case _:
            return error


def not_connected(error: aiohttp.ClientConnectorError) -> StreamError:
    where = f"{error.host}:{error.port}"
    match error:
        case _ if isinstance(error.os_error, ForbiddenAddress):
            return ConnectError(f"{error.os_error}; nothing was sent", retryable=False)
        case aiohttp.ClientConnectorDNSError():
            return NameResolutionError(
                f"cannot find the address of {error.host}: is the name right, and is there a network?"
            )
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return TlsError(f"TLS with {where} failed: {reason(error)}")
        case _:
            return ConnectError(f"cannot connect to {where}: {reason(error)}")


def reason(error: Any) -> str:
    cause = getattr(error, "os_error", error)
    known = getattr(cause, "verify_message", None) or getattr(cause, "reason", None)
    if not known and isinstance(cause, OSError) and cause.errno:
        known = os.strerror(cause.errno)
    return str(known or type(cause).__name__)


def first_line(message: str) -> str:
    # What follows the colon quotes the answer.
    return message.strip().partition("\n")[0].partition(":")[0][:200]
