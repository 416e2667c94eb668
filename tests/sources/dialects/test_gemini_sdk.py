"""What the dialects write, read by the vendor's own client over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.server import Connection, chunk, head, last_chunk, serving
from tokenrill import (
    GEMINI,
    GEMINI_INTERACTIONS,
    Finish,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialect import Dialect

genai = pytest.importorskip("google.genai", reason="the google-genai SDK is not installed")

TOKENS: list[StreamToken] = [
    ResponseStart("r1", "gemini-3-pro"),
    ReasoningDelta("Let me"),
    ReasoningDelta(" think."),
    ReasoningSignature("U0lH", kind="thought_signature"),
    TextDelta("Hel"),
    TextDelta("lo ☃"),
    ToolCallStart("c1", "get_weather", 0, signature="U0lHMg=="),
    ToolCallDelta('{"city":'),
    ToolCallDelta('"Paris"}'),
    ToolCallEnd(),
    Usage(13, 12, 4, 0, 7),
    Finish("tool_calls", None),
]


def script_of(dialect: Dialect, tokens: Sequence[StreamToken]) -> Any:
    async def script(connection: Connection) -> None:
        await connection.request()
        encoder = dialect.encode({"model": "gemini-3-pro"})
        wire = [piece for token in tokens for piece in encoder.feed(token)] + list(encoder.close())
        await connection.send(head(), *map(chunk, wire), last_chunk)
        await connection.gone()

    return script


def client_of(url: str) -> Any:
    return genai.Client(api_key="example", http_options={"base_url": url})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_generate_content_reads_what_was_meant() -> None:
    async with serving(script_of(GEMINI, TOKENS)) as server:
        client = client_of(server.url)
        stream = await client.aio.models.generate_content_stream(model="gemini-3-pro", contents="Hi")
        chunks = [one async for one in stream]
        await client.aio.aclose()
        client.close()
    contents: list[Any] = [one.candidates[0].content for one in chunks]
    parts: list[Any] = [part for content in contents if content for part in content.parts]
    assert "".join(part.text for part in parts if part.text and part.thought) == "Let me think."
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Hello ☃"
    assert [part.thought_signature for part in parts if part.thought_signature] == [b"SIG", b"SIG2"]
    call = next(part.function_call for part in parts if part.function_call)
    assert (call.id, call.name, call.args) == ("c1", "get_weather", {"city": "Paris"})
    last = chunks[-1]
    assert last.candidates[0].finish_reason == "STOP"
    assert (last.response_id, last.model_version) == ("r1", "gemini-3-pro")
    used = last.usage_metadata
    assert (used.prompt_token_count, used.candidates_token_count, used.thoughts_token_count) == (13, 5, 7)
    assert used.cached_content_token_count == 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
async def test_interactions_read_what_was_meant() -> None:
    async with serving(script_of(GEMINI_INTERACTIONS, TOKENS)) as server:
        client = client_of(server.url)
        stream = await client.aio.interactions.create(model="gemini-3-pro", input="Hi", stream=True)
        events = [event async for event in stream]
        await client.aio.aclose()
        client.close()
    kinds = [event.event_type for event in events]
    step = ["step.start", "step.delta", "step.delta"]
    assert kinds == [
        "interaction.created",
        "interaction.status_update",
        *(*step, "step.delta", "step.stop"),
        *(*step, "step.stop"),
        *(*step, "step.stop"),
        "interaction.completed",
    ]
    deltas: list[Any] = [event.delta for event in events if event.event_type == "step.delta"]
    assert "".join(delta.text for delta in deltas if delta.type == "text") == "Hello ☃"
    assert "".join(delta.arguments for delta in deltas if delta.type == "arguments_delta") == '{"city":"Paris"}'
    assert "".join(delta.content.text for delta in deltas if delta.type == "thought_summary") == "Let me think."
    interaction: Any = events[-1].interaction
    assert (interaction.id, interaction.status) == ("r1", "requires_action")
    assert (interaction.usage.total_input_tokens, interaction.usage.total_output_tokens) == (13, 5)
