"""``tokenrill chat --provider`` for each of them, against the emulator, by the variables that it prints."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.runners.program import WHOLE, environment, run
from tokenrill.runners.emulator import Answer, Emulator

SPECIFICATIONS = {
    "openai": "/v1/chat/completions",
    "anthropic:claude-opus-4-5": "/v1/messages",
    "gemini:gemini-3-flash": "/v1beta/models/gemini-3-flash:streamGenerateContent",
    "bedrock:eu-west-1/eu.amazon.nova-lite-v1:0": "/model/eu.amazon.nova-lite-v1:0/converse-stream",
    "azure:my-deployment": "/openai/deployments/my-deployment/chat/completions",
}


async def test_a_specification_and_the_emulators_variables_are_all_it_takes() -> None:
    async with Emulator(Answer.text(WHOLE)) as server:
        told = dict(line.removeprefix("export ").split("=", 1) for line in server.environment)
        all_ran = await asyncio.gather(
            *(run("chat", "--provider", specification, "Hello", **told) for specification in SPECIFICATIONS)
        )
        assert [(ran.code, ran.out, ran.err.splitlines()[1:]) for ran in all_ran] == [(0, f"{WHOLE}\n", [])] * len(
            all_ran
        )
        assert {call.path for call in server.calls} == set(SPECIFICATIONS.values())


async def test_xai_and_any_other_server_go_where_they_are_told() -> None:
    async with Emulator(Answer.text(WHOLE)) as server:
        address = ("--base-url", f"{server.url}/v1", "--reasoning", "low", "Hello")
        xai = await run("chat", "--provider", "xai", *address, XAI_API_KEY="any")
        other = await run("chat", "--provider", "compatible:some-model", *address)
        asked = [json.loads(call.body) for call in server.calls]
    assert (xai.code, xai.out) == (0, f"{WHOLE}\n"), xai.err
    assert [(body["model"], body["reasoning_effort"]) for body in asked] == [("grok-4.3", "low"), ("some-model", "low")]
    # The emulator wants a key, and none is sent to a server that nobody gave one for.
    assert other.code == 3


def service_account(token_uri: str) -> dict[str, str]:
    rsa: Any = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    forms: Any = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem: bytes = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key": pem.decode(),
        "client_email": "a@my-project.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }


async def test_vertex_signs_in_with_what_google_auth_finds(tmp_path: Path) -> None:
    pytest.importorskip("google.auth", reason="needs google-auth: pip install 'tokenrill[vertex]'")

    async def give_token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"})

    app = web.Application()
    app.router.add_post("/token", give_token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(service_account(f"http://127.0.0.1:{runner.addresses[0][1]}/token")))
    specification = "vertex:my-project/europe-west1/claude-opus-4-5"
    try:
        async with Emulator(Answer.text(WHOLE), keys=["fresh"]) as server:
            chat = ("chat", "--provider", specification, "--base-url", server.url, "Hello")
            ran = await run(*chat, GOOGLE_APPLICATION_CREDENTIALS=str(file))
            assert (ran.code, ran.out) == (0, f"{WHOLE}\n"), ran.err
            assert server.calls[-1].path.endswith("/publishers/anthropic/models/claude-opus-4-5:streamRawPredict")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("specification", "missing", "line"),
    [
        ("bedrock:eu-west-1/m", "botocore", "pip install 'tokenrill[bedrock]'"),
        ("vertex:p/eu/gemini-3", "google", "pip install 'tokenrill[vertex]'"),
    ],
)
async def test_without_its_extra_a_provider_says_what_to_install(specification: str, missing: str, line: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; "
        f"sys.argv = ['tokenrill', 'chat', '--provider', {specification!r}, '--quiet', 'Hello']; "
        "from tokenrill.__main__ import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 3
    assert line in err.decode()
    assert len(err.splitlines()) == 1
