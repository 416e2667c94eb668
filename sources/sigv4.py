"""AWS Signature Version 4: the signature over a request, for the one who sends it and for the one who checks it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

It is our own, and tested against botocore's, since botocore's writes the session token into the log, and since who
checks signatures needs the same sums.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Final
from urllib.parse import quote, urlsplit

from ..streams.errors import AuthenticationError, PermissionDenied
from .auth import Secret
from .http import Headers, HttpRequest

__all__ = ["AwsKeys", "sign", "signature", "verify"]

ALGORITHM: Final = "AWS4-HMAC-SHA256"
MAX_SKEW: Final = 300.0
# What proxies and clients change on the way.
UNSIGNED: Final = frozenset("authorization connection expect transfer-encoding user-agent x-amzn-trace-id".split())
AUTHORIZATION: Final = re.compile(
    ALGORITHM + r" Credential=([^/,\s]+)/((\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request), ?"
    r"SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key, its secret, and the token that goes with temporary ones."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None


def sign(
    request: HttpRequest, keys: AwsKeys, *, region: str, service: str = "bedrock", now: float | None = None
) -> HttpRequest:
    """The request with its signature on, made for these exact bytes.

    >>> keys = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    >>> request = HttpRequest("POST", "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a%3A0", Headers(), b"{}")
    >>> signed = sign(request, keys, region="eu-west-1", now=0.0)
    >>> signed.headers["authorization"].partition(", Signature=")[0]
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date'
    """
    parts = urlsplit(request.url)
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {"host": host_of(request.url), "x-amz-date": moment}
    if keys.token is not None:
        headers["x-amz-security-token"] = keys.token.reveal()
    names = sorted(headers.keys() - UNSIGNED)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    made = signature(
        request.method, target, headers, names, request.body, scope=scope, secret_key=keys.secret_key.reveal()
    )
    headers["authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={made}"
    )
    return replace(request, headers=Headers(headers))


def signature(
    method: str,
    target: str,
    headers: Mapping[str, str],
    names: list[str],
    body: bytes,
    *,
    scope: str,
    secret_key: str,
) -> str:
    """The signature over a request: ``target`` is path and query as they go over the wire."""
    payload = headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    path, _, query = target.partition("?")
    canonical = "\n".join(
        (
            method,
            canonical_path(path),
            "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            ";".join(names),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, headers["x-amz-date"], scope, digest))
    key = reduce(keyed, scope.split("/"), b"AWS4" + secret_key.encode())
    return keyed(key, text).hex()


def verify(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    secret_key: Callable[[str], str | None],
    *,
    service: str = "bedrock",
    now: float | None = None,
) -> str:
    """See that a request was signed by somebody who has the secret, over these exact bytes, and lately.

    Args:
        target: Path and query as they came over the wire, percent signs and all.
        headers: By names in lower case, the host's included.
        secret_key: The secret that goes with an access key, or None.

    Returns:
        The access key.

    Raises:
        AuthenticationError: When it is not signed at all.
        PermissionDenied: When the signature is another's, of other bytes, or old; as AWS says it.
    """
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise AuthenticationError(
            "Missing Authentication Token", status=403, kind="MissingAuthenticationTokenException"
        )
    access_key, scope, date, _, signed_service, joined, given = found.groups()
    secret = secret_key(access_key)
    if secret is None:
        raise denied("The security token included in the request is invalid.", "UnrecognizedClientException")
    names = joined.split(";")
    moment = headers.get("x-amz-date", "")
    if signed_service != service or "host" not in names or any(name not in headers for name in names):
        raise denied("Credential should be scoped to correct service, and the host be signed.")
    if not moment.startswith(date) or not is_recent(moment, time.time() if now is None else now):
        raise denied(f"Signature expired: {moment} is not within {MAX_SKEW / 60:g} min. of now")
    payload = headers.get("x-amz-content-sha256")
    if payload is not None and payload != hashlib.sha256(body).hexdigest():
        raise denied("The provided x-amz-content-sha256 is not that of the body.")
    made = signature(method, target, headers, names, body, scope=scope, secret_key=secret)
    if not hmac.compare_digest(made, given):
        raise denied(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
    return access_key


def denied(message: str, kind: str = "InvalidSignatureException") -> PermissionDenied:
    return PermissionDenied(message, status=403, kind=kind)


def is_recent(moment: str, now: float) -> bool:
    try:
        told = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return False
    return abs(told - now) <= MAX_SKEW


def keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def host_of(url: str) -> str:
    """The ``Host`` header: the port only where it is not the scheme's own."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, ":")
    return host.removesuffix(default)


def canonical_path(path: str) -> str:
    """The path without empty and dot parts, and quoted once more than it goes over the wire."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    return quote("/" + "/".join(kept) + ("/" if kept and path.endswith("/") else ""), safe="/~")
