"""Credentials that are had once, ahead of need, and never on the loop."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.credentials import (  # pyright: ignore[reportMissingTypeStubs]
    Credentials,
    RefreshableCredentials,
)
from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    CredentialRetrievalError,
    EndpointConnectionError,
    UnauthorizedSSOTokenError,
)

from tests.sources.boto import ACCESS_KEY, SECRET_KEY
from tokenrill import AuthenticationError, ConnectError, MissingCredential, StreamError
from tokenrill.sources.auth import Secret
from tokenrill.sources.aws import CredentialChain, botocore_chain, fixed, sigv4
from tokenrill.sources.http import Headers, HttpRequest
from tokenrill.sources.sigv4 import AwsKeys, verify

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
GOLDENS = SHARED / "goldens"
KEYS = AwsKeys(ACCESS_KEY, Secret(SECRET_KEY))
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream"
ASK = HttpRequest("POST", URL, Headers({"content-type": "application/json", "accept": "a/b"}), b'{"a":1}')
NOW = 1_760_000_000.0


def checked(signed: HttpRequest, now: float = NOW, **changes: Any) -> str:
    """Verify a signed request, as the server sees it."""
    parts = urlsplit(signed.url)
    seen: dict[str, Any] = {
        "method": signed.method,
        "target": parts.path,
        "headers": signed.headers,
        "body": signed.body,
        **changes,
    }
    return verify(**seen, secret_key={ACCESS_KEY: SECRET_KEY}.get, now=now)


async def test_given_keys_need_no_chain_and_stay_out_of_reprs() -> None:
    authorize = sigv4(fixed(ACCESS_KEY, SECRET_KEY, "session"), "eu-west-1", clock=lambda: NOW)
    signed = await authorize(ASK)
    assert signed.headers["x-amz-security-token"] == "session"
    assert checked(signed) == ACCESS_KEY
    assert "session" not in f"{signed!r} {KEYS!r}"
    assert SECRET_KEY not in f"{signed!r} {KEYS!r} {signed.headers['authorization']}"
    large = await authorize(replace(ASK, body=b"x" * (1 << 20)))
    assert checked(large) == ACCESS_KEY


class Vault:
    """Credentials that take a while, and expire when told."""

    def __init__(self, left: float = 3600) -> None:
        self.left = left
        self.looks = 0
        self.open = threading.Event()
        self.renewed = threading.Event()
        self.open.set()

    def find(self) -> Vault:
        return self

    def get_frozen_credentials(self) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        self.open.wait(10)
        self.looks += 1
        if self.looks > 1:
            self.renewed.set()
        self.left = max(self.left, 3600)
        return Credentials(f"AKID{self.looks}", SECRET_KEY).get_frozen_credentials()

    def refresh_needed(self, seconds: int) -> bool:
        return self.left < seconds


async def test_a_thousand_callers_make_one_look() -> None:
    vault = Vault()
    chain = CredentialChain(vault.find)
    keys = await asyncio.gather(*(chain() for _ in range(1000)))
    assert vault.looks == 1
    assert {it.access_key for it in keys} == {"AKID1"}


async def test_keys_are_renewed_in_the_background_while_the_old_ones_are_still_good() -> None:
    vault = Vault()
    chain = CredentialChain(vault.find, clock=lambda: 0.0)
    await chain()
    vault.left = 600
    vault.open.clear()
    assert [(await chain()).access_key for _ in range(50)] == ["AKID1"] * 50
    vault.open.set()
    await asyncio.to_thread(vault.renewed.wait, 10)
    vault.left = 10  # so that whoever asks waits for what is still running
    assert (await chain()).access_key in ("AKID2", "AKID3")


async def test_keys_that_have_run_out_are_waited_for() -> None:
    vault = Vault()
    chain = CredentialChain(vault.find)
    await chain()
    vault.left = 10
    assert (await chain()).access_key == "AKID2"


async def test_one_callers_cancellation_leaves_the_look_to_the_others() -> None:
    vault = Vault()
    vault.open.clear()
    chain = CredentialChain(vault.find)
    first, second = asyncio.ensure_future(chain()), asyncio.ensure_future(chain())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    vault.open.set()
    assert (await second).access_key == "AKID1"
    assert vault.looks == 1


def test_two_loops_share_one_chain() -> None:
    vault = Vault()
    chain = CredentialChain(vault.find)
    assert asyncio.run(chain()).access_key == "AKID1"
    assert asyncio.run(chain()).access_key == "AKID1"


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        (UnauthorizedSSOTokenError(), AuthenticationError, "aws sso login"),
        (EndpointConnectionError(endpoint_url="https://sts.example"), ConnectError, "sts.example"),
        (
            CredentialRetrievalError(provider="custom-process", error_msg="secret-canary"),
            AuthenticationError,
            "RetrievalError",
        ),
    ],
)
async def test_what_botocore_raises_is_one_of_ours_and_quotes_no_secret(
    failure: Exception, error: type[StreamError], says: str
) -> None:
    def find() -> Any:
        raise failure

    with pytest.raises(error, match=says) as caught:
        await CredentialChain(find)()
    assert "secret-canary" not in str(caught.value)


async def test_no_credentials_say_where_to_put_some_and_are_looked_for_again() -> None:
    answers: list[Any] = [None, Vault()]
    chain = CredentialChain(lambda: answers.pop(0))
    with pytest.raises(MissingCredential, match="AWS_BEARER_TOKEN_BEDROCK"):
        await chain()
    assert (await chain()).access_key == "AKID1"


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials but what a test sets, and no metadata service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.usefixtures("no_aws")
async def test_botocores_chain_finds_the_environment_a_profile_and_a_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(MissingCredential):
        await botocore_chain()()
    told = json.dumps({"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "s", "SessionToken": "t"})
    script = tmp_path / "print.py"
    script.write_text(f"print('{told}')")
    (tmp_path / "config").write_text(f"[profile process]\ncredential_process = python3 {script}\n")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = w\n")
    assert (await botocore_chain("work")()).access_key == "AKIDWORK"
    found = await botocore_chain("process")()
    assert (found.access_key, found.token and found.token.reveal()) == ("AKIDPROCESS", "t")
    with pytest.raises(AuthenticationError, match="ProfileNotFound"):
        await botocore_chain("nobody")()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")
    assert (await botocore_chain()()).access_key == "AKIDENV"


async def test_the_loop_does_not_wait_for_botocores_refreshable_credentials() -> None:
    made, turns = 0, threading.Event()

    def refresh() -> dict[str, str]:
        nonlocal made
        made += 1
        assert turns.wait(30), "the loop had no turn meanwhile"
        until = datetime.now(UTC) + timedelta(hours=1)
        return {
            "access_key": f"AKID{made}",
            "secret_key": "s",
            "token": b64encode(b"t").decode(),
            "expiry_time": until.isoformat(),
        }

    refreshable: Any = RefreshableCredentials
    expiring = datetime.now(UTC) + timedelta(minutes=5)
    soon = {"access_key": "AKID0", "secret_key": "s", "token": "t", "expiry_time": expiring.isoformat()}
    credentials = refreshable.create_from_metadata(soon, refresh_using=refresh, method="test")
    chain = CredentialChain(lambda: credentials)
    waiting = asyncio.ensure_future(chain())
    while not made:  # noqa: ASYNC110 - it is made in another thread
        await asyncio.sleep(0.001)
    assert not waiting.done()
    turns.set()
    assert (await waiting).access_key == "AKID1"
