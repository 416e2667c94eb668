"""xAI: exactly what is sent, and answers that are fetched later. https://docs.x.ai/developers/rest-api-reference"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.server import Connection, Server, head, serving
from tests.sources.golden import KEY, sent
from tokenrill import (
    CompletionRequest,
    ConnectionLost,
    Finish,
    InvalidRequest,
    MalformedEvent,
    MissingCredential,
    Pipeline,
    Reasoning,
    ReasoningDelta,
    ResponseStart,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    xai,
    xai_deferred,
)

ASK = CompletionRequest(model="grok-4.5", messages="Hi", max_tokens=16, reasoning=Reasoning(effort="high"))
MESSAGES = [{"role": "user", "content": "Hi"}]
HEADERS = {"content-type": "application/json", "accept": "text/event-stream", "authorization": f"Bearer {KEY}"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 2}}
MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": "42.",
    "reasoning_content": "Divide.",
    "refusal": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
ANSWER: dict[str, Any] = {
    "id": "r1",
    "object": "chat.completion",
    "model": "grok-4.5",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}],
    "usage": USAGE,
}
ACCEPTED = (202, b"")
READY = (200, json.dumps(ANSWER).encode())


async def test_a_chat_completion() -> None:
    """https://docs.x.ai/developers/rest-api-reference/inference/chat#chat-completions"""
    assert await sent(xai(api_key=KEY), ASK) == (
        "POST",
        "https://api.x.ai/v1/chat/completions",
        HEADERS,
        {
            "model": "grok-4.5",
            "messages": MESSAGES,
            "max_completion_tokens": 16,
            "reasoning_effort": "high",
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    )


async def test_a_response() -> None:
    """https://docs.x.ai/developers/rest-api-reference/inference/chat#create-new-response"""
    assert await sent(xai(api_key=KEY, api="responses"), ASK) == (
        "POST",
        "https://api.x.ai/v1/responses",
        HEADERS,
        {
            "model": "grok-4.5",
            "input": MESSAGES,
            "max_output_tokens": 16,
            "reasoning": {"effort": "high"},
            "include": ["reasoning.encrypted_content"],
            "stream": True,
        },
    )


def test_what_cannot_be_used_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    with pytest.raises(MissingCredential, match="XAI_API_KEY"):
        xai()
    with pytest.raises(ValueError, match="chat or responses"):
        xai(api_key=KEY, api="grpc")  # pyright: ignore[reportArgumentType]
    for every, within in ((0.0, 1.0), (2.0, 1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="every and within"):
            xai_deferred(api_key=KEY, every=every, within=within)


class Later:
    """A server that answers the first request with an id, and each look with what comes next; None breaks off."""

    def __init__(self, looks: Sequence[tuple[int, bytes] | None], first: bytes = b'{"request_id":"q/1"}') -> None:
        self.looks = list(looks)
        self.first = first
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, connection: Connection) -> None:
        request = await connection.request()
        self.requests.append(request)
        given = (200, self.first) if request[0].startswith("POST") else self.looks.pop(0)
        if given is not None:
            status, body = given
            await connection.send(head(status, "application/json", length=len(body), connection="close"), body)


def asking(server: Server, within: float = 60.0) -> tuple[Pipeline[StreamToken], list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    source = replace(xai_deferred(api_key=KEY, base_url=server.url, within=within), sleep=sleep)
    return StreamPipelineBuilder.source(source).build(), slept


async def collected(pipeline: Pipeline[StreamToken]) -> list[StreamToken]:
    async with pipeline.open(ASK) as tokens:
        return [token async for token in tokens]


async def test_a_deferred_answer_is_asked_for_once_and_fetched_when_it_is_ready() -> None:
    """https://docs.x.ai/developers/advanced-api-usage/deferred-chat-completions"""
    later = Later([ACCEPTED, ACCEPTED, READY])
    async with serving(later) as server:
        pipeline, slept = asking(server)
        tokens = await collected(pipeline)
    assert tokens == [
        ResponseStart("r1", "grok-4.5"),
        ReasoningDelta("Divide."),
        TextDelta("42."),
        ToolCallStart("c1", "f"),
        ToolCallDelta("{}"),
        ToolCallEnd(),
        Usage(5, 4, reasoning_output_tokens=2, raw=USAGE),
        Finish("tool_calls", "tool_calls"),
    ]
    assert slept == [10.0, 10.0, 10.0]
    post, *looks = later.requests
    assert post[0] == "POST /v1/chat/completions HTTP/1.1"
    assert json.loads(post[2]) == {
        "model": "grok-4.5",
        "messages": MESSAGES,
        "max_completion_tokens": 16,
        "reasoning_effort": "high",
        "deferred": True,
    }
    assert [look[0] for look in looks] == ["GET /v1/chat/deferred-completion/q%2F1 HTTP/1.1"] * 3
    assert all(look[1]["authorization"] == f"Bearer {KEY}" and look[2] == b"" for look in looks)


async def test_a_look_that_fails_costs_only_the_next_look() -> None:
    later = Later([(503, b'{"error":"busy"}'), None, READY])
    async with serving(later) as server:
        pipeline, slept = asking(server)
        assert (await collected(pipeline))[-1] == Finish("tool_calls", "tool_calls")
    assert (later.looks, len(slept) > 1) == ([], True)


async def test_an_answer_that_is_gone_is_an_error() -> None:
    async with serving(Later([(404, b'{"code":"Not found","error":"no such request"}')])) as server:
        with pytest.raises(InvalidRequest, match="no such request"):
            await collected(asking(server)[0])


async def test_an_answer_that_breaks_off_while_it_comes_is_an_error_since_it_can_be_read_once() -> None:
    async def script(connection: Connection) -> None:
        first = b'{"request_id":"q"}'
        await connection.request()
        await connection.send(head(200, "application/json", length=len(first)), first)
        await connection.request()
        await connection.send(head(200, "application/json", length=100), b'{"id"')

    async with serving(script) as server:
        with pytest.raises(ConnectionLost):
            await collected(asking(server)[0])


async def test_it_gives_up_after_the_given_time() -> None:
    async with serving(Later([ACCEPTED] * 3)) as server:
        pipeline, slept = asking(server, within=30.0)
        with pytest.raises(StreamStalled, match="total"):
            await collected(pipeline)
    assert slept == [10.0, 10.0, 10.0]


async def test_an_answer_without_an_id_is_malformed() -> None:
    async with serving(Later([], b"{}")) as server:
        with pytest.raises(MalformedEvent, match="request_id"):
            await collected(asking(server)[0])


async def test_disposing_stops_the_looking() -> None:
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(Later([])) as server:
        source = replace(xai_deferred(api_key=KEY, base_url=server.url), sleep=sleep)
        subscription = StreamPipelineBuilder.source(source).build().stream(ASK).subscribe()
        await asyncio.wait_for(waiting.wait(), 30)
        subscription.dispose()
        await asyncio.wait_for(cancelled.wait(), 30)
        await source.aclose()
