"""One whole answer of Amazon Bedrock's Converse, for the contract of machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Final

from tokenrill.sources.dialects.bedrock_converse.encode import event_message
from tokenrill.streams.eventstream import EventStreamMessage, EventStreamParser, encode_message

__all__ = ["CONVERSE", "CONVERSE_CUT", "CONVERSE_MESSAGES", "MESSAGE", "endless_tools", "long_messages"]


def delta(index: int, **content: Any) -> bytes:
    return event_message("contentBlockDelta", {"contentBlockIndex": index, "delta": content})


def call(index: int) -> bytes:
    start = {"toolUse": {"toolUseId": f"t{index}", "name": "f"}}
    return event_message("contentBlockStart", {"contentBlockIndex": index, "start": start})


def stop(index: int) -> bytes:
    return event_message("contentBlockStop", {"contentBlockIndex": index})


MESSAGE: Final = encode_message({}, b"x")
CONVERSE: Final = b"".join(
    (
        event_message("messageStart", {"role": "assistant"}),
        delta(0, reasoningContent={"text": "Let me"}),
        delta(0, reasoningContent={"signature": "EqQ="}),
        stop(0),
        delta(1, text="café "),
        delta(1, text="日本\u2028"),
        delta(1, text=" 🦀", why="odd"),
        delta(1, citation={"title": "T"}),
        stop(1),
        call(2),
        delta(2, toolUse={"input": '{"a":'}),
        delta(2, toolUse={"input": "2}"}),
        stop(2),
        event_message("messageStop", {"stopReason": "tool_use"}),
        event_message("metadata", {"usage": {"inputTokens": 3, "outputTokens": 9}, "metrics": {"latencyMs": 1}}),
    )
)
CONVERSE_CUT: Final = tuple(CONVERSE[start : start + 61] for start in range(0, len(CONVERSE), 61))
CONVERSE_MESSAGES: Final[tuple[EventStreamMessage, ...]] = tuple(EventStreamParser().feed(CONVERSE))


def endless_tools() -> Iterable[EventStreamMessage]:
    """Call after call, each of them empty."""
    return (message for index in count() for message in EventStreamParser().feed(call(index)))


def long_messages() -> Iterator[bytes]:
    """Messages, each longer than the last, in chunks of which none is a whole one."""
    for size in count(100):
        wire = encode_message({}, b"x" * size)
        yield from (wire[:50], wire[50:])
