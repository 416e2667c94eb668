"""Tool calls in chat completions: in all the ways in which servers send their fragments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.dialects.test_openai_chat import DONE, chunk, decode
from tokenrill import (
    Finish,
    LimitExceeded,
    Raw,
    ReplyBuilder,
    ResponseStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)


def called(*fragments: dict[str, Any]) -> list[tuple[str, str, str]]:
    builder = ReplyBuilder()
    for token in decode(*(chunk(tool_calls=[fragment]) for fragment in fragments), chunk(0, "tool_calls"), DONE):
        builder.feed(token)
    return [(call.id, call.name, call.arguments) for call in builder.reply().tool_calls]


def fragment(
    index: int | None = None, id: str | None = None, name: str | None = None, arguments: Any = ""
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    made = {"index": index, "id": id, "function": {key: value for key, value in function.items() if value is not None}}
    return {key: value for key, value in made.items() if value is not None}


def test_parallel_calls_may_be_interleaved() -> None:
    assert called(
        fragment(0, "a", "f", "{"),
        fragment(1, "b", "g", "["),
        fragment(0, None, None, "}"),
        fragment(1, None, None, "]"),
    ) == [("a", "f", "{}"), ("b", "g", "[]")]


def test_two_ids_on_one_index_are_two_calls() -> None:
    assert called(fragment(0, "a", "f", "{}"), fragment(0, "b", "g", "{}")) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_that_share_an_index_may_be_interleaved() -> None:
    assert called(
        fragment(0, "a", "f", "{"), fragment(0, "b", "g", "["), fragment(0, "a", None, "}"), fragment(0, "b", None, "]")
    ) == [("a", "f", "{}"), ("b", "g", "[]")]


def test_an_id_that_changes_without_a_name_is_of_the_same_call() -> None:
    """As servers send it that make up an id for every fragment."""
    assert called(
        fragment(0, "a", "f", ""), fragment(0, "b", None, "{"), fragment(0, "c", None, "}"), fragment(1, "d", "g", "[")
    ) == [("a", "f", "{}"), ("d", "g", "[")]


def test_calls_without_an_index_are_told_apart_by_id_and_by_name() -> None:
    assert called(fragment(None, "a", "f", "{}"), fragment(None, "b", "f", "[]")) == [
        ("a", "f", "{}"),
        ("b", "f", "[]"),
    ]
    assert called(fragment(None, "", "f", "{}"), fragment(None, "", "g", "[]")) == [
        ("call_c_0", "f", "{}"),
        ("call_c_1", "g", "[]"),
    ]
    assert called(fragment(None, "a", "f", "{"), fragment(None, None, None, "}")) == [("a", "f", "{}")]


def test_a_name_may_come_after_the_arguments_and_may_be_repeated() -> None:
    assert called(fragment(0, "a", None, "{"), fragment(0, None, "f", "}")) == [("a", "f", "{}")]
    assert called(fragment(0, "a", "f", "{"), fragment(0, "a", "f", "}")) == [("a", "f", "{}")]


def test_a_call_without_an_id_gets_one_to_be_answered_by() -> None:
    """The answer's id is in it, so that it is no other turn's; and the choice, since each numbers its own."""
    bare = fragment(0, None, "f", "{}")
    tokens = decode(chunk(0, tool_calls=[bare]), chunk(1, tool_calls=[bare]), chunk(0, "stop"), chunk(1, "stop"), DONE)
    assert [token.id for token in tokens if isinstance(token, ToolCallStart)] == ["call_c_0", "call_c_1_0"]


def test_a_call_that_was_asked_for_by_name_finishes_with_tool_calls() -> None:
    """OpenAI says ``stop`` then; choices that called nothing have stopped."""
    call = chunk(1, tool_calls=[fragment(0, "a", "f", "{}")])
    tokens = decode(call, chunk(0, content="Hi"), chunk(0, "stop"), chunk(1, "stop"), DONE)
    assert tokens[-2:] == [Finish("stop", "stop", 0), Finish("tool_calls", "stop", 1)]


def test_arguments_may_be_null_or_an_object() -> None:
    assert called(fragment(0, "a", "f", None)) == [("a", "f", "")]
    assert called(fragment(0, "a", "f", {"x": 1})) == [("a", "f", '{"x":1}')]


def test_an_index_may_be_huge_but_calls_may_not_be_many() -> None:
    assert called(fragment(10**12, "a", "f", "{}")) == [("a", "f", "{}")]
    with pytest.raises(LimitExceeded, match="max_tool_calls=1024"):
        called(*(fragment(number, f"c{number}", "f", "{}") for number in range(1100)))


def test_calls_end_when_all_choices_have_finished_not_when_one_has() -> None:
    first, last = chunk(1, tool_calls=[fragment(0, "a", "f", "{")]), chunk(1, tool_calls=[fragment(0, None, None, "}")])
    between: dict[str, Any] = {"id": "c", "choices": []}
    tokens = decode(first, chunk(0, "stop"), between, last, chunk(1, "tool_calls"), DONE)
    assert [type(token).__name__ for token in tokens[-4:]] == ["ToolCallDelta", "ToolCallEnd", "Finish", "Finish"]


def test_what_comes_behind_the_usage_is_another_call_or_is_left_raw() -> None:
    """Usage without a choice ends the calls: one that begins behind it has a number of its own."""
    first, late = chunk(tool_calls=[fragment(0, "a", "f", "{}")]), chunk(tool_calls=[fragment(0, None, None, "}")])
    usage: dict[str, Any] = {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    other = chunk(tool_calls=[fragment(1, "b", "g", "[]")])
    tokens = decode(first, chunk(0, "tool_calls"), usage, late, other, chunk(0, "tool_calls"), DONE)
    calls = [token for token in tokens if not isinstance(token, (ResponseStart, Usage, Finish))]
    assert calls == [
        ToolCallStart("a", "f", 0),
        ToolCallDelta("{}", 0),
        ToolCallEnd(0),
        Raw("delta.tool_calls", fragment(0, None, None, "}")),
        ToolCallStart("b", "g", 1),
        ToolCallDelta("[]", 1),
        ToolCallEnd(1),
    ]
