"""One address that the emulator answers to, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ...sources.dialect import Dialect
from ...streams.codec import Json
from .error_frames import SSE_GARBAGE, ErrorFrame, sse_error
from .guards import Guard
from .received import Received

__all__ = ["Endpoint", "Listing", "always", "stream_flag"]

Listing: TypeAlias = Callable[[Sequence[str]], Json]


def stream_flag(body: Json) -> bool:
    """Whether the body asks for a stream, where that is a field of it."""
    return body.get("stream") is True


def always(_: object) -> bool:
    """Where there is nothing to choose: the address says it."""
    return True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one provider.

    Attributes:
        method, path: What is asked for; ``{model}`` in the path stands for the model, which is put into the body
            unless the body has one, any other ``{name}`` for what nobody needs to know.
        dialect: What is spoken there.
        guard: Checks the credentials; it raises the error to refuse with.
        fits: Whether a request is for this row, where several share an address; the last takes what is left.
        asks_for_stream: Whether a body wants a stream; the emulator has nothing else.
        error_frame: An error inside a stream.
        opening: What stands before the first event of a stream, an error included.
        garbage: Bytes that no client of this dialect can read.
        end_mark: Whether the last event of a stream does nothing but end it, after another has said why.
        keeps: Whether responses asked for in the background are kept, or at a ``GET`` told, here.
        listing: For an address that only lists the models: the list.
        environment: Variables that point this provider's clients here; ``{url}`` stands for the server.
    """

    method: str
    path: str
    dialect: Dialect
    guard: Guard
    fits: Callable[[Received], bool] = always
    asks_for_stream: Callable[[Json], bool] = stream_flag
    error_frame: ErrorFrame = sse_error
    opening: bytes = b""
    garbage: bytes = SSE_GARBAGE
    end_mark: bool = True
    keeps: bool = False
    listing: Listing | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
