"""OpenAI's own client: chat completions, Responses, and both on Azure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import openai
import pytest

from tests.vendors.script import HEARD, KEY, LIMITED, OVERLOADED, TEXT, Heard, breaking, running, saying
from tokenrill.runners.emulator import Answer
from tokenrill.streams.tokens import Finish, FinishReason, RefusalDelta, ResponseStart

MODEL = "gpt-canary"
TURNS: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("get_weather", "get_time")
]
FLAT_TOOLS: list[Any] = [{"type": "function", **tool["function"], "strict": False} for tool in TOOLS]
Connect: TypeAlias = Callable[..., openai.OpenAI]


def at_openai(url: str, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


def at_azure(url: str, key: str = KEY) -> openai.OpenAI:
    return openai.AzureOpenAI(api_key=key, azure_endpoint=url, api_version="2024-10-21", max_retries=0)


def at_azure_with_a_token(url: str, key: str = KEY) -> openai.OpenAI:
    return openai.AzureOpenAI(azure_ad_token=key, azure_endpoint=url, api_version="2024-10-21", max_retries=0)


def at_azure_v1(url: str, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{url}/openai/v1", max_retries=0)


ADDRESSES = [at_openai, at_azure, at_azure_with_a_token, at_azure_v1]
everywhere = pytest.mark.parametrize("connect", ADDRESSES, ids=lambda connect: connect.__name__)


def chat(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model=MODEL, messages=TURNS, stream=True)


def response(client: openai.OpenAI) -> Any:
    return client.responses.create(model=MODEL, input="Hello", stream=True)


@everywhere
def test_a_chat_is_heard_as_it_was_said(connect: Connect) -> None:
    text, reasoning, calls = "", "", dict[int, tuple[str, str, str]]()
    reasons: list[str] = []
    usage = None
    with running(saying()) as server, connect(server.url) as client:
        chunks = client.chat.completions.create(
            model=MODEL, messages=TURNS, tools=TOOLS, stream=True, stream_options={"include_usage": True}
        )
        for chunk in chunks:
            assert (chunk.id, chunk.model, chunk.object) == ("emulated-1", MODEL, "chat.completion.chunk")
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or ():
                    assert call.function is not None
                    if call.id:
                        calls[call.index] = (call.id, call.function.name or "", "")
                    id, name, arguments = calls[call.index]
                    calls[call.index] = (id, name, arguments + (call.function.arguments or ""))
                reasons += [choice.finish_reason] if choice.finish_reason else []
    assert usage is not None
    heard = tuple((id, name, json.loads(arguments)) for id, name, arguments in calls.values())
    assert Heard(text, heard, reasoning, usage.prompt_tokens, usage.completion_tokens) == HEARD
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 20
    assert usage.completion_tokens_details.reasoning_tokens == 12
    assert reasons == ["tool_calls"]


def test_the_clients_own_assembly_of_a_chat_is_the_answer() -> None:
    with running(saying()) as server, at_openai(server.url) as client:
        options: Any = {"include_usage": True}
        with client.chat.completions.stream(model=MODEL, messages=TURNS, tools=TOOLS, stream_options=options) as stream:
            whole: Any = stream.get_final_completion()
    (choice,) = whole.choices
    calls = tuple(
        (call.id, call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()
    )
    assert (choice.message.content, calls, choice.finish_reason) == (HEARD.text, HEARD.calls, "tool_calls")
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.total_tokens) == (HEARD.input_tokens, 165)


@everywhere
def test_a_response_is_heard_as_it_was_said(connect: Connect) -> None:
    with running(saying()) as server, connect(server.url) as client:
        events: list[Any] = list(client.responses.create(model=MODEL, input="Hello", tools=FLAT_TOOLS, stream=True))
    whole, names = events[-1].response, [event.type for event in events]
    assert (whole.id, whole.model, whole.status) == ("emulated-1", MODEL, "completed")
    reasoning = "".join(part.text for item in whole.output if item.type == "reasoning" for part in item.summary)
    calls = tuple(
        (item.call_id, item.name, json.loads(item.arguments)) for item in whole.output if item.type == "function_call"
    )
    assert whole.usage is not None
    heard = Heard(whole.output_text, calls, reasoning, whole.usage.input_tokens, whole.usage.output_tokens)
    assert heard == HEARD
    assert whole.usage.output_tokens_details.reasoning_tokens == 12
    assert whole.usage.input_tokens_details.cached_tokens == 20
    assert (names[:2], names[-1]) == (["response.created", "response.in_progress"], "response.completed")
    assert names.count("response.function_call_arguments.done") == 2


def test_the_clients_own_assembly_of_a_response_is_the_answer() -> None:
    asked: dict[str, Any] = {"input": "Hello", "tools": FLAT_TOOLS}
    with (
        running(saying()) as server,
        at_openai(server.url) as client,
        client.responses.stream(model=MODEL, **asked) as it,
    ):
        deltas = "".join(event.delta for event in it if event.type == "response.output_text.delta")
        whole: Any = it.get_final_response()
    assert (deltas, whole.output_text) == (HEARD.text, HEARD.text)
    assert [item.type for item in whole.output] == ["reasoning", "message", "function_call", "function_call"]


def test_a_refusal_of_the_model_is_kept_apart_from_its_text() -> None:
    tokens = [ResponseStart("r1", MODEL), RefusalDelta("I would "), RefusalDelta("rather not."), Finish("stop")]
    with running(Answer.tokens(tokens)) as server, at_openai(server.url) as client:
        assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chat(client)) == "I would rather not."
        with client.responses.stream(model=MODEL, input="Hello") as stream:
            message: Any = stream.get_final_response().output[0]
    assert [(part.type, part.refusal) for part in message.content] == [("refusal", "I would rather not.")]


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_every_reason_to_stop_is_told(reason: FinishReason, status: str, why: str | None) -> None:
    with running(Answer.text(TEXT, finish=reason)) as server, at_openai(server.url) as client:
        assert [chunk.choices[0].finish_reason for chunk in chat(client)][-1] == reason
        whole = list(response(client))[-1].response
    assert whole.status == status
    assert (whole.incomplete_details and whole.incomplete_details.reason) == why


@everywhere
def test_a_refusal_of_the_server_is_the_clients_own_error(connect: Connect) -> None:
    with running(Answer.refuse(LIMITED)) as server, connect(server.url) as client:
        for ask in (chat, response):
            with pytest.raises(openai.RateLimitError, match=r"Slow down, please\.") as caught:
                ask(client)
            assert caught.value.response.headers["retry-after"] == "7"
            assert caught.value.request_id == "req-canary"


@everywhere
def test_a_wrong_key_is_seen(connect: Connect) -> None:
    with running(saying()) as server, connect(server.url, "sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key") as caught:
            chat(client)
        assert (caught.value.code, server.calls[0].status) == ("invalid_api_key", 401)


@everywhere
def test_an_error_in_the_stream_is_the_clients_own_error(connect: Connect) -> None:
    with running(breaking()) as server, connect(server.url) as client:
        pieces: list[str] = []
        with pytest.raises(openai.APIError, match=str(OVERLOADED)):
            pieces.extend(chunk.choices[0].delta.content or "" for chunk in chat(client))
        assert pieces
        assert HEARD.text.startswith("".join(pieces))
        # The client hands a flat error event on, as it is documented, and raises only for a nested one.
        last = list(response(client))[-1]
    assert last.type == "error"
    assert (last.code, last.message) == ("server_error", str(OVERLOADED))


def test_the_models_are_listed() -> None:
    with running(saying()) as server, at_openai(server.url) as client:
        assert [model.id for model in client.models.list()] == ["emulator"]
