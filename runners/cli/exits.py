"""How a command ends: exit codes, and one line on standard error that says what to do about it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import click

from ...sinks.printable import printable
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
    "on_the_command_line",
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
  1    the provider or the network failed, or the output cannot be written
  2    the command was not understood
  3    there is no key, it was refused, or the extra that finds it is missing
  4    the answer broke off, stalled, or reached its longest: what came is incomplete
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
    (InvalidRequest, "Is --model right, and does it take these options? Does --base-url end as it should (/v1)?"),
    (NameResolutionError, SEE_DOCTOR),
    (TlsError, "Is a proxy in between?"),
    (ConnectError, SEE_DOCTOR),
    (StreamStalled, "--first-token-timeout and --idle-timeout say how long to wait."),
    (StreamTruncated, TRY_AGAIN),
    (ConnectionLost, TRY_AGAIN),
)

ARGUMENTS: Final = {
    "pass region=": "give --provider bedrock:REGION/MODEL",
    "pass project=": "give --provider vertex:PROJECT/LOCATION/MODEL",
    "pass endpoint=": "give --base-url",
    "pass allow_http=True": "give --allow-http",
    "base_url must": "--base-url must",
    "endpoint must": "--base-url must",
    "endpoint_url must": "--base-url must",
    "base_url is": "--base-url is",
    "endpoint is": "--base-url is",
    "endpoint_url is": "--base-url is",
}


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
    line = f"{type(error).__name__}: {said}"
    line += f" ({', '.join(about)})." if about else "" if said.endswith(("?", "!")) else "."
    hint = next((hint for kind, hint in HINTS if isinstance(error, kind)), "")
    if isinstance(error, StreamError) and error.retry_after:
        hint = f"Wait {error.retry_after:g} s."
    return f"{line} {hint}" if hint else line


def on_the_command_line(message: str) -> str:
    """What an error says to pass, as the option that passes it.

    >>> on_the_command_line("no region for Bedrock: set AWS_REGION, or pass region=")
    'no region for Bedrock: set AWS_REGION, or give --provider bedrock:REGION/MODEL'
    """
    for argument, option in ARGUMENTS.items():
        message = message.replace(argument, option)
    return message


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    click.echo(f"tokenrill: {message}", err=True)


def abandon_stdout() -> None:
    """Our output cannot be written: what Python still wants to write there must not fail."""
    with suppress(OSError, ValueError):  # it has no number, in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
