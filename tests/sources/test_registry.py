"""Providers by name, configured instances, and their health."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    InvalidRequest,
    MissingCredential,
    Overloaded,
    Provider,
    ProviderManager,
    ProviderRegistry,
    Registration,
    Replay,
    StreamError,
    StreamPipelineBuilder,
)
from tokenrill.sources.health import Health
from tokenrill.sources.registry import BUILT_IN

WIRE = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
REQUEST = CompletionRequest(model="m", messages="Hi")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_row_leads_to_a_factory_that_takes_what_the_row_says(name: str) -> None:
    row = BUILT_IN[name]
    assert row.name == name
    assert {row.address_option, *row.places} <= signature(row.load()).parameters.keys()


def test_there_are_the_seven_providers_of_the_vendors_and_eleven_servers_beside_any_address() -> None:
    assert list(BUILT_IN)[:7] == ["openai", "anthropic", "gemini", "xai", "bedrock", "vertex", "azure"]
    assert len(BUILT_IN) == 7 + 11 + 1
    assert ProviderRegistry().create("compatible", base_url="http://127.0.0.1:9/v1").name == "openai_compatible"
    with pytest.raises(ValueError, match="give base_url"):
        ProviderRegistry().create("compatible:llama")


def test_a_row_says_where_its_key_was_found_and_not_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in BUILT_IN["bedrock"].variables:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (BUILT_IN["bedrock"].key_found, BUILT_IN["bedrock"].has_key) == (None, False)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]")
    assert BUILT_IN["bedrock"].key_found == "~/.aws/credentials"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    assert BUILT_IN["bedrock"].key_found == "AWS_ACCESS_KEY_ID"
    assert (BUILT_IN["ollama"].key_found, BUILT_IN["ollama"].has_key) == (None, True)


def test_an_option_that_no_factory_knows_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"OpenAI takes api, api_key, .*; not apikey, host"):
        ProviderRegistry().create("openai", apikey="sk-canary", host="x")


def test_a_factory_that_must_know_the_model_is_told() -> None:
    claude = ProviderRegistry().create("vertex:p/us-east5/claude-sonnet-4-5")
    gemini = ProviderRegistry().create("vertex:p/us-east5/gemini-3")
    assert isinstance(claude, Provider)
    assert isinstance(gemini, Provider)
    assert (claude.dialect.name, gemini.dialect.name) == ("anthropic_messages", "gemini")
    assert (
        ProviderManager({"c": {"provider": "vertex:p/eu/gemini-3", "model": "claude-5"}}).get("c").model == "claude-5"
    )


@pytest.mark.parametrize(
    ("specification", "options", "model"),
    [
        ("openai", {}, "gpt-6-luna"),
        ("openai:gpt-4o", {}, "gpt-4o"),
        ("openrouter:meta-llama/llama-3", {}, "meta-llama/llama-3"),
        ("bedrock:eu-west-1/eu.amazon.nova-lite-v1:0", {"region": "eu-west-1"}, "eu.amazon.nova-lite-v1:0"),
        ("bedrock:amazon.nova-lite-v1:0", {}, "amazon.nova-lite-v1:0"),
        (
            "bedrock:arn:aws:bedrock:eu-west-1:1:inference-profile/a",
            {},
            "arn:aws:bedrock:eu-west-1:1:inference-profile/a",
        ),
        ("vertex:p/eu/gemini-3", {"project": "p", "location": "eu"}, "gemini-3"),
    ],
)
def test_a_specification_says_where_and_what(specification: str, options: dict[str, str], model: str) -> None:
    selection = ProviderRegistry().select(specification)
    assert (selection.options, selection.model) == (options, model)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"no provider is called 'opnai'; there are .*openai"):
        ProviderRegistry().create("opnai:gpt-4o")


def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingCredential, match="OPENAI_API_KEY"):
        ProviderRegistry().create("openai")


def test_a_registry_takes_providers_of_ones_own_without_touching_another() -> None:
    registry = ProviderRegistry()
    registry.register(Registration("mine", "Mine", lambda: Replay(WIRE, OPENAI_CHAT)))
    assert registry.create("mine").name == "replay"
    assert "mine" not in ProviderRegistry()
    with pytest.raises(ValueError, match="already"):
        registry.register(Registration("mine", "Mine", "openai:openai"))
    with pytest.raises(ValueError, match="one word"):
        registry.register(Registration("a:b", "Mine", "openai:openai"))


def test_a_table_configures_what_a_specification_cannot() -> None:
    manager = ProviderManager(
        {"fast": {"provider": "openai:gpt-4o-mini", "api_key": "sk-canary", "base_url": "http://127.0.0.1:9/v1"}}
    )
    fast = manager.get("fast")
    assert fast.model == "gpt-4o-mini"
    assert isinstance(fast.source, Provider)
    assert fast.source.endpoint(REQUEST) == "http://127.0.0.1:9/v1/chat/completions"
    assert "sk-canary" not in repr(manager) + repr(fast)


def test_a_configuration_without_a_provider_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="'fast' needs provider="):
        ProviderManager({"fast": {"api_key": "k"}})


async def test_outcomes_of_a_configured_provider_are_its_health() -> None:
    registry = ProviderRegistry({"good": Registration("good", "Good", lambda: Replay(WIRE, OPENAI_CHAT))})
    registry.register(Registration("cut", "Cut", lambda: Replay(WIRE[:-60], OPENAI_CHAT)))
    manager = ProviderManager({"a": "good", "b": "cut"}, registry=registry)
    await StreamPipelineBuilder.source(manager.get("a")).build().stream(REQUEST)
    with pytest.raises(StreamError):
        await StreamPipelineBuilder.source(manager.get("b")).build().stream(REQUEST)
    assert (manager.health("a").state, manager.health("b").state) == ("healthy", "failing")
    assert manager.health("b").errors == {"StreamTruncated": 1}
    await manager.aclose()
    await manager.aclose()


def test_health_counts_the_provider_not_the_caller_and_forgets_in_time() -> None:
    now = 0.0
    health = Health(clock=lambda: now)
    health.failed(InvalidRequest("no such model"))
    assert health.record().state == "unknown"
    for _ in range(3):
        health.succeeded()
    health.failed(Overloaded("busy"))
    assert (health.record().state, health.record().last_error) == ("degraded", "Overloaded")
    now = 301.0
    assert health.record().state == "unknown"
