"""A body as Google's own clients and documentation write it, as a request."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from tests.sources.requests.gemini import GOLDEN
from tokenrill import GEMINI, ReasoningPart, ToolCall

# What a caller wrote: the arguments of a call, its result, a schema, labels.
WRITTEN = ("args", "response", "parametersJsonSchema", "responseJsonSchema", "labels")


def in_snake_case(body: Any) -> Any:
    if isinstance(body, list):
        return [in_snake_case(item) for item in cast("list[Any]", body)]
    if not isinstance(body, dict):
        return body
    given = cast("dict[str, Any]", body)
    return {
        re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name): value if name in WRITTEN else in_snake_case(value)
        for name, value in given.items()
    }


@pytest.mark.parametrize("feature", GOLDEN)
def test_names_may_be_in_snake_case(feature: str) -> None:
    """As https://ai.google.dev/api/generate-content writes them in its examples for curl."""
    request = GOLDEN[feature][1]
    body = {**GEMINI.render(request), "model": request.model}
    assert GEMINI.parse(in_snake_case(body)) == GEMINI.parse(body)


def test_the_caller_s_own_names_stay_as_they_are() -> None:
    schema = {"type": "object", "properties": {"first_name": {"type": "string"}}}
    call = {"name": "save_name", "args": {"first_name": "Ada"}}
    body: dict[str, Any] = {
        "model": "gemini",
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"function_call": call}]},
        ],
        "tools": [{"function_declarations": [{"name": "save_name", "parameters": schema}]}],
    }
    request = GEMINI.parse(body)
    assert request.tools[0].parameters == schema
    (said,) = request.turns[1].parts
    assert isinstance(said, ToolCall)
    assert said.input == {"first_name": "Ada"}


def test_a_signature_may_stand_alone() -> None:
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"thoughtSignature": "S"}]}]
    request = GEMINI.parse({"model": "gemini", "contents": contents})
    assert request.turns[1].parts == (ReasoningPart("", (("thought_signature", "S"),)),)
