"""Answers of every provider that break off are gone on with, in the way that the provider has."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.operators.breaking import text_in
from tests.server import Connection, chunk, head, last_chunk, serving
from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Finish,
    InvalidRequest,
    Message,
    Reasoning,
    Replay,
    ResponseStart,
    Seam,
    StreamError,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    ToolCall,
    Usage,
    anthropic,
    azure,
    bedrock,
    compatible,
    gemini,
    openai,
    resume,
    vertex,
    xai,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault
from tokenrill.sources.continuations.prefill import old_claude
from tokenrill.sources.continuations.ways import deepseek_beta
from tokenrill.streams.types import Source

TEXT = "One, two, three, four, five, six, seven, eight, nine, ten."
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-6"


async def token() -> str:
    return "any"


def providers(url: str) -> dict[str, tuple[Any, str, str]]:
    """Each provider with a model, and the way that an answer of it is gone on with."""
    keys: dict[str, Any] = {"api_key": "any"}
    chat = f"{url}/v1"
    aws: dict[str, Any] = {**keys, "region": "eu-west-1", "endpoint_url": url}
    google: dict[str, Any] = {"project": "p", "location": "global", "credentials": token, "base_url": url}
    return {
        "openai": (openai(**keys, base_url=chat), "gpt-4o", "message"),
        "responses": (openai(**keys, base_url=chat, api="responses"), "gpt-5", "message"),
        "azure": (azure(**keys, endpoint=url, api_version="v1"), "gpt-4o", "message"),
        "anthropic": (anthropic(**keys, base_url=url), OLD, "prefill"),
        "anthropic.new": (anthropic(**keys, base_url=url), NEW, "message"),
        "gemini": (gemini(**keys, base_url=url), "gemini-3.8-flash", "message"),
        "xai": (xai(**keys, base_url=chat), "grok-4.3", "message"),
        "bedrock": (bedrock(**aws), f"eu.anthropic.{OLD}-v1:0", "prefill"),
        "bedrock.invoke": (bedrock(**aws, api="invoke"), f"anthropic.{OLD}-v1:0", "prefill"),
        "bedrock.nova": (bedrock(**aws), "amazon.nova-lite-v1:0", "message"),
        "vertex.claude": (vertex("claude", **google), "claude-sonnet-4-5@20250929", "prefill"),
        "vertex.gemini": (vertex("gemini", **google), "gemini-3.8-flash", "message"),
        "mistral": (compatible("mistral", **keys, base_url=chat), "mistral-large-latest", "prefill"),
        "deepseek": (compatible("deepseek", **keys, base_url=chat), "deepseek-chat", "message"),
        "groq": (compatible("groq", **keys, base_url=chat), "llama-3.3-70b-versatile", "message"),
        "openrouter": (compatible("openrouter", **keys, base_url=chat), f"anthropic/{OLD}", "prefill"),
        "ollama": (compatible("ollama", base_url=url), "qwen3", "message"),
    }


async def all_of(source: Source, request: CompletionRequest, **options: Any) -> list[StreamToken]:
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(wait=[0], **options)).build()
    try:
        async with pipeline.open(request) as tokens:
            return [token async for token in tokens]
    finally:
        await source.aclose()


@pytest.mark.parametrize("kind", ["cut", "reset", "error"])
@pytest.mark.parametrize("name", providers("http://127.0.0.1:9"))
async def test_the_text_is_whole_and_the_seam_says_how(name: str, kind: Any) -> None:
    answers = [Answer.text(TEXT, fault=Fault(kind, after_events=6)), Answer.text(TEXT)]
    async with Emulator(answers) as server:
        source, model, way = providers(server.url)[name]
        tokens = await all_of(source, CompletionRequest(model=model, messages="Count to ten."))
    assert text_in(tokens) == TEXT
    seams = [token for token in tokens if isinstance(token, Seam)]
    assert [(seam.provider, seam.reason.split()[0]) for seam in seams] == [(source.name, way)]
    assert sum(isinstance(token, ResponseStart) for token in tokens) == 1
    assert [type(token) for token in tokens[-2:]] == [Usage, Finish]
    assert sum(isinstance(token, (Usage, Finish)) for token in tokens) == 2


@pytest.mark.parametrize("kind", ["reset", "close", "error"])
@pytest.mark.parametrize("name", ["openai", "azure", "anthropic", "bedrock", "bedrock.invoke", "vertex.claude"])
async def test_what_lacks_nothing_but_its_end_mark_is_whole(name: str, kind: Any) -> None:
    async with Emulator([Answer.text(TEXT, fault=Fault(kind, "after_finish")), Answer.text("Twice.")]) as server:
        source, model, _ = providers(server.url)[name]
        tokens = await all_of(source, CompletionRequest(model=model, messages="Count to ten."))
        assert len(server.calls) == 1
    assert text_in(tokens) == TEXT
    assert [type(token) for token in tokens[-2:]] == [Usage, Finish]
    assert not [token for token in tokens if isinstance(token, Seam)]


async def bodies(server: Emulator, source: Source, request: CompletionRequest, **options: Any) -> list[Any]:
    await all_of(source, request, **options)
    return [json.loads(call.body) for call in server.calls]


async def test_a_prefill_ends_in_no_white_space_and_the_text_has_it_once() -> None:
    text = "First line.  \n\nSecond line. Third."
    cut = [*"First line.", "  \n\n"]
    words = Answer.tokens([ResponseStart("r", OLD), *(word(piece) for piece in cut)])
    async with Emulator([words, Answer.text(text)]) as server:
        source = anthropic(api_key="any", base_url=server.url)
        request = CompletionRequest(model=OLD, messages="Go.", max_tokens=100)
        tokens = await all_of(source, request)
        sent = json.loads(server.calls[1].body)
    assert text_in(tokens) == text
    assert sent["messages"][-1] == {"role": "assistant", "content": "First line."}
    assert 90 <= sent["max_tokens"] < 100  # what is left of it


def word(text: str) -> StreamToken:
    return TextDelta(text)


async def test_a_prefill_that_is_refused_after_all_gives_place_to_a_message() -> None:
    no = Answer.refuse(InvalidRequest("This model does not support assistant message prefill.", status=400))
    async with Emulator([Answer.text(TEXT, fault=Fault("cut", after_events=6)), no, Answer.text(TEXT)]) as server:
        tokens = await all_of(
            anthropic(api_key="any", base_url=server.url), CompletionRequest(model=OLD, messages="Count.")
        )
        roles = [[turn["role"] for turn in json.loads(call.body)["messages"]] for call in server.calls]
    assert text_in(tokens) == TEXT
    assert roles == [["user"], ["user", "assistant"], ["user", "assistant", "user"]]


async def test_a_model_that_is_to_reason_is_asked_by_a_message() -> None:
    answers = [Answer.text(TEXT, reasoning="Hm, hm.", fault=Fault("cut", after_events=12)), Answer.text(TEXT)]
    async with Emulator(answers) as server:
        request = CompletionRequest(model=OLD, messages="Count.", reasoning=Reasoning(budget_tokens=2000))
        tokens = await all_of(anthropic(api_key="any", base_url=server.url), request)
        sent = json.loads(server.calls[1].body)
    assert text_in(tokens) == TEXT
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert "Hm" not in json.dumps(sent["messages"]), "reasoning that was cut is not handed back"


async def test_an_answer_that_the_user_had_begun_is_gone_on_with() -> None:
    turns = (Message.user("Count."), Message.assistant("Here it is: "))
    answers = [Answer.tokens([ResponseStart("r", OLD), word("One, "), word("two")]), Answer.text(", three.")]
    async with Emulator(answers) as server:
        source = anthropic(api_key="any", base_url=server.url)
        sent = await bodies(server, source, CompletionRequest(model=OLD, messages=turns))
    assert sent[1]["messages"][-1] == {"role": "assistant", "content": "Here it is: One, two"}


async def test_a_call_that_was_cut_is_asked_for_again_whole() -> None:
    answer = Answer.text("Let me see.", tool_calls=[ToolCall("c1", "add", '{"a": 1, "b": 2}')])
    async with Emulator([replace(answer, fault=Fault("cut", "mid_tool_arguments")), answer]) as server:
        tokens = await all_of(
            openai(api_key="any", base_url=server.url + "/v1"),
            CompletionRequest(model="gpt-4o", messages="Add."),
            tools="hold",
        )
    assert text_in(tokens) == "Let me see."
    names = [type(token).__name__ for token in tokens]
    assert names.count("ToolCallStart") == names.count("ToolCallEnd") == 1
    assert "".join(getattr(token, "arguments", "") for token in tokens) == '{"a": 1, "b": 2}'


async def test_an_echoed_prefix_is_left_out() -> None:
    answers = [Answer.text(TEXT, fault=Fault("cut", after_events=6)), Answer.tokens([word(TEXT), Finish("stop")])]
    async with Emulator(answers) as server:
        source = compatible("mistral", api_key="any", base_url=server.url + "/v1")
        tokens = await all_of(source, CompletionRequest(model="mistral-large", messages="Count."))
        last = json.loads(server.calls[1].body)["messages"][-1]
    assert text_in(tokens) == TEXT
    assert last == {"role": "assistant", "content": "One, two, three, four, five,", "prefix": True}


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-3-haiku-20240307", True),
        ("claude-3-7-sonnet-latest", True),
        ("claude-opus-4-20250514", True),
        ("claude-sonnet-4@20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-haiku-4-5", True),
        ("anthropic/claude-sonnet-4.5", True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-4-6@20260217", False),
        ("claude-opus-4-15", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5-2", False),
        ("gpt-4o", False),
    ],
)
def test_who_takes_a_prefill(model: str, takes: bool) -> None:
    assert old_claude(model) is takes


def test_deepseek_takes_prefixes_at_its_own_address_only() -> None:
    assert deepseek_beta("https://api.deepseek.com/v1/chat/completions") == (
        "https://api.deepseek.com/beta/chat/completions"
    )
    assert deepseek_beta("http://127.0.0.1:8080/v1/chat/completions") is None


def recording(tokens: Sequence[StreamToken]) -> bytes:
    encoder = OPENAI_CHAT.encode({})
    return b"".join([data for token in tokens for data in encoder.feed(token)] + list(encoder.close()))


WIRE = recording([ResponseStart("r", "m"), *(word(one) for one in TEXT.split(" ")), Finish("stop")])


def played(source: Source, seen: Callable[[], object] = lambda: None) -> list[StreamToken]:
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(wait=[0])).build()
    tokens: list[StreamToken] = []
    errors: list[Exception] = []

    def take(token: StreamToken) -> None:
        tokens.append(token)
        seen()

    pipeline.stream(CompletionRequest(model="m", messages="x")).subscribe(take, errors.append)
    assert errors == []
    return tokens


def test_a_recording_that_is_still_written_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "answer.sse"
    whole = played(Replay(WIRE, OPENAI_CHAT))
    assert text_in(whole) == TEXT.replace(" ", "")
    for cut in range(WIRE.index(b"One") + 60, WIRE.index(b'"stop"'), 37):
        path.write_bytes(WIRE[:cut])
        assert played(Replay(path, OPENAI_CHAT, cut=50), lambda: path.write_bytes(WIRE)) == whole, cut


async def test_a_recording_that_ends_in_the_middle_ends_there() -> None:
    pipeline = StreamPipelineBuilder.source(Replay(WIRE[:-300], OPENAI_CHAT)).pipe(resume()).build()
    with pytest.raises(StreamError) as caught:
        await pipeline.stream(CompletionRequest(model="m", messages="x"))
    assert caught.value.__notes__ == ["not resumed: refused: recording: the recording ends there"]


INTERACTION = [
    {"event_type": "interaction.created", "interaction": {"id": "int_1", "model": "gemini"}},
    {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
    *(
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": word}}
        for word in ("One, ", "two, ", "three.")
    ),
    {"event_type": "step.stop", "index": 0},
    {"event_type": "interaction.completed", "interaction": {"id": "int_1", "status": "completed"}},
]


@pytest.mark.parametrize("count", range(1, len(INTERACTION)))
@pytest.mark.parametrize("repeats", [False, True])
async def test_an_interaction_goes_on_after_its_last_event(count: int, repeats: bool) -> None:
    events = [
        b"data: " + json.dumps({**event, "event_id": f"e/{number}"}).encode() + b"\n\n"
        for number, event in enumerate(INTERACTION)
    ]

    async def script(connection: Connection) -> None:
        line, _, _ = await connection.request()
        rest = events[count - repeats :] if line.startswith("GET") else events[:count]
        await connection.send(head(connection="close"), chunk(b"".join(rest)), last_chunk)

    async with serving(script) as server:
        source = gemini(api_key="any", base_url=server.url.removesuffix("/v1"), api="interactions")
        tokens = await all_of(source, CompletionRequest(model="gemini", messages="Count."))
    assert text_in(tokens) == "One, two, three."
    assert not [one for one in tokens if isinstance(one, Seam)]
    line = server.requests[1][0]
    assert line == f"GET /v1beta/interactions/int_1?stream=true&last_event_id=e%2F{count - 1} HTTP/1.1"
