"""Google's tokens: fetched once for all, ahead of need, never on the loop; against an endpoint of our own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.sources.requests.gemini import ASK
from tokenrill import AuthenticationError, ConnectError, GoogleToken, MissingCredential, vertex

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason="cryptography is missing")
pytest.importorskip("google.auth", reason="google-auth is not installed")

IMPERSONATED = "/v1/projects/-/serviceAccounts/b@p2.iam.gserviceaccount.com:generateAccessToken"


class Endpoint:
    """Google's token endpoint, on this machine."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.lives = 3600
        self.status = 200
        self.bearers: list[str] = []
        self.url = ""

    async def token(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.answers.wait()
        form = await request.post()
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if self.status != 200:
            refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return web.json_response(refusal, status=self.status)
        body = {"access_token": f"token-{self.asked}", "expires_in": self.lives, "token_type": "Bearer"}
        return web.json_response(body)

    async def impersonate(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers["Authorization"])
        expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"accessToken": "as-b", "expireTime": expiry})

    @property
    def key(self) -> dict[str, str]:
        """A service account's key, as Google gives it."""
        return {
            "type": "service_account",
            "project_id": "p1",
            "private_key_id": "k",
            "private_key": PRIVATE_KEY,
            "client_email": "a@p1.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }


def new_private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind: Any = serialization
    return key.private_bytes(kind.Encoding.PEM, kind.PrivateFormat.PKCS8, kind.NoEncryption()).decode()


PRIVATE_KEY = new_private_key()


@pytest.fixture
async def google() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/token", endpoint.token)
    app.router.add_post(IMPERSONATED, endpoint.impersonate)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield endpoint
    await runner.cleanup()


async def test_a_thousand_callers_are_one_request(google: Endpoint) -> None:
    token = GoogleToken(service_account=google.key)
    assert set(await asyncio.gather(*(token.get() for _ in range(1000)))) == {"token-1"}
    assert google.asked == 1
    assert await token.get() == "token-1"
    assert token.project == "p1"


async def test_it_is_fetched_anew_ahead_of_need_while_the_old_one_serves(google: Endpoint) -> None:
    google.lives = 200  # less than early, more than late
    token = GoogleToken(service_account=google.key)
    assert await token.get() == "token-1"
    google.lives = 3600
    assert set(await asyncio.gather(*(token.get() for _ in range(100)))) == {"token-1"}
    await token.warm_up()
    assert (await token.get(), google.asked) == ("token-2", 2)


async def test_a_failure_in_the_background_is_not_told_and_not_repeated_at_once(google: Endpoint) -> None:
    google.lives = 200
    token = GoogleToken(service_account=google.key)
    await token.get()
    google.status = 400
    assert await token.get() == "token-1"
    with pytest.raises(AuthenticationError):
        await token.warm_up()
    assert {await token.get() for _ in range(50)} == {"token-1"}
    assert google.asked == 2


async def test_a_token_that_ends_too_soon_is_not_used(google: Endpoint) -> None:
    google.lives = 20
    token = GoogleToken(service_account=google.key)
    assert [await token.get(), await token.get()] == ["token-1", "token-2"]


async def test_a_caller_who_leaves_does_not_end_it_for_the_others(google: Endpoint) -> None:
    token = GoogleToken(service_account=google.key)
    first, second = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "token-1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert google.asked == 1


async def test_the_loop_goes_on_meanwhile(google: Endpoint) -> None:
    assert await GoogleToken(service_account=google.key).get() == "token-1"
    google.answers.clear()
    fetching = asyncio.create_task(GoogleToken(service_account=google.key).get())
    # Google is asked, and answers, on this very loop: a fetch that holds it up would never get here.
    while google.asked < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert not fetching.done()
    google.answers.set()
    assert await fetching == "token-2"


async def test_several_loops_share_one_token(google: Endpoint) -> None:
    token = GoogleToken(service_account=google.key)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(asyncio.run(token.get()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert (got, google.asked) == (["token-1"] * 4, 1)


async def test_a_key_in_a_file_and_the_machines_own(
    google: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(google.key))
    assert await GoogleToken(service_account=path).get() == "token-1"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    token = GoogleToken()
    assert (await token.get(), token.project) == ("token-2", "p1")


async def test_google_auths_own_credentials_are_taken(google: Endpoint) -> None:
    from google.oauth2.service_account import Credentials

    kind: Any = Credentials
    credentials = kind.from_service_account_info(google.key, quota_project_id="billing")
    prepared = await vertex(project="p1", credentials=credentials).prepare(ASK)
    assert prepared.headers["authorization"] == "Bearer token-1"
    assert prepared.headers["x-goog-user-project"] == "billing"


async def test_a_service_account_can_act_as_another(google: Endpoint) -> None:
    token = GoogleToken(
        service_account=google.key,
        impersonate="b@p2.iam.gserviceaccount.com",
        iam_endpoint=f"{google.url}{IMPERSONATED}",
    )
    assert await token.get() == "as-b"
    assert google.bearers == ["Bearer token-1"]


async def test_errors_are_typed_and_each_callers_own(google: Endpoint) -> None:
    google.status = 400
    token = GoogleToken(service_account=google.key)
    errors = await asyncio.gather(*(token.get() for _ in range(3)), return_exceptions=True)
    assert [(type(error), str(error)) for error in errors] == [
        (AuthenticationError, "Google refused the credentials: Invalid JWT Signature.")
    ] * 3
    assert len({id(error) for error in errors}) == 3
    nobody = {**google.key, "token_uri": "http://127.0.0.1:1/token"}
    with pytest.raises(ConnectError):
        await GoogleToken(service_account=nobody).get()


async def test_no_credentials_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(MissingCredential, match="gcloud auth application-default login"):
        await GoogleToken().get()


def test_it_shows_nothing_and_checks_what_it_is_given() -> None:
    token = GoogleToken(service_account={"private_key": "canary"})
    assert repr(token) == "GoogleToken()"
    with pytest.raises(ValueError, match="not both"):
        GoogleToken(token, service_account="key.json")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="early is more than late"):
        GoogleToken(early=1, late=2)
