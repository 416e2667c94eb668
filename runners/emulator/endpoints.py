"""What the emulator answers to: a row for each address. Another dialect is another row."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ...sources.dialect import Dialect
from ...sources.dialects.openai_chat import OPENAI_CHAT
from ...streams.codec import Json
from ...streams.errors import AuthenticationError, StreamError
from .received import Received

__all__ = [
    "ENDPOINTS",
    "Endpoint",
    "Guard",
    "Keys",
    "bearer_key",
    "environment_lines",
    "header_key",
    "named_sse_error",
    "sse_error",
]

Keys: TypeAlias = Collection[str] | None
Guard: TypeAlias = Callable[[Received, Keys], None]
ErrorFrame: TypeAlias = Callable[[Dialect, StreamError], bytes]

ANY_KEY: Final = "emulator"
SSE_GARBAGE: Final = b"data: {\xff\xfe not JSON\n\n"


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


def check_key(key: str, keys: Keys) -> None:
    if not key:
        raise AuthenticationError("You didn't provide an API key.", status=401)
    given = key.encode("utf-8", "surrogateescape")
    if keys is not None and not any([hmac.compare_digest(given, known.encode()) for known in keys]):
        raise AuthenticationError("Incorrect API key provided.", status=401, code="invalid_api_key")


def sse_error(dialect: Dialect, error: StreamError) -> bytes:
    """The body of a refusal as one server-sent event."""
    return b"data: " + dialect.encode_error(error)[2] + b"\n\n"


def named_sse_error(dialect: Dialect, error: StreamError) -> bytes:
    """The same as an event named ``error``, as providers send it whose events have names."""
    return b"event: error\n" + sse_error(dialect, error)


def stream_flag(body: Json) -> bool:
    """Whether the body asks for a stream, where that is a field of it."""
    return body.get("stream") is True


def model_list(models: Sequence[str]) -> Json:
    """The answer of ``GET /v1/models``."""
    data = [{"id": model, "object": "model", "created": 0, "owned_by": "tokenrill"} for model in models]
    return {"object": "list", "data": data}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one provider.

    Attributes:
        method, path: What is asked for; ``{name}`` in the path stands for one part of it, which is put into
            the body under that name, unless the body has one.
        dialect: What is spoken there.
        guard: Checks the credentials; it raises the error to refuse with.
        asks_for_stream: Whether a body wants a stream; the emulator has nothing else.
        error_frame: An error inside a stream.
        garbage: Bytes that no client of this dialect can read.
        listing: For an address that only lists the models: the list.
        environment: Variables that point this provider's clients here; ``{url}`` stands for the server.
    """

    method: str
    path: str
    dialect: Dialect
    guard: Guard
    asks_for_stream: Callable[[Json], bool] = stream_flag
    error_frame: ErrorFrame = sse_error
    garbage: bytes = SSE_GARBAGE
    listing: Callable[[Sequence[str]], Json] | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


OPENAI_ENVIRONMENT: Final = {"OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": ANY_KEY}

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("POST", "/v1/chat/completions", OPENAI_CHAT, bearer_key, environment=OPENAI_ENVIRONMENT),
    Endpoint("GET", "/v1/models", OPENAI_CHAT, bearer_key, listing=model_list),
)


def environment_lines(url: str, endpoints: Sequence[Endpoint] = ENDPOINTS) -> list[str]:
    """What to tell a shell so that clients find the emulator at ``url``.

    >>> environment_lines("http://127.0.0.1:8080")
    ['export OPENAI_BASE_URL=http://127.0.0.1:8080/v1', 'export OPENAI_API_KEY=emulator']
    """
    variables = {name: value for endpoint in endpoints for name, value in endpoint.environment.items()}
    return [f"export {name}={value.format(url=url)}" for name, value in variables.items()]
