"""Azure OpenAI: exactly what is sent. https://learn.microsoft.com/azure/foundry/openai/reference"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.golden import KEY, sent
from tokenrill import CompletionRequest, MissingCredential, azure

ENDPOINT = "https://example.openai.azure.com"
ASK = CompletionRequest(model="gpt-4o", messages="Hi")
JSON = {"content-type": "application/json", "accept": "text/event-stream"}
CHAT = {
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)


async def test_the_v1_path() -> None:
    """https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle"""
    assert await sent(azure(endpoint=ENDPOINT, api_key=KEY, deployment="prod"), ASK) == (
        "POST",
        f"{ENDPOINT}/openai/v1/chat/completions",
        {**JSON, "api-key": KEY},
        {"model": "prod", **CHAT},
    )


async def test_the_deployments_path() -> None:
    """https://learn.microsoft.com/azure/foundry/openai/reference#chat-completions"""
    assert await sent(azure(endpoint=ENDPOINT, api_key=KEY, api_version="2024-10-21"), ASK) == (
        "POST",
        f"{ENDPOINT}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        {**JSON, "api-key": KEY},
        {"model": "gpt-4o", **CHAT},
    )


@pytest.mark.parametrize(
    ("version", "path"),
    [("v1", "/openai/v1/responses"), ("2025-03-01-preview", "/openai/responses?api-version=2025-03-01-preview")],
)
async def test_the_responses_api(version: str, path: str) -> None:
    """https://learn.microsoft.com/azure/foundry/openai/how-to/responses"""
    provider = azure(endpoint=ENDPOINT, api_key=KEY, api="responses", api_version=version)
    assert await sent(provider, ASK) == (
        "POST",
        ENDPOINT + path,
        {**JSON, "api-key": KEY},
        {"model": "gpt-4o", "input": [{"role": "user", "content": "Hi"}], "stream": True},
    )


async def test_a_token_is_asked_for_before_each_request() -> None:
    """https://learn.microsoft.com/azure/foundry/openai/how-to/managed-identity"""
    given = iter(("first-token", "second-token"))

    async def token() -> str:
        return next(given)

    provider = azure(endpoint=ENDPOINT, token=token)
    headers = [(await sent(provider, ASK))[2] for _ in range(2)]
    assert headers == [{**JSON, "authorization": f"Bearer {word}-token"} for word in ("first", "second")]


async def test_everything_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT + "/")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    _, url, headers, _ = await sent(azure(), ASK)
    assert url == f"{ENDPOINT}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == KEY
    assert (await sent(azure(api_version="v1"), ASK))[1] == f"{ENDPOINT}/openai/v1/chat/completions"


@pytest.mark.parametrize("given", ["/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])
async def test_an_endpoint_may_be_pasted_with_its_path(given: str) -> None:
    assert (await sent(azure(endpoint=ENDPOINT + given, api_key=KEY), ASK))[1] == (
        f"{ENDPOINT}/openai/v1/chat/completions"
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("x?y#z", "x%3Fy%23z"),
        ("@evil.example", "%40evil.example"),
        ("//evil.example", "%2F%2Fevil.example"),
        ("größe", "gr%C3%B6%C3%9Fe"),
    ],
)
async def test_a_deployments_name_is_quoted_and_cannot_change_the_host(name: str, quoted: str) -> None:
    request = CompletionRequest(model=name, messages="Hi")
    url = (await sent(azure(endpoint=ENDPOINT, api_key=KEY, api_version="2024-10-21&x=/"), request))[1]
    assert url == f"{ENDPOINT}/openai/deployments/{quoted}/chat/completions?api-version=2024-10-21%26x%3D%2F"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"api_key": KEY}, "AZURE_OPENAI_ENDPOINT"),
        ({"api_key": KEY, "endpoint": "http://example.com"}, "https"),
        ({"api_key": KEY, "endpoint": ENDPOINT, "deployment": ".."}, "deployment"),
        ({"api_key": KEY, "endpoint": ENDPOINT, "deployment": "a\r\nb"}, "deployment"),
        ({"api_key": KEY, "endpoint": ENDPOINT, "token": lambda: None}, "not both"),
        ({"api_key": KEY, "endpoint": ENDPOINT, "api": "batch"}, "chat or responses"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        azure(**settings)


def test_without_a_key_or_a_token_nothing_is_made() -> None:
    with pytest.raises(MissingCredential, match="AZURE_OPENAI_API_KEY"):
        azure(endpoint=ENDPOINT)
