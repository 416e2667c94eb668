"""What is easily passed by mistake is refused where it is passed, in words that say what to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from traceback import format_exception
from typing import Any

import pytest
from msgspec import Struct

from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Document,
    Image,
    Message,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Replay,
    ResponseFormat,
    StreamPipelineBuilder,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    accumulate,
    console,
    openai,
    resilient,
)
from tokenrill.runners.emulator import Emulator
from tokenrill.streams import codec

WIRE = b'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
BUILDER = StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT))


def any_(value: object) -> Any:
    """What no type checker would let pass."""
    return value


def ask(**wrong: Any) -> CompletionRequest:
    return CompletionRequest(model="any", messages="Hi", **wrong)


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a source that was not made": (lambda: StreamPipelineBuilder.source(any_(openai)), r"openai\(…\)"),
    "a source's name": (lambda: StreamPipelineBuilder.source(any_("openai")), "provider such as openai"),
    "an operator that was not made": (lambda: BUILDER.pipe(any_(accumulate)), r"pipe\(accumulate\(…\)\)"),
    "another one": (lambda: BUILDER.pipe(any_(resilient)), r"pipe\(resilient\(…\)\)"),
    "no operator": (lambda: BUILDER.pipe(any_(3)), "an operator is a function"),
    "a sink that was not made": (lambda: BUILDER.attach(any_(console)), r"attach\(console\(…\)\)"),
    "an observer for a sink": (lambda: BUILDER.attach(any_(Observing())), "lambda call: observer"),
    "a text for a request": (lambda: BUILDER.build().run(any_("Hi")), "CompletionRequest"),
    "an effort for a reasoning": (lambda: ask(reasoning="low"), r"Reasoning\(effort='low'\)"),
    "a dict for a format": (lambda: ask(response_format={}), "ResponseFormat"),
    "a word for a tool choice": (lambda: ask(tool_choice="auto"), "ToolChoice"),
    "a dict for arguments": (lambda: ToolCall("c1", "add", any_({"a": 1})), "json.dumps"),
    "a docstring that is not there": (lambda: Tool(name="add", description=any_(None)), "description must be a str"),
    "a class for a schema": (lambda: ResponseFormat(schema=any_(Emulator)), "schema must be a dict or None, not type"),
    "base64 for an image": (lambda: Image.of(data=any_("aGk=")), "data must be bytes or None, not str"),
    "numbers for labels": (lambda: ask(metadata={"run": 5}), "metadata must hold texts"),
    "a dict for a result": (lambda: ToolResult("c1", any_({"a": 1})), "json.dumps"),
    "a file's name for a recording": (lambda: Replay(any_("answer.txt"), OPENAI_CHAT), "Path"),
    "a function for a key": (lambda: openai(api_key=any_(lambda: "sk")), "key is a text"),
    "a text for an answer": (lambda: Emulator(any_("Hello")), r"Answer\.text"),
}


class Observing:
    def on_next(self, value: object) -> None: ...


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_in_words_that_help(name: str) -> None:
    mistake, says = MISTAKES[name]
    with pytest.raises((TypeError, ValueError), match=says):
        mistake()


def test_a_stream_is_no_list_and_no_iterator_without_an_end() -> None:
    stream: Any = BUILDER.build().stream(ask())
    with pytest.raises(TypeError, match="not iterable"):
        list(stream)

    async def read() -> None:
        async for _ in stream:
            pass

    with pytest.raises(TypeError, match=r"async with pipeline\.open"):
        asyncio.run(read())


WHOLE: dict[type[Struct], dict[str, Any]] = {
    Text: {"text": "a"},
    Image: {"media_type": "image/png", "data": b"a"},
    Document: {"media_type": "application/pdf", "data": b"a"},
    ToolCall: {"id": "c", "name": "f"},
    ToolResult: {"call_id": "c"},
    ReasoningPart: {},
    RefusalPart: {"text": "no"},
    Message: {"role": "user", "content": "Hi"},
    Tool: {"name": "f"},
    ToolChoice: {"mode": "tool", "name": "f"},
    ResponseFormat: {},
    Reasoning: {},
    CompletionRequest: {"model": "any", "messages": "Hi"},
}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in WHOLE for field in kind.__struct_fields__])
def test_no_field_of_a_request_takes_what_it_is_not(kind: type[Struct], field: str) -> None:
    """So a request that exists can be rendered."""
    for value in (object(), {1, 2}, [object()], ((1, 2),), range(3)):
        with pytest.raises(ValueError, match=f"{field} (must|is|are)|(messages|result) holds?|tool result is"):
            kind(**{**WHOLE[kind], field: value})


def test_where_a_value_has_no_json_is_told_and_the_value_is_not() -> None:
    schema = {"properties": {"a": {"enum": [1, {"a secret"}]}}, "title": "\ud83d"}
    body = OPENAI_CHAT.render(ask(tools=[Tool(name="f", parameters=schema)]))
    with pytest.raises(
        TypeError, match=r"type set, at tools\[0\]\.function\.parameters\.properties\.a\.enum\[1\]$"
    ) as caught:
        codec.dumps(body)
    assert "secret" not in "".join(format_exception(caught.value))
    with pytest.raises(TypeError, match=r"type object$"):
        codec.dumps(object())
