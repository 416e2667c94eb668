"""What the emulator prints is enough for the vendors' own clients to find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import boto3  # pyright: ignore[reportMissingTypeStubs]
import openai
import pytest
from google import genai

from tests.vendors.script import TEXT, running, saying
from tokenrill.runners.emulator import Emulator

TURNS: Any = [{"role": "user", "content": "Hello"}]


def by_openai() -> Iterator[str | None]:
    with openai.OpenAI() as client:
        for chunk in client.chat.completions.create(model="m", messages=TURNS, stream=True):
            yield chunk.choices[0].delta.content


def by_azure() -> Iterator[str | None]:
    with openai.AzureOpenAI() as client:
        for chunk in client.chat.completions.create(model="m", messages=TURNS, stream=True):
            yield chunk.choices[0].delta.content


def by_anthropic() -> Iterator[str | None]:
    with (
        anthropic.Anthropic() as client,
        client.messages.stream(model="m", max_tokens=9, messages=TURNS) as stream,
    ):
        yield from stream.text_stream


def by_google() -> Iterator[str | None]:
    client: Any = genai.Client()
    with client:
        for chunk in client.models.generate_content_stream(model="m", contents="Hello"):
            yield chunk.text


def by_amazon() -> Iterator[str | None]:
    client: Any = getattr(boto3, "client")("bedrock-runtime")  # noqa: B009  # as an attribute it has no known type
    turns = [{"role": "user", "content": [{"text": "Hello"}]}]
    for event in client.converse_stream(modelId="m", messages=turns)["stream"]:
        yield event.get("contentBlockDelta", {}).get("delta", {}).get("text")
    client.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    for name in ("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    with running(saying(calls=(), reasoning=""), keys=["emulator"]) as server:
        for line in server.environment:
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("ask", [by_openai, by_azure, by_anthropic, by_google, by_amazon], ids=lambda ask: ask.__name__)
def test_the_environment_leads_a_client_to_the_emulator(
    ask: Callable[[], Iterator[str | None]], server: Emulator
) -> None:
    assert "".join(piece or "" for piece in ask()) == TEXT
    assert [call.status for call in server.calls] == [200]
