"""Amazon Bedrock. https://docs.aws.amazon.com/bedrock/latest/APIReference/"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from ..streams.request import CompletionRequest
from .address import checked_base_url, given_or, path_segment
from .auth import Authorize, Known, Secret, bearer, fingerprint
from .aws import botocore_chain, fixed, sigv4
from .continuations.ways import CLAUDE
from .dialect import Dialect
from .dialects.bedrock_converse import BEDROCK_CONVERSE, CONTENT_TYPE
from .dialects.bedrock_invoke import BEDROCK_INVOKE, render_as
from .dialects.bedrock_models import Family, known_family
from .http import Http
from .provider import Provider

__all__ = ["bedrock"]

PATHS: Final = {"converse": "converse-stream", "invoke": "invoke-with-response-stream"}
REGION: Final = re.compile(r"[a-z]{2,5}(-[a-z]{2,})+-\d{1,2}")
SUFFIXES: Final = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}


def bedrock(
    *,
    api: Literal["converse", "invoke"] = "converse",
    region: str | None = None,
    api_key: str | None = None,
    credentials: tuple[str, str] | tuple[str, str, str | None] | None = None,
    profile: str | None = None,
    family: Family | None = None,
    betas: Sequence[str] = (),
    endpoint_url: str | None = None,
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """Any model on Amazon Bedrock by Converse, or by InvokeModel in its own shape.

    Credentials are, in this order: what is given here; the API key in ``AWS_BEARER_TOKEN_BEDROCK``; whatever the
    AWS command line would use (environment, profile, SSO, web identity, container, instance), through botocore.

    Args:
        api: ``converse``, or ``invoke`` for InvokeModelWithResponseStream.
        region: By default ``AWS_REGION``, else ``AWS_DEFAULT_REGION``, else that of the profile.
        api_key: A Bedrock API key, sent as a bearer token.
        credentials: Access key, secret key, and for temporary ones their token.
        profile: A profile of the AWS configuration; by default ``AWS_PROFILE``.
        family: Whose models these are, for ``invoke``; by default the id tells, which that of an ARN may not.
        betas: Claude's features to turn on, for ``invoke``.
        endpoint_url: Another address, such as a VPC endpoint's; by default ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME``,
            else ``AWS_ENDPOINT_URL``, else the region's own.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the credentials and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> provider = bedrock(region="eu-west-1", api_key="example")
        >>> provider.endpoint(CompletionRequest(model="amazon.nova-lite-v1:0", messages="Hi"))
        'https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream'

    Raises:
        ValueError: When the region, the address or the credentials cannot be used, or no region is set.
    """
    if api not in PATHS:
        raise ValueError(f"api is {' or '.join(PATHS)}, not {api!r}")
    if sum(given is not None for given in (api_key, credentials, profile)) > 1:
        raise ValueError("give one of api_key, credentials and profile")
    home = checked_region(region or region_of_environment(profile))
    told = os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") or os.environ.get("AWS_ENDPOINT_URL")
    given = given_or(endpoint_url, told, f"https://bedrock-runtime.{home}.{suffix_of(home)}")
    address = checked_base_url(given, allow_http=allow_http, name="endpoint_url")
    path = PATHS[api]

    def endpoint(request: CompletionRequest) -> str:
        return f"{address}/model/{model_segment(request.model, home)}/{path}"

    return Provider(
        name="aws.bedrock",
        dialect=dialect_for(api, family, betas),
        endpoint=endpoint,
        authorize=authorization(home, api_key, credentials, profile),
        http=http or Http(),
        headers={"accept": CONTENT_TYPE},
        continuations=CLAUDE,
    )


def dialect_for(api: str, family: Family | None, betas: Sequence[str]) -> Dialect:
    if api == "converse":
        if family or betas:
            raise ValueError("family and betas are for api='invoke'; Converse takes betas in extra")
        return BEDROCK_CONVERSE
    if betas and family is None:
        family = "anthropic"
    return replace(BEDROCK_INVOKE, render=render_as(known_family(family), betas=betas)) if family else BEDROCK_INVOKE


def authorization(
    region: str,
    api_key: str | None,
    credentials: tuple[str, str] | tuple[str, str, str | None] | None,
    profile: str | None,
) -> Authorize:
    if credentials is not None:
        keys = fixed(credentials[0], credentials[1], credentials[2] if len(credentials) > 2 else None)
        return Known(sigv4(keys, region), fingerprint(f"{credentials[0]} {region}"))
    token = api_key or (None if profile else os.environ.get("AWS_BEARER_TOKEN_BEDROCK"))
    if token and token.strip():
        return bearer(Secret(token, "Bedrock API key"))
    # Temporary keys change while the account stays the same, so it is the profile that is told apart.
    return Known(sigv4(botocore_chain(profile), region), fingerprint(f"{profile or ''} {region}"))


def model_segment(model: str, region: str) -> str:
    """The model as one part of the path.

    An ARN names a region. A call elsewhere can only fail, and a call there would leave the region that was chosen,
    so any other than the provider's is refused.
    """
    if model.startswith("arn:"):
        there = model.split(":")[3:4]
        if there not in ([region], [""]):
            raise ValueError(
                f"the model's ARN is not of the region {region}, where this provider sends: make one with its region="
            )
    return path_segment(model)


def checked_region(region: str | None) -> str:
    if not region:
        raise ValueError("no region for Bedrock: set AWS_REGION, give the profile one, or pass region=")
    if not REGION.fullmatch(region):
        raise ValueError("region must be one of AWS's, such as 'eu-west-1'")
    return region


def suffix_of(region: str) -> str:
    return next((suffix for start, suffix in SUFFIXES.items() if region.startswith(start)), "amazonaws.com")


def region_of_environment(profile: str | None) -> str | None:
    """The region of the environment, else that of the profile, read from its file only when nothing else tells."""
    told = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if told:
        return told
    config = configparser.RawConfigParser()
    try:
        config.read(Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser())
    except (configparser.Error, UnicodeError):
        return None
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    section = "default" if name == "default" else f"profile {name}"
    return config.get(section, "region", fallback=None)
