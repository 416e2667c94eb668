"""Signatures that AWS would accept, and nobody else's."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import auth as botocore_auth  # pyright: ignore[reportMissingTypeStubs]
from botocore.awsrequest import AWSRequest  # pyright: ignore[reportMissingTypeStubs]
from botocore.credentials import (  # pyright: ignore[reportMissingTypeStubs]
    Credentials,
)
from hypothesis import given, strategies as st

from tests.sources.boto import ACCESS_KEY, SECRET_KEY, answering, client, whole
from tokenrill import AuthenticationError, PermissionDenied
from tokenrill.sources.auth import Secret
from tokenrill.sources.http import Headers, HttpRequest
from tokenrill.sources.sigv4 import AwsKeys, sign, signature, verify

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
GOLDENS = SHARED / "goldens"
KEYS = AwsKeys(ACCESS_KEY, Secret(SECRET_KEY))
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream"
ASK = HttpRequest("POST", URL, Headers({"content-type": "application/json", "accept": "a/b"}), b'{"a":1}')
NOW = 1_760_000_000.0


def botocores(request: HttpRequest, keys: AwsKeys, region: str) -> str:
    """The authorization that botocore's own signer makes of the same request."""

    class Frozen(botocore_auth.SigV4Auth):
        def _set_necessary_date_headers(self, request: Any) -> None:
            request.context["timestamp"] = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
            super()._set_necessary_date_headers(request)  # pyright: ignore

    token = keys.token.reveal() if keys.token else None
    given: Any = Credentials(keys.access_key, keys.secret_key.reveal(), token).get_frozen_credentials()
    made: Any = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
    signer: Any = Frozen(given, "bedrock", region)
    signer.add_auth(made)
    return made.headers["Authorization"]


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


@given(
    st.binary(max_size=50),
    st.booleans(),
    st.sampled_from(["amazon.nova-lite-v1%3A0", "arn%3Aaws%3Abedrock%3A%2Fx", "a~b-c_d.e"]),
)
def test_we_sign_as_botocore_does(body: bytes, temporary: bool, model: str) -> None:
    keys = replace(KEYS, token=Secret("session-token/+=") if temporary else None)
    request = replace(
        ASK, url=f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{model}/converse-stream", body=body
    )
    signed = sign(request, keys, region="eu-west-1", now=NOW)
    theirs = botocores(request, keys, "eu-west-1")
    assert signed.headers["authorization"] == theirs
    assert checked(signed) == ACCESS_KEY


def test_ports_prefixes_and_queries_are_signed_as_they_go_over_the_wire() -> None:
    for url in (
        "http://127.0.0.1:8080/prefix/model/a%3A0/x",
        "https://host.example:443/model/a",
        "https://h.example/a?b=c&a=%3A",
    ):
        signed = sign(replace(ASK, url=url), KEYS, region="eu-west-1", now=NOW)
        assert signed.headers["authorization"] == botocores(replace(ASK, url=url), KEYS, "eu-west-1"), url


def vectors() -> list[tuple[dict[str, Any], dict[str, str], str, str]]:
    """What the official JavaScript signer made: the vector, the headers, the body and the secret."""
    over_http1 = json.loads((GOLDENS / "unit" / "sigv4-http1.json").read_text())["vectors"]
    found = [(it, it["headers_out"], it["body"], it["credentials"]["secretAccessKey"]) for it in over_http1]
    for path in sorted(GOLDENS.glob("*.bedrock.jsonl")):
        for line in path.read_text().splitlines():
            case = json.loads(line)
            secret = case["input"]["options"].get("awsSecretKey")
            if (vector := case.get("sigv4_vector")) and secret:
                headers = {**vector["headers"], ":authority": vector["authority"]}
                found.append((vector, headers, case["expected_request"]["body"], secret))
    return found


@pytest.mark.skipif(not GOLDENS.exists(), reason="the shared vectors are not beside this checkout")
def test_the_signatures_of_the_official_javascript_signer_are_recomputed() -> None:
    found = vectors()
    assert len(found) > 10
    for vector, headers, body, secret in found:
        credential, names, given = headers["authorization"].split(", ")
        made = signature(
            vector["method"],
            vector["path"],
            headers,
            names.partition("=")[2].split(";"),
            body.encode(),
            scope=credential.partition("/")[2],
            secret_key=secret,
        )
        assert given == f"Signature={made}"


def test_boto3s_own_requests_verify() -> None:
    with answering(b"") as server:
        asked = client(server.url)
        arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-v2:1"
        turns = [{"role": "user", "content": [{"text": "Hé"}]}]
        assert whole(asked, asked.converse_stream(modelId=arn, messages=turns)["stream"]) == []
        ((target, headers, body),) = server.seen
    assert verify("POST", target, headers, body, {ACCESS_KEY: SECRET_KEY}.get) == ACCESS_KEY
    with pytest.raises(PermissionDenied):
        verify("POST", target, headers, body + b" ", {ACCESS_KEY: SECRET_KEY}.get)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b'{"a":2}'},
        {"method": "PUT"},
        {"target": "/model/other/converse-stream"},
        {"target": "/model/amazon.nova-lite-v1:0/converse-stream"},
        {"now": NOW + 301},
        {"now": NOW - 301},
    ],
    ids=str,
)
def test_another_request_or_another_time_does_not_verify(changes: dict[str, Any]) -> None:
    with pytest.raises(PermissionDenied):
        checked(sign(ASK, KEYS, region="eu-west-1", now=NOW), **{"now": NOW, **changes})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", "text/plain"),
        ("host", "elsewhere.example"),
        ("x-amz-date", "20250101T000000Z"),
        ("x-amz-date", "nonsense"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ],
)
def test_a_changed_header_does_not_verify(name: str, value: str) -> None:
    signed = sign(ASK, KEYS, region="eu-west-1", now=NOW)
    with pytest.raises(PermissionDenied):
        checked(signed, headers={**signed.headers, name: value})


def test_no_signature_an_unknown_key_and_a_wrong_secret_do_not_verify() -> None:
    with pytest.raises(AuthenticationError):
        checked(ASK)
    for keys in (replace(KEYS, access_key="AKIDOTHER"), replace(KEYS, secret_key=Secret("wrong"))):
        with pytest.raises(PermissionDenied):
            checked(sign(ASK, keys, region="eu-west-1", now=NOW))
