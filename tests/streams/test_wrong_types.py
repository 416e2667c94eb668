"""What is easily passed by mistake is refused where it is passed, in words that say what to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Replay,
    StreamPipelineBuilder,
    ToolCall,
    ToolResult,
    accumulate,
    console,
    openai,
    resilient,
)
from tokenrill.runners.emulator import Emulator

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
