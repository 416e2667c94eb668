"""``tokenrill doctor`` and ``--list-providers``, as programs of their own."""

from __future__ import annotations

import socket
import time

import pytest

from tests.runners.program import CANARY, run
from tokenrill import ProviderRegistry, Registration
from tokenrill.runners.cli.reach import reach_all
from tokenrill.runners.emulator import Emulator


async def test_the_doctor_tells_what_is_set_and_never_a_key() -> None:
    ran = await run(
        "doctor", "--offline", GROQ_API_KEY=CANARY, OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=f"https://me:{CANARY}@x.com"
    )
    assert ran.code == 0
    for expected in ("OPENAI_API_KEY is set", "GROQ_API_KEY is set", "aiohttp", "not tried", "Also known: deepseek"):
        assert expected in ran.out
    for row in ("Anthropic", "Google Gemini", "xAI", "AWS Bedrock", "GCP Vertex AI", "Azure OpenAI"):
        assert row in ran.out
    assert CANARY not in ran.out + ran.err


async def test_the_doctor_misses_a_key() -> None:
    ran = await run("doctor", "--offline")
    assert ran.code == 3
    assert "set OPENAI_API_KEY or ANTHROPIC_API_KEY" in ran.out


async def test_the_doctor_does_not_know_everybody() -> None:
    ran = await run("doctor", "nobody")
    assert ran.code == 2
    assert "no provider is called 'nobody'" in ran.err


@pytest.mark.parametrize("address", [CANARY, f"http://{CANARY}", f"https://api.example:{CANARY}/v1"])
async def test_the_doctor_does_not_quote_a_key_that_is_in_the_wrong_place(address: str) -> None:
    ran = await run("doctor", "openai", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=address)
    assert ran.code == 1
    assert "OPENAI_BASE_URL holds no address that can be used" in ran.out
    assert CANARY not in ran.out + ran.err


async def test_the_doctor_reaches_providers_that_are_there_and_says_who_is_not() -> None:
    async with Emulator() as server:
        ran = await run(
            *("doctor", "openai", "azure", "bedrock", "anthropic"),
            OPENAI_API_KEY=CANARY,
            OPENAI_BASE_URL=f"{server.url}/v1",
            AZURE_OPENAI_ENDPOINT=server.url,
            ANTHROPIC_BASE_URL="http://127.0.0.1:1",
        )
        assert server.calls == ()
    assert ran.code == 0
    assert ran.out.count("reached in") == 2
    assert "127.0.0.1:1 cannot be reached" in ran.out
    assert "no region for Bedrock" in ran.out
    assert "Ready: tokenrill chat --provider openai" in ran.out


async def test_a_key_without_a_way_to_its_provider_is_a_failure() -> None:
    ran = await run("doctor", "openai", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert ran.code == 1
    assert "127.0.0.1:1 cannot be reached" in ran.out


def test_whoever_does_not_answer_is_not_waited_for_longer_than_the_limit() -> None:
    registry = ProviderRegistry()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # It accepts, and then says nothing of TLS.
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        rows = [
            Registration(f"silent{n}", "Silent", lambda: registry.create("openai", api_key="k", base_url=url))
            for n in range(20)
        ]
        started = time.monotonic()
        findings = reach_all(rows, 1)
        assert time.monotonic() - started < 10  # one after the other they would take 20
    assert {finding.text for finding in findings.values()} == {f"{url[8:]} does not answer within 1 s"}
    assert len(findings) == 20


async def test_all_providers_can_be_listed() -> None:
    ran = await run("chat", "--list-providers")
    assert (ran.code, ran.err) == (0, "")
    specifications = {line.split()[0] for line in ran.out.splitlines() if line[:1].isalpha()}
    assert {"openai[:MODEL]", "bedrock[:[REGION/]MODEL]", "vertex[:[PROJECT/LOCATION/]MODEL]", "azure:MODEL"} <= (
        specifications
    )
    assert {row.name for row in ProviderRegistry()} <= {it.partition(":")[0].rstrip("[") for it in specifications}


async def test_a_server_on_this_machine_needs_no_key_but_must_be_running() -> None:
    ran = await run("doctor", "ollama")
    assert ran.code == 1
    assert "It needs no key, but cannot be reached. Is Ollama running?" in ran.out
    assert (await run("doctor", "--offline", "ollama")).code == 0
    assert "--provider compatible:MODEL --base-url URL" in (await run("doctor", "compatible")).out
    assert (await run("doctor", "--timeout", "inf", "ollama")).code == 2
