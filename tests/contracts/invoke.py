"""Whole answers of InvokeModelWithResponseStream in the models' own shapes, for the contracts."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from tokenrill.streams.eventstream import EventStreamMessage

__all__ = ["COMPLETIONS", "INVOKED"]

METRICS: Final = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 5}}
ANSWERS: Final[dict[str, list[dict[str, Any]]]] = {
    "nova": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Hel"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "lo"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": ""}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 5}}, **METRICS},
    ],
    "llama": [
        {"generation": "Hel", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": None},
        {"generation": "lo", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": None},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 4, "stop_reason": None},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 5, "stop_reason": "stop"},
    ],
    "titan": [
        {"outputText": "Hel", "index": 0, "totalOutputTextTokenCount": None, "inputTextTokenCount": 3},
        {"outputText": "lo", "index": 0, "totalOutputTextTokenCount": 4.0, "completionReason": None},
        {"outputText": "!", "index": 0, "totalOutputTextTokenCount": 5, "completionReason": "FINISH", **METRICS},
    ],
    "mistral": [
        {"outputs": [{"text": "Hel", "stop_reason": None}]},
        {"outputs": [{"text": "lo", "stop_reason": "stop"}], **METRICS},
    ],
    "openai": [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "lo"}}]},
        {"choices": [{"index": 0, "delta": {"content": "!"}}], "amazon-bedrock-guardrailAction": "NONE"},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **METRICS},
    ],
    "claude 2": [
        {"type": "completion", "completion": "Hel", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": "lo", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:", **METRICS},
    ],
}


def wrapped(chunk: dict[str, Any]) -> EventStreamMessage:
    payload = {"bytes": base64.b64encode(json.dumps(chunk).encode()).decode(), "p": "abc"}
    return EventStreamMessage({":event-type": "chunk", ":message-type": "event"}, json.dumps(payload).encode())


INVOKED: Final = {name: tuple(map(wrapped, chunks)) for name, chunks in ANSWERS.items()}
COMPLETIONS: Final = tuple(json.dumps(chunk).encode() for chunk in ANSWERS["claude 2"])
