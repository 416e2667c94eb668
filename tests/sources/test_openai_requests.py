"""OpenAI: exactly what is sent. https://platform.openai.com/docs/api-reference"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.golden import KEY, sent
from tokenrill import CompletionRequest, MissingCredential, Tool, openai

ASK = CompletionRequest(model="gpt-5", messages="Hi", max_tokens=16, extra={"store": False})
HEADERS = {"content-type": "application/json", "accept": "text/event-stream", "authorization": f"Bearer {KEY}"}


async def test_a_chat_completion() -> None:
    """https://platform.openai.com/docs/api-reference/chat/create"""
    assert await sent(openai(api_key=KEY), ASK) == (
        "POST",
        "https://api.openai.com/v1/chat/completions",
        HEADERS,
        {
            "model": "gpt-5",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 16,
            "stream": True,
            "stream_options": {"include_usage": True},
            "store": False,
        },
    )


async def test_a_response() -> None:
    """https://platform.openai.com/docs/api-reference/responses/create"""
    assert await sent(openai(api_key=KEY, api="responses"), ASK) == (
        "POST",
        "https://api.openai.com/v1/responses",
        HEADERS,
        {
            "model": "gpt-5",
            "input": [{"role": "user", "content": "Hi"}],
            "max_output_tokens": 16,
            "stream": True,
            "store": False,
        },
    )


async def test_hosted_tools_go_in_extra_in_the_vendors_own_words() -> None:
    tools: list[dict[str, Any]] = [{"type": "web_search"}]
    request = CompletionRequest(model="gpt-5", messages="Hi", tools=(Tool(name="f"),), extra={"tools": tools})
    assert (await sent(openai(api_key=KEY, api="responses"), request))[3]["tools"] == tools


async def test_organization_project_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://platform.openai.com/docs/api-reference/authentication"""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1/")
    _, url, headers, _ = await sent(openai(organization="org-1", project="proj_1"), ASK)
    assert url == "http://127.0.0.1:8080/v1/chat/completions"
    assert headers == {**HEADERS, "openai-organization": "org-1", "openai-project": "proj_1"}


def test_without_a_key_or_with_an_unknown_api_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingCredential, match="OPENAI_API_KEY"):
        openai()
    with pytest.raises(ValueError, match="chat or responses"):
        openai(api_key=KEY, api="batch")  # pyright: ignore[reportArgumentType]
