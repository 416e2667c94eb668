"""A call that a guardrail, or the end of the answer, breaks off is ended, whatever shape the model speaks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.dialects.test_bedrock_invoke import COUNTED, decoded
from tokenrill import Finish, Raw, ResponseStart, ToolCallDelta, ToolCallEnd, ToolCallStart, Usage

STOPPED: dict[str, Any] = {"amazon-bedrock-guardrailAction": "INTERVENED"}
FRAGMENT: dict[str, Any] = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}
CHAT: list[dict[str, Any]] = [
    {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [FRAGMENT]}}]},
    {"id": "c", "model": "m", "choices": []},
]
NOVA: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "a", "name": "f"}}, "contentBlockIndex": 0}},
    {"contentBlockDelta": {"delta": {"toolUse": {"input": "{"}}, "contentBlockIndex": 0}},
    {"metadata": {}},
]


@pytest.mark.parametrize("events", [CHAT, NOVA], ids=["chat", "nova"])
@pytest.mark.parametrize(("said", "finish"), [(STOPPED, Finish("content_filter", "INTERVENED")), ({}, Finish("other"))])
def test_a_call_is_ended_before_the_answer_is(
    events: list[dict[str, Any]], said: dict[str, Any], finish: Finish
) -> None:
    tokens = decoded(*events[:-1], {**events[-1], **said, **COUNTED})
    assert [token for token in tokens if not isinstance(token, (ResponseStart, Usage, Raw))] == [
        ToolCallStart("a", "f", 0),
        ToolCallDelta("{", 0),
        ToolCallEnd(0),
        finish,
    ]
