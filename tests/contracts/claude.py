"""One whole answer in Anthropic's Messages dialect, for the contract of machines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, Final

__all__ = ["CLAUDE", "CLAUDE_EVENTS", "endless_blocks"]


def event(type: str, **fields: Any) -> bytes:
    return json.dumps({"type": type, **fields}, ensure_ascii=False).encode()


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


CLAUDE_EVENTS: Final = (
    event("message_start", message={"id": "m1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}),
    event("ping"),
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    delta(0, type="thinking_delta", thinking="Let me"),
    delta(0, type="thinking_delta", thinking=" see"),
    delta(0, type="signature_delta", signature="EqQ="),
    event("content_block_stop", index=0),
    event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    delta(1, type="text_delta", text="café "),
    delta(1, type="text_delta", text="日本\u2028"),
    delta(1, type="text_delta", text=" 🦀", why="odd"),
    event("content_block_stop", index=1),
    event(
        "content_block_start", index=2, content_block={"type": "server_tool_use", "id": "s", "name": "n", "input": {}}
    ),
    delta(2, type="input_json_delta", partial_json='{"q":'),
    delta(2, type="input_json_delta", partial_json="1}"),
    event("content_block_stop", index=2),
    event("content_block_start", index=3, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    delta(3, type="input_json_delta", partial_json='{"a":'),
    delta(3, type="input_json_delta", partial_json="2}"),
    event("content_block_stop", index=3),
    event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 9}),
    event("message_stop"),
)
CLAUDE: Final = b"".join(
    b"event: %s\ndata: %s\n\n" % (json.loads(payload)["type"].encode(), payload) for payload in CLAUDE_EVENTS
)


def endless_blocks() -> Iterable[bytes]:
    """Block after block, each of them empty."""
    return (event("content_block_start", index=index, content_block={"type": "text", "text": ""}) for index in count())
