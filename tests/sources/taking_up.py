"""A server that breaks a recorded Responses stream off at any byte, and tells the rest from any event on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.server import Connection, chunk, head, last_chunk
from tokenrill import (
    OPENAI_RESPONSES,
    Finish,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

__all__ = ["KEPT", "SAID", "WIRE", "BreakingServer", "events_after", "settled"]

KEPT = {"background": True, "store": True}
NUMBER = re.compile(rb'"sequence_number":\s*(\d+)')
SAID: Sequence[StreamToken] = (
    ResponseStart("resp_1", "any"),
    TextDelta("Es ist 20 °C in "),
    TextDelta("東京 "),
    TextDelta("🌤."),
    ToolCallStart("c1", "add"),
    ToolCallDelta('{"a": '),
    ToolCallDelta("1}"),
    ToolCallEnd(),
    Usage(9, 12),
    Finish("tool_calls", "completed"),
)


def encoded(tokens: Sequence[StreamToken]) -> bytes:
    encoder = OPENAI_RESPONSES.encode({"model": "any"})
    return b"".join([data for token in tokens for data in encoder.feed(token)] + list(encoder.close()))


WIRE = encoded(SAID)


def events_after(wire: bytes, number: int) -> bytes:
    """The events of a recording whose numbers are greater."""
    events = re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", wire)
    return b"".join(event for event in events if (found := NUMBER.search(event)) and int(found[1]) > number)


def settled(tokens: Sequence[StreamToken], *, arguments: bool = False) -> list[StreamToken]:
    """Tokens in a form that does not depend on how text, or ``arguments`` too, were cut into deltas."""
    out: list[StreamToken] = []
    for token in tokens:
        last = out[-1] if out else None
        if isinstance(token, TextDelta) and isinstance(last, TextDelta) and last.index == token.index:
            out[-1] = TextDelta(last.text + token.text, token.index)
        elif arguments and isinstance(token, ToolCallDelta) and isinstance(last, ToolCallDelta):
            out[-1] = ToolCallDelta(last.arguments + token.arguments, token.index)
        else:
            out.append(token)
    return out


class BreakingServer:
    """The script for :func:`tests.server.serving`; it answers one request a connection.

    Attributes:
        wire: The whole stream.
        cuts: How many bytes each answer may send; after the last of them all of it.
        starts: The numbers after which the rest was asked for.
    """

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        self.cuts: list[int] = []
        self.starts: list[int] = []

    async def __call__(self, connection: Connection) -> None:
        line, _, _ = await connection.request()
        body = self.wire
        if line.startswith("GET "):
            number = int(line.split("starting_after=")[1].split()[0])
            self.starts.append(number)
            body = events_after(self.wire, number)
        cut = self.cuts.pop(0) if self.cuts else None
        await connection.send(head(connection="close"), chunk(body[:cut]) if body[:cut] else b"")
        if cut is None:
            await connection.send(last_chunk)
