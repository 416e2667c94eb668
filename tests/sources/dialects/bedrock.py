"""Converse's events, as its server would send them."""

from __future__ import annotations

from typing import Any

from tokenrill import (
    BEDROCK_CONVERSE,
    StreamToken,
)
from tokenrill.sources.dialects.bedrock_converse.encode import event_message

__all__ = ["CLAUDE", "COUNTS", "END", "START", "STOP", "content", "decoded", "delta"]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
START = ("messageStart", {"role": "assistant"})
STOP = ("messageStop", {"stopReason": "end_turn"})
COUNTS = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
END = ("metadata", {"usage": COUNTS, "metrics": {"latencyMs": 9}})


def delta(content: dict[str, Any], index: int = 0) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": content}


def decoded(*events: tuple[str, dict[str, Any]]) -> list[StreamToken]:
    return list(BEDROCK_CONVERSE.decode([b"".join(event_message(name, data) for name, data in events)]))


def content(*events: tuple[str, dict[str, Any]]) -> list[StreamToken]:
    """The tokens of these events alone."""
    return decoded(START, *events, STOP, END)[1:-3]
