"""Google's own client: generateContent from Google AI Studio and from Vertex AI, and Interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from tests.vendors.script import CALLS, HEARD, KEY, LIMITED, OVERLOADED, TEXT, Heard, breaking, running, saying
from tokenrill.runners.emulator import Answer
from tokenrill.streams.tokens import Finish, ResponseStart, TextDelta, Usage

MODEL = "gemini-canary"
Client: TypeAlias = Any  # the types of its methods are only partly known
Connect: TypeAlias = Callable[..., Client]
TOOLS: Any = types.GenerateContentConfig(
    tools=[
        types.Tool(function_declarations=[types.FunctionDeclaration(name=name) for name in ("get_weather", "get_time")])
    ]
)


def in_the_studio(url: str, key: str = KEY) -> Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


def on_vertex(url: str, key: str = KEY) -> Client:
    place: Any = {"vertexai": True, "project": "p-canary", "location": "europe-west1"}
    return genai.Client(credentials=Credentials(key), http_options=types.HttpOptions(base_url=url), **place)


everywhere = pytest.mark.parametrize("connect", [in_the_studio, on_vertex], ids=lambda connect: connect.__name__)


def chunks(client: Client, config: Any = TOOLS) -> Iterable[types.GenerateContentResponse]:
    return client.models.generate_content_stream(model=MODEL, contents="Hello", config=config)


@everywhere
def test_an_answer_is_heard_as_it_was_said(connect: Connect) -> None:
    with running(saying()) as server, connect(server.url) as client:
        heard = list(chunks(client))
        assert [(call.method, call.status) for call in server.calls] == [("POST", 200)]
        request = server.calls[0].request
    assert request is not None
    assert (request.model, [tool.name for tool in request.tools]) == (MODEL, ["get_weather", "get_time"])
    parts: list[Any] = [part for chunk in heard for part in parts_of(chunk)]
    text = "".join(part.text for part in parts if part.text and not part.thought)
    reasoning = "".join(part.text for part in parts if part.text and part.thought)
    functions = [part.function_call for part in parts if part.function_call]
    usage: Any = heard[-1].usage_metadata
    written = usage.candidates_token_count + usage.thoughts_token_count
    calls = tuple((call.id, call.name, call.args) for call in functions)
    assert Heard(text, calls, reasoning, usage.prompt_token_count, written) == HEARD
    assert (usage.cached_content_token_count, usage.thoughts_token_count) == (20, 12)
    assert {(chunk.response_id, chunk.model_version) for chunk in heard} == {("emulated-1", MODEL)}
    assert [
        candidate.finish_reason for chunk in heard for candidate in chunk.candidates or () if candidate.finish_reason
    ] == [types.FinishReason.STOP]


def parts_of(chunk: Any) -> list[Any]:
    content = chunk.candidates[0].content if chunk.candidates else None
    return list(content.parts) if content and content.parts else []


@everywhere
def test_a_blocked_answer_is_seen(connect: Connect) -> None:
    tokens = [ResponseStart("r1", MODEL), TextDelta("I "), Usage(3, 1), Finish("content_filter", "RECITATION")]
    with running(Answer.tokens(tokens)) as server, connect(server.url) as client:
        last: Any = list(chunks(client))[-1]
    assert last.candidates[0].finish_reason == types.FinishReason.RECITATION


@everywhere
def test_a_refusal_of_the_server_is_the_clients_own_error(connect: Connect) -> None:
    refused: Any = pytest.raises(errors.ClientError, match=r"Slow down, please\.")
    with running(Answer.refuse(LIMITED)) as server, connect(server.url) as client, refused as caught:
        list(chunks(client))
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.details["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    ]


@everywhere
def test_a_wrong_key_is_seen(connect: Connect) -> None:
    refused = pytest.raises(errors.ClientError, match="Incorrect API key")
    with running(saying()) as server, connect(server.url, "sk-wrong") as client, refused:
        list(chunks(client))


@everywhere
def test_an_error_in_the_stream_is_the_clients_own_error(connect: Connect) -> None:
    heard: list[Any] = []
    broken = pytest.raises(errors.ServerError, match=str(OVERLOADED))
    with running(breaking()) as server, connect(server.url) as client, broken as caught:
        heard.extend(chunks(client))
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    text = "".join(part.text for chunk in heard for part in parts_of(chunk))
    assert text
    assert TEXT.startswith(text)


def interaction(client: Client) -> Any:
    return client.interactions.create(model=MODEL, input="Hello", stream=True)


def test_an_interaction_is_heard_as_it_was_said() -> None:
    text, reasoning, arguments = "", "", dict[int, str]()
    named: dict[int, tuple[str, str]] = {}
    with running(saying()) as server, in_the_studio(server.url) as client:
        events: list[Any] = list(interaction(client))
    for event in events:
        match event.event_type:
            case "step.start" if event.step.type == "function_call":
                named[event.index] = (event.step.id, event.step.name)
            case "step.delta" if event.delta.type == "text":
                text += event.delta.text
            case "step.delta" if event.delta.type == "thought_summary":
                reasoning += event.delta.content.text
            case "step.delta" if event.delta.type == "arguments_delta":
                arguments[event.index] = arguments.get(event.index, "") + event.delta.arguments
            case _:
                pass
    last = next(event.interaction for event in events if event.event_type == "interaction.completed")
    calls = tuple((*named[index], CALLS[at].input) for at, index in enumerate(named))
    assert list(arguments.values()) == [call.arguments for call in CALLS]
    usage = last.usage
    written = usage.total_output_tokens + usage.total_thought_tokens
    assert Heard(text, calls, reasoning, usage.total_input_tokens, written) == HEARD
    assert last.status == "requires_action"


def test_an_error_in_an_interaction_reaches_the_client() -> None:
    with running(breaking()) as server, in_the_studio(server.url) as client:
        events: list[Any] = list(interaction(client))
    assert (events[-1].event_type, events[-1].error.message) == ("error", str(OVERLOADED))
