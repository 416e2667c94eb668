"""Servers that speak chat completions: exactly what each is sent; the links stand in the rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.golden import KEY, sent
from tokenrill import (
    CompletionRequest,
    Message,
    MissingCredential,
    RateLimit,
    RateLimits,
    Reasoning,
    ReasoningPart,
    ToolCall,
    compatible,
)
from tokenrill.sources.compatible import SERVERS

ASK = CompletionRequest(model="m", messages="Hi", max_tokens=16)
MESSAGES = [{"role": "user", "content": "Hi"}]
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
NEW: dict[str, Any] = {"model": "m", "messages": MESSAGES, "max_completion_tokens": 16, **STREAM}
OLD: dict[str, Any] = {"model": "m", "messages": MESSAGES, "max_tokens": 16, **STREAM}
NATIVE: dict[str, Any] = {"model": "m", "messages": MESSAGES, "options": {"num_predict": 16}, "stream": True}
SENT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "groq": ("https://api.groq.com/openai/v1/chat/completions", "GROQ_API_KEY", NEW),
    "deepseek": ("https://api.deepseek.com/chat/completions", "DEEPSEEK_API_KEY", OLD),
    "mistral": (
        "https://api.mistral.ai/v1/chat/completions",
        "MISTRAL_API_KEY",
        {"model": "m", "messages": MESSAGES, "max_tokens": 16, "stream": True},
    ),
    "openrouter": ("https://openrouter.ai/api/v1/chat/completions", "OPENROUTER_API_KEY", OLD),
    "together": ("https://api.together.xyz/v1/chat/completions", "TOGETHER_API_KEY", OLD),
    "fireworks": ("https://api.fireworks.ai/inference/v1/chat/completions", "FIREWORKS_API_KEY", OLD),
    "cerebras": ("https://api.cerebras.ai/v1/chat/completions", "CEREBRAS_API_KEY", NEW),
    "ollama": ("http://127.0.0.1:11434/api/chat", "OLLAMA_API_KEY", NATIVE),
    "vllm": ("http://127.0.0.1:8000/v1/chat/completions", "VLLM_API_KEY", OLD),
    "llamacpp": ("http://127.0.0.1:8080/v1/chat/completions", "LLAMA_API_KEY", OLD),
    "lmstudio": ("http://127.0.0.1:1234/v1/chat/completions", "LM_API_TOKEN", OLD),
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    for _, variable, _ in SENT.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)


def test_every_row_has_its_golden_request() -> None:
    assert SENT.keys() == SERVERS.keys()


@pytest.mark.parametrize("server", SENT)
async def test_what_is_sent(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url, variable, body = SENT[server]
    monkeypatch.setenv(variable, KEY)
    accept = "application/x-ndjson" if server == "ollama" else "text/event-stream"
    headers = {"content-type": "application/json", "accept": accept, "authorization": f"Bearer {KEY}"}
    assert await sent(compatible(server), ASK) == ("POST", url, headers, body)


@pytest.mark.parametrize("server", [name for name, row in SERVERS.items() if not row.needs_key])
async def test_a_local_server_is_asked_without_a_key(server: str) -> None:
    assert "authorization" not in (await sent(compatible(server), ASK))[2]


@pytest.mark.parametrize("server", [name for name, row in SERVERS.items() if row.needs_key])
def test_a_missing_key_is_named(server: str) -> None:
    with pytest.raises(MissingCredential, match=SENT[server][1]):
        compatible(server)


async def test_any_other_server_is_its_address_and_gets_a_key_only_when_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-strangers")
    _, url, headers, body = await sent(compatible("http://localhost:9000/v1/"), ASK)
    assert (url, body) == ("http://localhost:9000/v1/chat/completions", OLD)
    assert "authorization" not in headers
    _, _, headers, _ = await sent(compatible("https://llm.example/v1", api_key=KEY), ASK)
    assert headers["authorization"] == f"Bearer {KEY}"


def test_what_cannot_be_used_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="grok"):
        compatible("grok")
    with pytest.raises(ValueError, match="in the clear"):
        compatible("http://llm.example/v1")


async def test_deepseek_gets_the_reasoning_of_turns_that_call_tools_back() -> None:
    """https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"""
    turns = [
        Message.user("Hi"),
        Message.assistant(ReasoningPart("Plain."), "Hello."),
        Message.assistant(ReasoningPart("Look it up."), ToolCall("c", "f", "{}")),
    ]
    body = (await sent(compatible("deepseek", api_key=KEY), CompletionRequest(model="m", messages=turns)))[3]
    assert [turn.get("reasoning_content") for turn in body["messages"]] == [None, None, "Look it up."]


@pytest.mark.parametrize(
    ("reasoning", "asked"),
    [
        (Reasoning(effort="high"), {"effort": "high"}),
        (Reasoning(budget_tokens=2000), {"max_tokens": 2000}),
        (Reasoning(), {"enabled": True}),
    ],
)
async def test_openrouter_takes_an_effort_or_a_budget(reasoning: Reasoning, asked: dict[str, Any]) -> None:
    """https://openrouter.ai/docs/guides/best-practices/reasoning-tokens"""
    request = CompletionRequest(model="m", messages="Hi", reasoning=reasoning)
    body = (await sent(compatible("openrouter", api_key=KEY), request))[3]
    assert body["reasoning"] == asked
    assert "reasoning_effort" not in body


async def test_the_seed_and_top_k_go_by_the_servers_names() -> None:
    """https://docs.mistral.ai/api/endpoint/chat, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"""
    seeded = CompletionRequest(model="m", messages="Hi", seed=7)
    assert (await sent(compatible("mistral", api_key=KEY), seeded))[3]["random_seed"] == 7
    narrow = CompletionRequest(model="m", messages="Hi", top_k=5)
    assert (await sent(compatible("vllm"), narrow))[3]["top_k"] == 5
    with pytest.raises(ValueError, match="top_k"):
        await sent(compatible("groq", api_key=KEY), narrow)


def test_each_servers_rate_limits_are_read() -> None:
    """https://inference-docs.cerebras.ai/support/rate-limits, https://console.groq.com/docs/rate-limits"""
    cerebras = {"x-ratelimit-limit-tokens-minute": "60000", "x-ratelimit-reset-tokens-minute": "11.382867097855"}
    limits = compatible("cerebras", api_key=KEY).dialect.rate_limits(cerebras)
    assert limits == RateLimits(tokens=RateLimit(60000, None, 11.382867097855))
    groq = {"x-ratelimit-remaining-requests": "14370", "x-ratelimit-reset-requests": "2m59.56s"}
    limits = compatible("groq", api_key=KEY).dialect.rate_limits(groq)
    assert limits == RateLimits(RateLimit(None, 14370, 179.56))


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost", "http://localhost:11434"),
        (":5000", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("https://ollama.example/at", "https://ollama.example/at"),
    ],
)
def test_ollama_is_where_its_own_variable_says(told: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", told)
    assert compatible("ollama").endpoint(ASK) == f"{address}/api/chat"


def test_ollama_elsewhere_is_not_told_prompts_in_the_clear_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu.example")
    with pytest.raises(ValueError, match="in the clear"):
        compatible("ollama")
    assert compatible("ollama", allow_http=True).endpoint(ASK) == "http://gpu.example:11434/api/chat"
