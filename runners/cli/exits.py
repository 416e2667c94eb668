"""How a command ends: exit codes, and one line on standard error that says what to do about it."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from ...sinks.console import printable
from ...streams.errors import (
    ApiError,
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    ContentBlocked,
    InvalidRequest,
    MissingCredential,
    NameResolutionError,
    Overloaded,
    PermissionDenied,
    RateLimited,
    StreamError,
    StreamStalled,
    StreamTruncated,
    TlsError,
)

__all__ = [
    "BLOCKED",
    "BROKEN_OFF",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "NO_KEY",
    "OK",
    "USAGE",
    "abandon_stdout",
    "complain",
    "exit_code",
    "explain",
]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NO_KEY: Final = 3
BROKEN_OFF: Final = 4
BLOCKED: Final = 5
INTERRUPTED: Final = 130

EXIT_CODES: Final = """\b
Exit codes:
  0    the answer is complete (or the reader of our output left)
  1    the provider or the network failed
  2    the command was not understood
  3    there is no key, it was refused, or the extra that finds it is missing
  4    the answer broke off or stalled: what came is incomplete
  5    a filter blocked the answer, or the model refused
  130  Ctrl-C
"""

TRY_AGAIN: Final = "What came is incomplete; try again."
SEE_DOCTOR: Final = "`tokenrill doctor` shows what can be reached."
HINTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AuthenticationError, "Is the key right, and meant for this address? `tokenrill doctor` shows which keys are set."),
    (PermissionDenied, "The key is good, but may not do this."),
    (RateLimited, "Wait, or ask less."),
    (Overloaded, "Try again in a while."),
    (InvalidRequest, "Is --model right, and does it take these options?"),
    (NameResolutionError, SEE_DOCTOR),
    (TlsError, "Is a proxy in between?"),
    (ConnectError, SEE_DOCTOR),
    (StreamStalled, "--first-token-timeout and --idle-timeout say how long to wait."),
    (StreamTruncated, TRY_AGAIN),
    (ConnectionLost, TRY_AGAIN),
)


def exit_code(error: Exception) -> int:
    """The exit code that an error means.

    >>> exit_code(StreamTruncated()), exit_code(AuthenticationError("no")), exit_code(StreamStalled("connect", 10))
    (4, 3, 1)
    """
    match error:
        # An extra that is missing is one that would have found a key.
        case MissingCredential() | ImportError() | AuthenticationError() | PermissionDenied():
            return NO_KEY
        case StreamStalled(phase="connect"):
            return FAILED
        case StreamTruncated() | StreamStalled() | ConnectionLost():
            return BROKEN_OFF
        case ContentBlocked():
            return BLOCKED
        case _:
            return FAILED


def explain(error: Exception) -> str:
    """One line: what happened, whom to ask about it, and what to do.

    >>> explain(RateLimited("Too many requests.", status=429, request_id="req_1", retry_after=20))
    'RateLimited: Too many requests (HTTP 429, request id req_1). Wait 20 s.'
    """
    if isinstance(error, (MissingCredential, ImportError)):
        return f"{error}. `tokenrill demo` needs no key."
    about: list[str] = []
    if isinstance(error, ApiError) and error.status:
        about.append(f"HTTP {error.status}")
    if isinstance(error, StreamError) and error.request_id:
        about.append(f"request id {error.request_id}")
    said = printable(" ".join(str(error).split())).rstrip(".") or "no reason was given"
    context = f" ({', '.join(about)})" if about else ""
    line = f"{type(error).__name__}: {said}{context}."
    hint = next((hint for kind, hint in HINTS if isinstance(error, kind)), "")
    if isinstance(error, StreamError) and error.retry_after:
        hint = f"Wait {error.retry_after:g} s."
    return f"{line} {hint}" if hint else line


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    click.echo(f"tokenrill: {message}", err=True)


def abandon_stdout() -> None:
    """The reader of our output has left: what Python still wants to write there must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
