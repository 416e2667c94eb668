"""What the dialect writes, read by the vendor's own client over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.server import Connection, chunk, head, last_chunk, serving
from tokenrill import (
    OPENAI_RESPONSES,
    Citation,
    Finish,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

openai = pytest.importorskip("openai", reason="the openai SDK is not installed")

START = ResponseStart("resp_1", "gpt-5")
PAGE = {"type": "url_citation", "url": "https://e.example", "title": "E", "start_index": 0, "end_index": 2}
SEARCH = {"id": "ws_2", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}


async def read_by_the_sdk(tokens: Sequence[StreamToken]) -> tuple[list[str], Any]:
    """The types of the events that ``responses.stream`` gave, and its final response."""

    async def script(connection: Connection) -> None:
        await connection.request()
        encoder = OPENAI_RESPONSES.encode({"model": "gpt-5"})
        wire = [piece for token in tokens for piece in encoder.feed(token)] + list(encoder.close())
        await connection.send(head(), *map(chunk, wire), last_chunk)
        await connection.gone()

    async with serving(script) as server:
        client = openai.AsyncOpenAI(api_key="sk-example", base_url=server.url, max_retries=0)
        async with client, client.responses.stream(model="gpt-5", input="Hi") as stream:
            kinds = [event.type async for event in stream]
            return kinds, await stream.get_final_response()


async def test_reasoning_text_citations_and_usage_come_through() -> None:
    kinds, response = await read_by_the_sdk(
        [
            START,
            ReasoningSignature("rs_9", 0, 0, "id"),
            ReasoningDelta("Let me", 0),
            ReasoningDelta(" think.", 0),
            ReasoningSignature("gAAA==", 0, 0, "encrypted"),
            TextDelta("Hel", 1),
            TextDelta("lo", 1),
            Citation("https://e.example", "E", index=1, raw=PAGE),
            Usage(5, 4, 3, 1, 2),
            Finish("stop", "completed"),
        ]
    )
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    reasoning, message = response.output
    assert (reasoning.id, reasoning.encrypted_content, reasoning.summary[0].text) == (
        "rs_9",
        "gAAA==",
        "Let me think.",
    )
    assert (response.output_text, message.content[0].annotations[0].url) == ("Hello", "https://e.example")
    assert (response.id, response.model, response.status) == ("resp_1", "gpt-5", "completed")
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 4, 9)
    assert usage.input_tokens_details.cached_tokens == 3
    assert usage.output_tokens_details.reasoning_tokens == 2


async def test_calls_refusals_and_hosted_tools_come_through() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": {**SEARCH, "status": "in_progress"}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": SEARCH}
    _, response = await read_by_the_sdk(
        [
            START,
            Raw("response.output_item.added", added),
            Raw("response.output_item.done", done),
            RefusalDelta("No.", 1),
            ToolCallStart("call_1", "weather", 0),
            ToolCallStart("call_2", "time", 1),
            ToolCallDelta('{"city":', 0),
            ToolCallDelta("{}", 1),
            ToolCallDelta('"Graz"}', 0),
            ToolCallEnd(0),
            ToolCallEnd(1),
            ToolCallStart("call_3", "patch", 2, 0, '{"type":"custom_tool_call"}'),
            ToolCallDelta("*** Begin", 2),
            ToolCallEnd(2),
            Finish("tool_calls", "completed"),
        ]
    )
    search, message, weather, time, patch = response.output
    assert (search.type, message.content[0].refusal) == ("web_search_call", "No.")
    assert (weather.call_id, weather.name, weather.arguments) == ("call_1", "weather", '{"city":"Graz"}')
    assert (time.call_id, time.arguments) == ("call_2", "{}")
    assert (patch.type, patch.input) == ("custom_tool_call", "*** Begin")


async def test_tokens_of_other_dialects_come_through_though_their_parts_are_not_numbered() -> None:
    _, response = await read_by_the_sdk(
        [
            START,
            ReasoningDelta("Hm."),
            TextDelta("Hi"),
            Citation(
                "https://e.example", "E", raw={"type": "url_citation", "url_citation": {"url": "https://e.example"}}
            ),
            ToolCallStart("call_1", "f", 0),
            ToolCallDelta("{}", 0),
            ToolCallEnd(0),
            Usage(1, 1, raw={"prompt_tokens": 1}),
            Finish("tool_calls", "tool_calls"),
        ]
    )
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert (response.output_text, response.usage.total_tokens) == ("Hi", 2)
    assert response.output[1].content[0].annotations[0].url == "https://e.example"


@pytest.mark.parametrize(
    ("finish", "kind", "reason"),
    [
        (Finish("length", "length"), "response.incomplete", "max_output_tokens"),
        (Finish("content_filter"), "response.incomplete", "content_filter"),
        (Finish("error", "error"), "response.failed", None),
    ],
)
async def test_an_answer_that_ends_otherwise_says_so(finish: Finish, kind: str, reason: str | None) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        encoder = OPENAI_RESPONSES.encode({"model": "gpt-5"})
        wire = [piece for token in (START, TextDelta("Hi"), finish) for piece in encoder.feed(token)]
        await connection.send(head(), *map(chunk, [*wire, *encoder.close()]), last_chunk)
        await connection.gone()

    async with serving(script) as server:
        client = openai.AsyncOpenAI(api_key="sk-example", base_url=server.url, max_retries=0)
        async with client:
            events = [event async for event in await client.responses.create(model="m", input="Hi", stream=True)]
    last = events[-1]
    assert last.type == kind
    assert (last.response.incomplete_details and last.response.incomplete_details.reason) == reason
    assert [event.sequence_number for event in events] == list(range(len(events)))
