"""A background response that can no longer be streamed is fetched whole, and only the rest of it is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.operators.breaking import text_in
from tests.server import Connection, chunk, head, last_chunk, serving
from tests.sources.taking_up import KEPT, WIRE, settled
from tokenrill import (
    OPENAI_RESPONSES,
    CompletionRequest,
    MalformedEvent,
    Pipeline,
    StreamError,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    openai,
    resume,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace
from tokenrill.sources.continuations.poll import Poll
from tokenrill.sources.dialects.openai_responses.decode import ResponsesDecoder
from tokenrill.sources.dialects.openai_responses.rest import rest_of_response
from tokenrill.sources.provider import Provider
from tokenrill.streams.reply import ReplyBuilder

REQUEST = CompletionRequest(model="any", messages="Hi", extra=KEPT)
TEXT = "One, two, three, four, five, six."
EXPECTED = settled(OPENAI_RESPONSES.decode([WIRE]))


def payloads(wire: bytes) -> list[bytes]:
    return list(OPENAI_RESPONSES.framer().feed(wire))


WHOLE: dict[str, Any] = json.loads(payloads(WIRE)[-1])["response"]


def begun(count: int) -> tuple[ResponsesDecoder, list[StreamToken]]:
    """A decoder that has been told so many events, and what came of them."""
    decoder = ResponsesDecoder()
    return decoder, [token for payload in payloads(WIRE)[:count] for token in decoder.feed(payload)]


def folded(tokens: list[StreamToken]) -> Any:
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    return builder.reply().choices[0].parts


@pytest.mark.parametrize("count", range(1, len(payloads(WIRE))))
def test_after_any_event_the_rest_of_the_whole_is_what_had_not_been_told(count: int) -> None:
    decoder, tokens = begun(count)
    tokens += rest_of_response(decoder, WHOLE, folded(tokens))
    list(decoder.close())
    assert settled(tokens, arguments=True) == settled(EXPECTED, arguments=True)


def test_a_whole_that_begins_otherwise_is_an_error_and_no_mixture() -> None:
    decoder, tokens = begun(5)
    assert text_in(tokens)
    other = json.loads(json.dumps(WHOLE).replace("Es ist", "It is"))
    with pytest.raises(MalformedEvent, match="does not begin with what had been told"):
        list(rest_of_response(decoder, other, folded(tokens)))


def test_a_response_that_failed_meanwhile_is_its_error() -> None:
    decoder, tokens = begun(5)
    failed = {**WHOLE, "status": "failed", "error": {"code": "server_error", "message": "It broke."}}
    with pytest.raises(StreamError, match="It broke"):
        list(rest_of_response(decoder, failed, folded(tokens)))


def polling(provider: Provider, poll: Poll) -> Provider:
    ways = tuple(poll if way.name == "poll" else way for way in provider.continuations)
    return replace(provider, continuations=ways)


async def all_of(pipeline: Pipeline[StreamToken]) -> list[StreamToken]:
    async with pipeline.open(REQUEST) as tokens:
        return [token async for token in tokens]


async def test_after_five_minutes_it_is_polled_until_it_is_complete() -> None:
    now = 0.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    async def pass_at_once(seconds: float) -> None:
        nonlocal now
        now = max(now, 301.0)  # by the time the stream breaks

    answer = Answer.text(TEXT, pace=Pace(first_token=300, between_tokens=10), fault=Fault("cut", after_events=6))
    async with Emulator(answer, sleep=pass_at_once, clock=lambda: now) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url + "/v1")
        source = polling(provider, Poll(every=20, sleep=sleep))
        tokens = await all_of(StreamPipelineBuilder.source(source).pipe(resume()).build())
        await provider.aclose()
        targets = [call.target for call in server.calls]
    assert text_in(tokens) == TEXT
    assert [type(token).__name__ for token in tokens if type(token).__name__ != "TextDelta"] == [
        "ResponseStart",
        "Usage",
        "Finish",
    ]
    assert slept == [20, 20, 20]  # the last word comes after 350 s
    assert targets[1] == "/v1/responses/emulated-1?stream=true&starting_after=5"
    assert set(targets[2:]) == {"/v1/responses/emulated-1"}


async def test_one_that_is_never_complete_is_given_up() -> None:
    async def script(connection: Connection) -> None:
        line, _, _ = await connection.request()
        if line.startswith("POST"):
            await connection.send(head(connection="close"), chunk(WIRE[: len(WIRE) // 3]), last_chunk)
        elif "stream=true" in line:
            body = b'{"error":{"message":"This response can no longer be streamed","type":"invalid_request_error"}}'
            await connection.send(head(400, "application/json", length=len(body), connection="close"), body)
        else:
            body = b'{"id":"resp_1","status":"in_progress"}'
            await connection.send(head(200, "application/json", length=len(body), connection="close"), body)

    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        source = polling(provider, Poll(every=1, within=5, sleep=lambda _: asyncio.sleep(0)))
        with pytest.raises(StreamError) as caught:
            await all_of(StreamPipelineBuilder.source(source).pipe(resume(strategies=["sequence", "poll"])).build())
        await provider.aclose()
    assert caught.value.__notes__ == [
        "not resumed: sequence failed with InvalidRequest, poll failed with StreamStalled",
    ]
    assert not isinstance(caught.value, StreamStalled)
    assert len(server.requests) == 2 + 6
