"""The lines of an answer, of which a connection that breaks off cleanly leaves the last one cut."""

from __future__ import annotations

from collections.abc import Sequence

from ....streams import codec
from ....streams.errors import MalformedEvent
from ....streams.ndjson import NdjsonLines

__all__ = ["OllamaLines"]


class OllamaLines(NdjsonLines):
    """Turn byte chunks, cut anywhere, into lines. A transducer. A last line that has no end counts when it is whole."""

    __slots__ = ()

    def close(self) -> Sequence[bytes]:
        return [line for line in super().close() if is_whole(line)]


def is_whole(line: bytes) -> bool:
    try:
        codec.loads(line)
    except MalformedEvent:
        return False
    return True
