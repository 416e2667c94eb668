"""What Google's Gemini API is sent, exactly: method, address, headers and body, as its documentation has them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.sources.golden import KEY, sent
from tests.sources.requests.gemini import ASK, GOLDEN, HELLO
from tests.sources.requests.gemini_interactions import INTERACTIONS
from tokenrill import (
    CompletionRequest,
    Message,
    MissingCredential,
    Reasoning,
    ToolCall,
    ToolResult,
    gemini,
)

HOST = "https://generativelanguage.googleapis.com/v1beta"
HEADERS = {"content-type": "application/json", "accept": "text/event-stream", "x-goog-api-key": KEY}


@pytest.mark.parametrize("feature", GOLDEN)
async def test_the_request_is_what_the_documentation_says(feature: str) -> None:
    link, request, more = GOLDEN[feature]
    method, url, headers, body = await sent(gemini(api_key=KEY), request)
    # https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
    assert (method, url) == ("POST", f"{HOST}/models/{request.model}:streamGenerateContent?alt=sse")
    assert headers == HEADERS
    assert body == {**HELLO, **more, **request.extra}, link


@pytest.mark.parametrize("feature", INTERACTIONS)
async def test_an_interaction_is_what_the_documentation_says(feature: str) -> None:
    link, request, more = INTERACTIONS[feature]
    method, url, headers, body = await sent(gemini(api_key=KEY, api="interactions"), request)
    assert (method, url, headers) == ("POST", f"{HOST}/interactions", HEADERS)
    assert body == {"model": "gemini-3-pro-preview", "stream": True, **more}, link


async def test_the_array_is_asked_for_without_alt() -> None:
    _, url, headers, _ = await sent(gemini(api_key=KEY, sse=False), ASK)
    assert url == f"{HOST}/models/gemini-3-pro-preview:streamGenerateContent"
    assert headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("base_url", "model", "expected"),
    [
        ("https://proxy.example/", "gemini-3-pro", "https://proxy.example/v1beta/models/gemini-3-pro"),
        ("https://proxy.example/google/v1", "models/m", "https://proxy.example/google/v1/models/m"),
        ("https://proxy.example", "tunedModels/mine", "https://proxy.example/v1beta/tunedModels/mine"),
        ("https://proxy.example", "a/../../b", "https://proxy.example/v1beta/models/a%2F..%2F..%2Fb"),
        ("https://proxy.example", "m?key=1#x", "https://proxy.example/v1beta/models/m%3Fkey%3D1%23x"),
        ("https://proxy.example", "m:other", "https://proxy.example/v1beta/models/m%3Aother"),
    ],
)
async def test_a_model_cannot_change_the_address(base_url: str, model: str, expected: str) -> None:
    _, url, _, _ = await sent(gemini(api_key=KEY, base_url=base_url), replace(ASK, model=model))
    assert url == f"{expected}:streamGenerateContent?alt=sse"


async def test_keys_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingCredential, match="GEMINI_API_KEY or GOOGLE_API_KEY"):
        gemini()
    monkeypatch.setenv("GOOGLE_API_KEY", "second")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    assert (await sent(gemini(), ASK))[1].startswith("http://127.0.0.1:9/v1beta/models/")
    assert (await sent(gemini(), ASK))[2]["x-goog-api-key"] == "second"
    monkeypatch.setenv("GEMINI_API_KEY", "first")
    assert (await sent(gemini(), ASK))[2]["x-goog-api-key"] == "first"
    wrong: Any = "chat"
    with pytest.raises(ValueError, match="generate_content or interactions"):
        gemini(api=wrong)


async def test_results_of_one_turn_go_together() -> None:
    # https://ai.google.dev/gemini-api/docs/function-calling#parallel_function_calling
    messages = [
        Message.user("Hello"),
        Message.assistant(ToolCall("c1", "f"), ToolCall("c2", "g")),
        Message.tool(ToolResult("c1", "1")),
        Message.tool(ToolResult("c2", "2")),
    ]
    body = (await sent(gemini(api_key=KEY), replace(ASK, messages=messages)))[3]
    assert [part["functionResponse"]["name"] for part in body["contents"][2]["parts"]] == ["f", "g"]
    assert len(body["contents"]) == 3


BAD_CALL = [Message.user("Hello"), Message.assistant(ToolCall("c1", "f", "{"))]
LATE_SYSTEM = [Message.user("Hello"), Message.system("Be brief.")]
NAMELESS = [Message.user("Hello"), Message.tool(ToolResult("c9", "1"))]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"user": "u"}, "user"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"stop": list("abcdef")}, "5 texts"),
        ({"choice_count": 9}, "choice_count"),
        ({"reasoning": Reasoning(effort="low", budget_tokens=1)}, "not both"),
        ({"messages": LATE_SYSTEM}, "at the start only"),
        ({"messages": BAD_CALL}, "no JSON object"),
        ({"messages": NAMELESS}, "give name="),
    ],
)
async def test_what_gemini_cannot_take_is_refused_by_name(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"gemini.*{says}"):
        await sent(gemini(api_key=KEY), replace(ASK, **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": 1},
        {"frequency_penalty": 0.1},
        {"presence_penalty": 0.1},
        {"logprobs": True},
        {"choice_count": 2},
        {"user": "u"},
        {"parallel_tool_calls": False},
        {"reasoning": Reasoning(budget_tokens=1)},
        {"reasoning": Reasoning(effort="none")},
    ],
)
async def test_what_interactions_cannot_take_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="gemini_interactions cannot take"):
        await sent(gemini(api_key=KEY, api="interactions"), replace(ASK, **fields))


async def test_a_key_shows_itself_to_nobody() -> None:
    provider = gemini(api_key=KEY)
    prepared = await provider.prepare(CompletionRequest(model="m", messages="prompt-canary"))
    assert KEY not in f"{provider!r}{prepared!r}"
    assert "canary" not in repr(prepared)
