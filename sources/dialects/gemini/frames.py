"""The three ways in which Gemini frames an answer: server-sent events, a JSON array, one JSON object.

With ``alt=sse`` each chunk is an event, and lines end in CRLF; without, the chunks are the elements of one printed
array. An error may come as a printed object in the middle of the events, without ``data:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ....streams import codec
from ....streams.errors import MalformedEvent
from ....streams.json_array import JsonArrayParser
from ....streams.sse import SsePayloads

__all__ = ["GeminiFrames"]

# A picture comes in one event, in base64: the standard's usual megabyte is too little.
MAX_EVENT_BYTES: Final = 16 << 20
BLANK: Final = b" \t\r\n\xef\xbb\xbf"
OPENING: Final = (b"{", b"[")
LINE_OPENING: Final = re.compile(rb"\n[{\[]")


class GeminiFrames:
    r"""Turn byte chunks, cut anywhere, into the JSON of each chunk of the answer. A transducer.

    The first byte that is not blank decides: a bracket begins an array or an object, anything else an event.

    >>> list(GeminiFrames().feed(b'data: {"a": 1}\r\n\r\n')), list(GeminiFrames().feed(b'[{"a": 1}\r\n,\r\n{"b'))
    ([b'{"a": 1}'], [b'{"a": 1}'])

    Args:
        max_event_bytes: The most one chunk of the answer may hold.

    Raises:
        LimitExceeded: From ``feed``, past the limit.
        MalformedEvent: From ``feed``, when an array is none.
        StreamTruncated: From ``close``, in the middle of an array or object.
    """

    __slots__ = ("_chosen", "_head", "_max")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._head = b""
        self._chosen: EventPayloads | JsonArrayParser | None = None

    def feed(self, chunk: bytes, /) -> Iterable[bytes]:
        """Take one chunk; return the payloads it completed."""
        chosen = self._chosen
        if chosen is None:
            # Blank bytes at the beginning mean nothing in either form, so one of them is enough to keep.
            head = (self._head + chunk).lstrip(BLANK)
            if not head:
                return ()
            is_json = head[:1] in (b"{", b"[")
            chosen = self._chosen = (
                JsonArrayParser(max_element_bytes=self._max) if is_json else EventPayloads(max_event_bytes=self._max)
            )
            chunk = head
        return chosen.feed(chunk)

    def feed_batch(self, chunks: Sequence[bytes], /) -> Sequence[bytes] | None:
        """All chunks of one read, when they are events."""
        chosen = self._chosen
        return chosen.feed_batch(chunks) if isinstance(chosen, EventPayloads) else None

    def close(self) -> Iterable[bytes]:
        """End the stream; an event whose blank line did not come counts, when its JSON is whole."""
        return self._chosen.close() if self._chosen is not None else ()


class EventPayloads(SsePayloads):
    """The data of server-sent events, and JSON that stands between them by itself."""

    __slots__ = ("_bare", "_closing")

    def __init__(self, *, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes=max_event_bytes)
        self._bare: JsonArrayParser | None = None
        self._closing = False

    def close(self) -> tuple[bytes, ...]:
        payloads = [payload for payload in self.feed(b"\n\n") if is_whole(payload)]
        if self._bare is not None:
            self._bare.close()
        return tuple(payloads)

    def _burst(self, chunk: bytes) -> None:
        """None: what stands between events must be read when it comes."""

    def _read(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if self._bare is None and block[:1] not in OPENING and LINE_OPENING.search(block) is None:
                yield from super()._read((block,))
            else:
                yield from self._printed(block)

    def _printed(self, block: bytes) -> Iterator[bytes]:
        """Lines of which some are printed JSON, which may itself hold blank lines; the others are those of events."""
        event: list[bytes] = []
        for line in block.split(b"\n"):
            if self._bare is None and line[:1] not in OPENING:
                event.append(line)
                continue
            yield from self._whole_event(event)
            bare = self._bare = self._bare or JsonArrayParser(max_element_bytes=self._framer.limit)
            yield from bare.feed(line + b"\n")
            if bare.done:
                self._bare = None
        yield from self._whole_event(event)

    def _whole_event(self, lines: list[bytes]) -> Iterator[bytes]:
        event = b"\n".join(lines)
        lines.clear()
        if event:
            yield from super()._read((event,))


def is_whole(payload: bytes) -> bool:
    try:
        codec.loads(payload)
    except MalformedEvent:
        return False
    return True
