"""What Anthropic is sent, exactly: method, address, headers and body, as its documentation has them."""

from __future__ import annotations

import json
from dataclasses import replace as varied

import pytest
from msgspec.structs import replace

from tests.sources.requests.anthropic import ASK, GOLDEN, HELLO
from tokenrill import (
    MissingCredential,
    anthropic,
)
from tokenrill.sources.dialects.anthropic_messages import render_for

KEY = "sk-ant-canary"


@pytest.mark.parametrize("feature", GOLDEN)
async def test_the_request_is_what_the_documentation_says(feature: str) -> None:
    link, request, more = GOLDEN[feature]
    provider = anthropic(api_key=KEY)
    sent = await provider.prepare(request)
    await provider.aclose()
    assert (sent.method, sent.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert sent.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": "2023-06-01",
        "x-api-key": KEY,
    }
    assert json.loads(sent.body) == {**HELLO, **more}, link


async def test_betas_version_address_and_token_are_sent() -> None:
    # https://platform.claude.com/docs/en/api/beta-headers
    provider = anthropic(
        auth_token="gateway",
        base_url="https://gateway.example/anthropic/v1/",
        version="2026-10-21",
        betas=("a-1", "b-2"),
    )
    sent = await provider.prepare(ASK)
    assert sent.url == "https://gateway.example/anthropic/v1/messages"
    assert sent.headers["authorization"] == "Bearer gateway"
    assert "x-api-key" not in sent.headers
    assert (sent.headers["anthropic-version"], sent.headers["anthropic-beta"]) == ("2026-10-21", "a-1,b-2")
    with pytest.raises(ValueError, match="temperature"):
        await provider.prepare(replace(ASK, temperature=1.0))


def test_vertex_and_bedrock_take_the_model_in_the_address() -> None:
    # https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
    rest = {name: value for name, value in HELLO.items() if name != "model"}
    assert render_for("vertex")(ASK) == {"anthropic_version": "vertex-2023-10-16", **rest}
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
    del rest["stream"]
    assert render_for("bedrock")(ASK) == {"anthropic_version": "bedrock-2023-05-31", **rest}
    betas = render_for("bedrock", betas=("computer-use-2025-01-24",))(ASK)
    assert betas["anthropic_beta"] == ["computer-use-2025-01-24"]
    assert render_for("vertex", version="2026-10-21")(ASK)["anthropic_version"] == "2026-10-21"


async def test_the_environment_speaks_where_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingCredential, match="ANTHROPIC_API_KEY"):
        anthropic()
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
    assert (await anthropic().prepare(ASK)).headers["authorization"] == "Bearer token"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080")
    sent = await anthropic().prepare(ASK)
    assert (sent.url, sent.headers["x-api-key"]) == ("http://127.0.0.1:8080/v1/messages", "key")
    assert "authorization" not in sent.headers
    given = await anthropic(auth_token="mine").prepare(ASK)
    assert given.headers["authorization"] == "Bearer mine"


def test_what_cannot_be_a_header_is_refused_and_the_key_is_never_shown() -> None:
    for settings in ({"api_key": "a\nb"}, {"version": "1\r\nx: y"}, {"betas": ("a\0",)}, {"auth_token": "both"}):
        with pytest.raises(ValueError):  # noqa: PT011, each says something else
            anthropic(**{"api_key": KEY, **settings})  # pyright: ignore[reportArgumentType]
    provider = anthropic(api_key=KEY)
    assert KEY not in repr(provider)
    assert KEY not in repr(varied(provider, name="other"))
