"""One whole answer in each of Google's dialects, for the contract of machines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, Final

__all__ = [
    "GEMINI_CHUNKS",
    "GEMINI_LIST",
    "GEMINI_WIRE",
    "INTERACTION",
    "INTERACTION_EVENTS",
    "endless_candidates",
    "endless_steps",
]


def said(*parts: dict[str, Any], index: int = 0, **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index, **more}
    return json.dumps({"candidates": [candidate], "responseId": "r1"}, ensure_ascii=False).encode()


def event(type: str, **fields: Any) -> bytes:
    return json.dumps({"event_type": type, **fields}, ensure_ascii=False).encode()


GEMINI_CHUNKS: Final = (
    said({"text": "Let me see", "thought": True}),
    said({"text": "café "}),
    said({"text": "日本\u2028"}),
    said({"text": " 🦀", "thoughtSignature": "U0lH"}),
    said({"functionCall": {"name": "f", "willContinue": True}}),
    said({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "numberValue": 1}], "willContinue": True}}),
    said({"functionCall": {}}, finishReason="STOP"),
)
GEMINI_WIRE: Final = b"".join(b"data: " + chunk + b"\r\n\r\n" for chunk in GEMINI_CHUNKS)
GEMINI_LIST: Final = json.dumps([json.loads(chunk) for chunk in GEMINI_CHUNKS], indent=2).encode()
INTERACTION_EVENTS: Final = (
    event("interaction.created", interaction={"id": "v1", "model": "m", "status": "in_progress"}),
    event("step.start", index=0, step={"type": "thought"}),
    event("step.delta", index=0, delta={"type": "thought_signature", "signature": "U0lH"}),
    event("step.stop", index=0),
    event("step.start", index=1, step={"type": "model_output"}),
    event("step.delta", index=1, delta={"type": "text", "text": "café "}),
    event("step.delta", index=1, delta={"type": "text", "text": "日本\u2028"}),
    event("step.stop", index=1),
    event("step.start", index=2, step={"type": "function_call", "id": "c", "name": "f", "arguments": {}}),
    event("step.delta", index=2, delta={"type": "arguments_delta", "arguments": '{"a":1}'}),
    event("step.stop", index=2),
    event("interaction.completed", interaction={"id": "v1", "status": "requires_action"}),
)
INTERACTION: Final = b"".join(
    b"event: %s\ndata: %s\n\n" % (json.loads(payload)["event_type"].encode(), payload) for payload in INTERACTION_EVENTS
)


def endless_candidates() -> Iterable[bytes]:
    """Candidate after candidate."""
    return (said({"text": "x"}, index=number) for number in count())


def endless_steps() -> Iterable[bytes]:
    """Call after call."""
    return (event("step.start", index=number, step={"type": "function_call", "name": "f"}) for number in count())
