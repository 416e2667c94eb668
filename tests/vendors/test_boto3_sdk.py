"""Amazon's own client: Converse, and InvokeModel in the shapes of several makers.

It signs, since it refuses to send an API key to a server without TLS, also on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeAlias

import boto3  # pyright: ignore[reportMissingTypeStubs]
import pytest
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import ClientError, EventStreamError  # pyright: ignore[reportMissingTypeStubs]

from tests.vendors.script import HEARD, KEY, LIMITED, OVERLOADED, TEXT, Heard, breaking, running, saying
from tokenrill import CompletionRequest
from tokenrill.runners.emulator import Answer

MODEL = "eu.anthropic.claude-canary-v1:0"
TURNS = [{"role": "user", "content": [{"text": "Hello"}]}]
TOOLS: Any = {
    "tools": [
        {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}
        for name in ("get_weather", "get_time")
    ]
}
Client: TypeAlias = Any  # boto3 makes its clients' methods as it runs
Connect: TypeAlias = Callable[..., Client]
NOTHING = CompletionRequest(model="nothing was understood", messages="")
BODIES: Mapping[str, Any] = {
    "anthropic.claude-canary-v1:0": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
    "anthropic.claude-v2:1": {"prompt": "\n\nHuman: Hello\n\nAssistant:", "max_tokens_to_sample": 9},
    "amazon.nova-canary-v1:0": {"messages": TURNS},
    "amazon.titan-text-canary-v1": {"inputText": "User: Hello\nBot:"},
    "meta.llama-canary-v1:0": {"prompt": "Hello"},
    "mistral.canary-v0:1": {"prompt": "Hello"},
    "cohere.command-text-v14": {"prompt": "Hello"},
    "cohere.command-r-v1:0": {"message": "Hello"},
    "openai.gpt-canary-1:0": {"messages": [{"role": "user", "content": "Hello"}]},
}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = str(tmp_path_factory.getbasetemp() / "no-such-file")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def client(url: str, **how: Any) -> Client:
    make: Any = getattr(boto3, "client")  # noqa: B009  # as an attribute it has a type, which is unknown
    config = Config(retries={"total_max_attempts": 1})
    return make("bedrock-runtime", region_name="eu-west-1", endpoint_url=url, config=config, **how)


def signing(url: str, key: str = KEY) -> Client:
    return client(url, aws_access_key_id="AKIDCANARY", aws_secret_access_key=key)


def with_a_session_token(url: str, key: str = KEY) -> Client:
    return client(url, aws_access_key_id="ASIACANARY", aws_secret_access_key=key, aws_session_token="FwoG/+==")


everyhow = pytest.mark.parametrize("connect", [signing, with_a_session_token], ids=lambda connect: connect.__name__)


def converse(client: Client, model: str = MODEL) -> Iterator[Any]:
    with (
        closing(client),
        closing(client.converse_stream(modelId=model, messages=TURNS, toolConfig=TOOLS)["stream"]) as it,
    ):
        yield from it


def error_in(error: Any) -> Any:
    return error.response


@everyhow
def test_a_conversation_is_heard_as_it_was_said(connect: Connect) -> None:
    with running(saying()) as server:
        events = list(converse(connect(server.url)))
        assert (server.calls[0].request or NOTHING).model == MODEL
    text, reasoning, usage = "", "", dict[str, Any]()
    calls: dict[int, list[str]] = {}
    for event in events:
        match event:
            case {"contentBlockStart": {"start": {"toolUse": call}, "contentBlockIndex": at}}:
                calls[at] = [call["toolUseId"], call["name"], ""]
            case {"contentBlockDelta": {"delta": {"text": said}}}:
                text += said
            case {"contentBlockDelta": {"delta": {"reasoningContent": {"text": said}}}}:
                reasoning += said
            case {"contentBlockDelta": {"delta": {"toolUse": {"input": said}}, "contentBlockIndex": at}}:
                calls[at][2] += said
            case {"metadata": {"usage": told}}:
                usage = told
            case _:
                pass
    heard = tuple((id, name, json.loads(arguments)) for id, name, arguments in calls.values())
    read = usage["inputTokens"] + usage.get("cacheReadInputTokens", 0)
    assert Heard(text, heard, reasoning, read, usage["outputTokens"]) == HEARD
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert [event["messageStop"] for event in events if "messageStop" in event] == [{"stopReason": "tool_use"}]


@pytest.mark.parametrize(
    "model",
    [
        "a/b:c",
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc",
        "ü %2F+~",
    ],
)
def test_a_model_by_any_name_is_signed_right(model: str) -> None:
    with running(saying()) as server:
        assert list(converse(signing(server.url), model))
        assert (server.calls[0].request or NOTHING).model == model


@pytest.mark.parametrize("model", BODIES)
def test_each_makers_own_shape_goes_through(model: str) -> None:
    body = json.dumps({**BODIES[model], **({"anthropic_version": "x"} if "messages" in BODIES[model] else {})})
    with running(saying(calls=(), reasoning="")) as server:
        client = signing(server.url)
        answer = client.invoke_model_with_response_stream(modelId=model, body=body, contentType="application/json")
        chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
        client.close()
    assert "".join(map(text_in, chunks)) == TEXT


def text_in(chunk: Any) -> str:
    match chunk:
        case {"delta": {"text": str(text)}} | {"completion": str(text)} | {"outputText": str(text)}:
            return text
        case {"contentBlockDelta": {"delta": {"text": str(text)}}} | {"generation": str(text)}:
            return text
        case {"outputs": [{"text": str(text)}]} | {"choices": [{"delta": {"content": str(text)}}]}:
            return text
        case {"text": str(text)}:
            return text
        case _:
            return ""


@everyhow
def test_a_refusal_of_the_server_is_the_clients_own_error(connect: Connect) -> None:
    with running(Answer.refuse(LIMITED)) as server, pytest.raises(ClientError, match=r"Slow down, please\.") as caught:
        list(converse(connect(server.url)))
    told: Any = error_in(caught.value)
    assert told["Error"]["Code"] == "ThrottlingException"
    assert told["ResponseMetadata"]["RequestId"] == "req-canary"
    assert told["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"


@everyhow
def test_a_wrong_secret_is_seen(connect: Connect) -> None:
    with running(saying()) as server, pytest.raises(ClientError, match="signature we calculated does not match"):
        list(converse(connect(server.url, "wrong-canary")))


@everyhow
def test_an_error_in_the_stream_is_the_clients_own_error(connect: Connect) -> None:
    events: list[Any] = []
    with running(breaking()) as server, pytest.raises(EventStreamError, match=str(OVERLOADED)) as caught:
        events.extend(converse(connect(server.url)))
    assert error_in(caught.value)["Error"]["Code"] == "serviceUnavailableException"
    assert any("contentBlockDelta" in event for event in events)
