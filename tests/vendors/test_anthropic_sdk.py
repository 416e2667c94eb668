"""Anthropic's own client: Messages at home, on Vertex AI and on Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import anthropic
import pytest
from anthropic.lib.bedrock import AnthropicBedrock
from anthropic.lib.vertex import AnthropicVertex
from anthropic.types import Message

from tests.vendors.script import HEARD, KEY, LIMITED, OVERLOADED, TEXT, Heard, breaking, running, saying
from tokenrill.runners.emulator import Answer
from tokenrill.streams.parts import ToolCall
from tokenrill.streams.tokens import (
    Finish,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

MODEL = "claude-canary"
TURNS: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS: list[Any] = [{"name": name, "input_schema": {"type": "object"}} for name in ("get_weather", "get_time")]
Client: TypeAlias = Any  # the three clients have no type of their own in common
Connect: TypeAlias = Callable[..., Client]


def with_a_key(url: str, key: str = KEY) -> Client:
    return anthropic.Anthropic(api_key=key, base_url=url, max_retries=0)


def with_a_token(url: str, key: str = KEY) -> Client:
    return anthropic.Anthropic(auth_token=key, base_url=url, max_retries=0)


def on_vertex(url: str, key: str = KEY) -> Client:
    place: Any = {"region": "europe-west1", "project_id": "p-canary"}
    return AnthropicVertex(access_token=key, base_url=f"{url}/v1", max_retries=0, **place)


def on_bedrock(url: str, key: str = KEY) -> Client:
    keys: Any = {"aws_access_key": "AKIDCANARY", "aws_secret_key": key, "aws_region": "eu-west-1"}
    return AnthropicBedrock(base_url=url, max_retries=0, **keys)


def on_bedrock_with_a_key(url: str, key: str = KEY) -> Client:
    return AnthropicBedrock(base_url=url, max_retries=0, api_key=key, aws_region="eu-west-1")


# Amazon says no in its own words, before the stream and in it.
BEDROCK = (on_bedrock, on_bedrock_with_a_key)
everywhere = pytest.mark.parametrize(
    "connect",
    [with_a_key, with_a_token, on_vertex, on_bedrock, on_bedrock_with_a_key],
    ids=lambda connect: connect.__name__,
)


def told(client: Client) -> Any:
    return client.messages.stream(model=MODEL, max_tokens=99, messages=TURNS)


@everywhere
def test_a_message_is_heard_as_it_was_said(connect: Connect) -> None:
    asked: dict[str, Any] = {"max_tokens": 99, "messages": TURNS, "tools": TOOLS}
    with running(saying()) as server, connect(server.url) as client, client.messages.stream(model=MODEL, **asked) as it:
        deltas = "".join(it.text_stream)
        whole: Message = it.get_final_message()
    assert (whole.id, whole.model, whole.role, whole.stop_reason) == ("emulated-1", MODEL, "assistant", "tool_use")
    assert deltas == TEXT
    assert heard(whole) == HEARD
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (100, 20)


def heard(whole: Message) -> Heard:
    text = "".join(block.text for block in whole.content if block.type == "text")
    reasoning = "".join(block.thinking for block in whole.content if block.type == "thinking")
    blocks: list[Any] = [block for block in whole.content if block.type == "tool_use"]
    calls = tuple((block.id, block.name, block.input) for block in blocks)
    read = whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)
    return Heard(text, calls, reasoning, read, whole.usage.output_tokens)


def test_signatures_and_redacted_thoughts_are_handed_over_byte_for_byte() -> None:
    tokens = [
        ResponseStart("m1", MODEL),
        ReasoningDelta("Hm. ", 0),
        ReasoningDelta("Yes.", 0),
        ReasoningSignature("c2ln/+==", 0),
        ReasoningSignature("cmVkYWN0ZWQ=", 1, kind="redacted"),
        TextDelta("Yes.", 2),
        ToolCallStart("call_1", "now", 0),
        ToolCallEnd(0),
        Usage(3, 4),
        Finish("length", "max_tokens"),
    ]
    with running(Answer.tokens(tokens)) as server, with_a_key(server.url) as client, told(client) as stream:
        whole: Any = stream.get_final_message()
    thinking, redacted, text, call = whole.content
    assert (thinking.type, redacted.type, text.type, call.type) == ("thinking", "redacted_thinking", "text", "tool_use")
    assert (thinking.thinking, thinking.signature) == ("Hm. Yes.", "c2ln/+==")
    assert (redacted.data, text.text, call.input) == ("cmVkYWN0ZWQ=", "Yes.", {})
    assert whole.stop_reason == "max_tokens"


@everywhere
def test_a_refusal_of_the_server_is_the_clients_own_error(connect: Connect) -> None:
    refused = pytest.raises(anthropic.RateLimitError, match=r"Slow down, please\.")
    with running(Answer.refuse(LIMITED)) as server, connect(server.url) as client, refused as caught:
        client.messages.create(model=MODEL, max_tokens=99, messages=TURNS, stream=True)
    assert caught.value.response.headers["retry-after"] == "7"
    if connect not in BEDROCK:
        assert (caught.value.request_id, caught.value.type) == ("req-canary", "rate_limit_error")


@everywhere
def test_a_wrong_key_is_seen(connect: Connect) -> None:
    said = "The request signature we calculated" if connect is on_bedrock else "Incorrect API key"
    refused = pytest.raises(anthropic.APIStatusError, match=said)
    with running(saying()) as server, connect(server.url, "sk-wrong") as client, refused as caught:
        client.messages.create(model=MODEL, max_tokens=99, messages=TURNS, stream=True)
    assert caught.value.status_code == (403 if connect is on_bedrock else 401)


@everywhere
def test_an_error_in_the_stream_is_the_clients_own_error(connect: Connect) -> None:
    pieces: list[str] = []
    broken = pytest.raises(anthropic.APIStatusError, match=str(OVERLOADED))
    with running(breaking()) as server, connect(server.url) as client, told(client) as stream, broken as caught:
        pieces.extend(stream.text_stream)
    assert caught.value.type == ("serviceUnavailableException" if connect in BEDROCK else "overloaded_error")
    assert pieces
    assert TEXT.startswith("".join(pieces))


def test_arguments_that_are_no_json_reach_the_client_as_they_are() -> None:
    with running(saying(calls=[ToolCall("call_1", "draw", '{"half": ')])) as server, with_a_key(server.url) as client:
        events = client.messages.create(model=MODEL, max_tokens=99, messages=TURNS, tools=TOOLS, stream=True)
        written = [
            event.delta.partial_json
            for event in events
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta"
        ]
    assert "".join(written) == '{"half": '


def test_the_models_are_listed() -> None:
    with running(saying()) as server, with_a_key(server.url) as client:
        assert [model.id for model in client.models.list()] == ["emulator"]
