"""Errors and replies travel between processes, whole."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from tokenrill import (
    Choice,
    Citation,
    Finish,
    ReasoningPart,
    RefusalPart,
    Reply,
    StreamError,
    Text,
    ToolCall,
    Usage,
)

SAMPLES: dict[str, Any] = {
    "message": "it broke",
    "provider": "openai",
    "request_id": "req_1",
    "retryable": True,
    "retry_after": 1.5,
    "phase": "idle",
    "limit": 30,
    "status": 429,
    "code": "rate_limit_exceeded",
    "kind": "requests",
    "name": "max_event_bytes",
    "source": "provider",
}
PARTIAL = Reply(
    id="r1",
    model="m",
    request_id="req_1",
    choices=(
        Choice(
            parts=(Text("Hi"), ReasoningPart("hm"), RefusalPart("no"), ToolCall("c1", "add", '{"a":1}')),
            citations=(Citation(url="https://example.com/", raw={"n": 1}),),
            finish=Finish("stop", "stop"),
        ),
    ),
    usage=Usage(3, 5, raw={"prompt_tokens": 3}),
)


def kinds_of_error(kind: type[StreamError] = StreamError) -> Iterator[type[StreamError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of_error(below)


def made(kind: type[StreamError]) -> StreamError:
    """An error of this kind, with a value in every field that any of its constructors takes."""
    names = {
        name
        for ancestor in kind.__mro__
        if issubclass(ancestor, StreamError) and "__init__" in vars(ancestor)
        for name, parameter in inspect.signature(ancestor).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    own = inspect.signature(kind).parameters
    error = kind(**{name: SAMPLES[name] for name in names if name in own or name != "message"})
    error.partial, error.usage = PARTIAL, PARTIAL.usage
    return error


@pytest.mark.parametrize("kind", list(kinds_of_error()), ids=lambda kind: kind.__name__)
def test_an_error_can_be_sent_to_another_process(kind: type[StreamError]) -> None:
    error = made(kind)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(error, protocol))
        assert type(twin) is kind
        assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
    assert error.retryable
    assert error.partial == PARTIAL


def test_a_reply_can_be_sent_to_another_process() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(PARTIAL, protocol)) == PARTIAL
