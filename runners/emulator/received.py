"""What the emulator was sent, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ...sources.http import Headers
from ...streams.request import CompletionRequest

__all__ = ["Received"]


@dataclass(slots=True, eq=False)
class Received:
    """One request to the emulator. Its repr shows neither keys nor prompts.

    Attributes:
        number: 1 for the first.
        method, path, query, headers, body: As they came; names of headers in lower case.
        target: Path and query as they were written, still quoted, which is what signatures are made of.
        request: The same, understood; None when it could not be.
        status: What was answered; None until the headers are out.
        started, ended: When it came, and when the emulator was done with it, by the emulator's clock.
        written: Bytes of the body handed to the socket so far.
        struck: Whether the answer's fault has been reached.
        disconnected: Set when the client hung up before the end; ``await call.disconnected.wait()``.
        disconnected_at: When that was seen.
    """

    number: int
    method: str
    path: str
    headers: Headers
    started: float
    query: str = field(default="", repr=False)
    target: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    request: CompletionRequest | None = None
    status: int | None = None
    ended: float | None = None
    written: int = 0
    struck: bool = False
    disconnected: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    disconnected_at: float | None = None

    def end(self, now: float) -> None:
        """The emulator is done with it."""
        if self.ended is None:
            self.ended = now

    def hang_up(self, now: float) -> None:
        """The client has gone; no matter when all was said already."""
        if self.ended is None:
            self.ended = self.disconnected_at = now
            self.disconnected.set()
