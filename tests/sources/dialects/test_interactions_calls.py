"""Every call that an interaction begins is ended, once, before its usage, whatever its server leaves out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tokenrill import (
    GEMINI_INTERACTIONS,
    Finish,
    Raw,
    ResponseStart,
    StreamToken,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

BEGUN: dict[str, Any] = {"event_type": "interaction.created", "interaction": {"id": "i", "model": "gemini"}}
DONE: dict[str, Any] = {
    "event_type": "interaction.completed",
    "interaction": {"status": "requires_action", "usage": {"total_input_tokens": 3, "total_output_tokens": 4}},
}


def begin(number: int, call_id: str) -> dict[str, Any]:
    step = {"type": "function_call", "id": call_id, "name": "weather"}
    return {"event_type": "step.start", "index": number, "step": step}


def arguments(number: int, text: str) -> dict[str, Any]:
    delta = {"type": "arguments_delta", "arguments": text}
    return {"event_type": "step.delta", "index": number, "delta": delta}


def stop(number: int) -> dict[str, Any]:
    return {"event_type": "step.stop", "index": number}


def decode(events: Sequence[dict[str, Any]]) -> list[StreamToken]:
    """The tokens, which are the same for one read of all events and for a read of each byte."""
    wire = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (BEGUN, *events, DONE))
    whole = list(GEMINI_INTERACTIONS.decode([wire]))
    assert whole == list(GEMINI_INTERACTIONS.decode(wire[at : at + 1] for at in range(len(wire))))
    assert isinstance(whole[0], ResponseStart)
    assert [type(token) for token in whole[-2:]] == [Usage, Finish]
    return whole[1:-2]


def test_a_call_that_no_stop_ends_is_ended_by_the_end_of_the_answer() -> None:
    assert decode([begin(1, "a"), arguments(1, "{}"), begin(2, "b")]) == [
        ToolCallStart("a", "weather", 0),
        ToolCallDelta("{}", 0),
        ToolCallStart("b", "weather", 1),
        ToolCallEnd(0),
        ToolCallEnd(1),
    ]


def test_a_step_that_is_begun_twice_is_two_calls() -> None:
    assert decode([begin(1, "a"), arguments(1, "{"), begin(1, "b"), arguments(1, "{}"), stop(1)]) == [
        ToolCallStart("a", "weather", 0),
        ToolCallDelta("{", 0),
        ToolCallEnd(0),
        ToolCallStart("b", "weather", 1),
        ToolCallDelta("{}", 1),
        ToolCallEnd(1),
    ]


def test_a_call_ends_once_and_nothing_is_added_to_it_behind_its_end() -> None:
    late = arguments(1, "}")
    assert decode([begin(1, "a"), arguments(1, "{}"), stop(1), late, stop(1)]) == [
        ToolCallStart("a", "weather", 0),
        ToolCallDelta("{}", 0),
        ToolCallEnd(0),
        Raw("delta", late["delta"]),
    ]
