"""What Vertex AI is sent, exactly, for Gemini and for Claude."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.sources.golden import KEY, sent
from tests.sources.requests.gemini import ASK, GOLDEN, HELLO
from tokenrill import ApiError, CompletionRequest, PermissionDenied, Provider, RateLimited, vertex

CLAUDE = CompletionRequest(model="claude-sonnet-4-5@20250929", messages="Hello, Claude", max_tokens=1024)
HEADERS = {"content-type": "application/json", "accept": "text/event-stream", "authorization": f"Bearer {KEY}"}
HOST = "https://europe-west1-aiplatform.googleapis.com"
PARENT = "projects/p1/locations/europe-west1/publishers"


async def token() -> str:
    return KEY


def somewhere(model: str = "gemini", **more: Any) -> Provider:
    given: dict[str, Any] = {"project": "p1", "location": "europe-west1", "credentials": token, **more}
    return vertex(model, **given)


@pytest.mark.parametrize("feature", GOLDEN)
async def test_gemini_is_asked_as_the_documentation_says(feature: str) -> None:
    # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
    link, request, more = GOLDEN[feature]
    method, url, headers, body = await sent(somewhere(), request)
    assert (method, headers) == ("POST", HEADERS)
    assert url == f"{HOST}/v1beta1/{PARENT}/google/models/{request.model}:streamGenerateContent?alt=sse"
    assert body == {**HELLO, **more, **request.extra}, link


async def test_claude_is_asked_as_the_documentation_says() -> None:
    # https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
    provider = somewhere(CLAUDE.model, betas=("interleaved-thinking-2025-05-14",))
    method, url, headers, body = await sent(provider, CLAUDE)
    assert (method, headers) == ("POST", {**HEADERS, "anthropic-beta": "interleaved-thinking-2025-05-14"})
    assert url == f"{HOST}/v1/{PARENT}/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
    assert body == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "Hello, Claude"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("northamerica-northeast1", "northamerica-northeast1-aiplatform.googleapis.com"),
    ],
)
async def test_the_location_is_in_the_host(location: str, host: str) -> None:
    # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
    _, url, _, _ = await sent(somewhere(location=location), ASK)
    assert url.startswith(f"https://{host}/v1beta1/projects/p1/locations/{location}/publishers/")


@pytest.mark.parametrize(
    "location", ["evil.example/", "a@b", "us-east1.evil.example", "..", "US", "a b", "us-east5\r\n"]
)
def test_a_location_cannot_change_the_host(location: str) -> None:
    with pytest.raises(ValueError, match="location must be a region"):
        somewhere(location=location)


async def test_project_and_model_cannot_change_the_path() -> None:
    provider = somewhere(project="domain.example:p/../q", base_url="http://127.0.0.1:9")
    _, url, _, _ = await sent(provider, replace(ASK, model="a/../b?c#d"))
    assert url == (
        "http://127.0.0.1:9/v1beta1/projects/domain.example%3Ap%2F..%2Fq/locations/europe-west1"
        "/publishers/google/models/a%2F..%2Fb%3Fc%23d:streamGenerateContent?alt=sse"
    )


async def test_the_project_that_is_charged_is_named() -> None:
    # https://docs.cloud.google.com/docs/quotas/set-quota-project
    headers = (await sent(somewhere(quota_project="billing"), ASK))[2]
    assert headers["x-goog-user-project"] == "billing"
    with pytest.raises(ValueError, match="x-goog-user-project"):
        somewhere(quota_project="a\r\nb: c")


async def test_labels_and_publishers() -> None:
    body = (await sent(somewhere(), replace(ASK, metadata={"team": "a"})))[3]
    assert body["labels"] == {"team": "a"}
    url = (await sent(somewhere("my-tune", publisher="anthropic"), replace(CLAUDE, model="my-tune")))[1]
    assert url == f"{HOST}/v1/{PARENT}/anthropic/models/my-tune:streamRawPredict"
    with pytest.raises(ValueError, match="publisher is google or anthropic"):
        somewhere(publisher="meta")
    with pytest.raises(ValueError, match="speaks another format"):
        await sent(somewhere(), CLAUDE)


def test_project_and_location_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.delenv("GOOGLE_CLOUD_LOCATION", raising=False)
    with pytest.raises(ValueError, match="GOOGLE_CLOUD_PROJECT"):
        vertex(credentials=token)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p2")
    assert vertex().endpoint(ASK).startswith("https://aiplatform.googleapis.com/v1beta1/projects/p2/locations/global/")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-east5")
    assert vertex().endpoint(ASK).startswith("https://us-east5-aiplatform.googleapis.com/")


def test_claude_is_refused_by_google_or_by_anthropic() -> None:
    refuse = somewhere("claude-x").dialect.refuse
    google = b'[{"error": {"code": 403, "message": "Not enabled.", "status": "PERMISSION_DENIED"}}]'
    anthropic = b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}'
    refused = refuse(403, {}, google)
    assert isinstance(refused, ApiError)
    assert (type(refused), str(refused), refused.kind) == (PermissionDenied, "Not enabled.", "PERMISSION_DENIED")
    refused = refuse(429, {}, anthropic)
    assert isinstance(refused, ApiError)
    assert (type(refused), str(refused), refused.kind) == (RateLimited, "Slow down.", "rate_limit_error")
