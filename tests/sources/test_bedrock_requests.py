"""What Bedrock is sent, exactly: method, address, headers and body, as its documentation has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.sources.boto import ACCESS_KEY, SECRET_KEY, answering
from tokenrill import (
    BEDROCK_CONVERSE,
    BEDROCK_INVOKE,
    CompletionRequest,
    Finish,
    Image,
    Message,
    Provider,
    ResponseStart,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    Tool,
    ToolResult,
    Usage,
    accumulate,
    bedrock,
)
from tokenrill.sources.sigv4 import verify

HOST = "https://bedrock-runtime.eu-west-1.amazonaws.com"
MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0"
ASK = CompletionRequest(model=MODEL, messages="Hi", max_tokens=9)
ADD = Tool(name="add", description="Adds", parameters={"type": "object", "properties": {}, "required": []})
USER = {"role": "user", "content": [{"text": "Hi"}]}
REFERENCE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/"

# feature: (where it is documented, request, body)
CONVERSE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "text": (f"{REFERENCE}API_runtime_ConverseStream.html", {"messages": "Hi"}, {"messages": [USER]}),
    "system and sampling": (
        f"{REFERENCE}API_runtime_InferenceConfiguration.html",
        {
            "messages": [Message.system("Be brief."), Message.user("Hi")],
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
        },
        {
            "messages": [USER],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        },
    ),
    "image": (
        f"{REFERENCE}API_runtime_ImageBlock.html",
        {"messages": [Message.user("Hi", Image(media_type="image/webp", data=b"x"))]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"text": "Hi"}, {"image": {"format": "webp", "source": {"bytes": "eA=="}}}],
                }
            ]
        },
    ),
    "tools": (
        f"{REFERENCE}API_runtime_ToolConfiguration.html",
        {"messages": "Hi", "tools": [ADD]},
        {
            "messages": [USER],
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "add",
                            "description": "Adds",
                            "inputSchema": {"json": {"type": "object", "properties": {}, "required": []}},
                        }
                    }
                ]
            },
        },
    ),
    "tool result": (
        f"{REFERENCE}API_runtime_ToolResultBlock.html",
        {"messages": [Message.user("Hi"), Message.tool(ToolResult("t1", "no", is_error=True))], "tools": [ADD]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "Hi"},
                        {"toolResult": {"toolUseId": "t1", "content": [{"text": "no"}], "status": "error"}},
                    ],
                }
            ],
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "add",
                            "description": "Adds",
                            "inputSchema": {"json": {"type": "object", "properties": {}, "required": []}},
                        }
                    }
                ]
            },
        },
    ),
    "guardrail": (
        f"{REFERENCE}API_runtime_GuardrailStreamConfiguration.html",
        {"messages": "Hi", "extra": {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}},
        {"messages": [USER], "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
    ),
    "metadata": (
        f"{REFERENCE}API_runtime_ConverseStream.html",
        {"messages": "Hi", "metadata": {"team": "a"}},
        {"messages": [USER], "requestMetadata": {"team": "a"}},
    ),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE AWS_DEFAULT_PROFILE AWS_BEARER_TOKEN_BEDROCK AWS_ENDPOINT_URL "
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
    ).split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def provider(**settings: Any) -> Provider:
    given: dict[str, Any] = {"region": "eu-west-1", "api_key": "bedrock-api-key-canary", **settings}
    return bedrock(**given)


@pytest.mark.parametrize("feature", CONVERSE)
async def test_the_request_is_what_the_documentation_says(feature: str) -> None:
    link, asked, body = CONVERSE[feature]
    sent = await provider().prepare(CompletionRequest(model=MODEL, **asked))
    assert (sent.method, sent.url) == (
        "POST",
        f"{HOST}/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
    )
    assert sent.headers == {
        "content-type": "application/json",
        "accept": "application/vnd.amazon.eventstream",
        "authorization": "Bearer bedrock-api-key-canary",
    }
    assert json.loads(sent.body) == body, link


async def test_claude_by_invoke_is_asked_as_anthropic_asks_it() -> None:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
    sent = await provider(api="invoke", betas=["b-1"]).prepare(ASK)
    assert sent.url == f"{HOST}/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream"
    assert json.loads(sent.body) == {
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["b-1"],
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }


@pytest.mark.parametrize("api", ["converse", "invoke"])
async def test_an_answer_streams_over_a_real_connection_and_the_signature_holds_at_its_end(api: str) -> None:
    dialect = {"converse": BEDROCK_CONVERSE, "invoke": BEDROCK_INVOKE}[api]
    encoder = dialect.encode({"model": MODEL})
    said: list[StreamToken] = [ResponseStart("m", "m"), TextDelta("Hé"), TextDelta("llo"), Usage(3, 2), Finish("stop")]
    wire = b"".join(piece for token in said for piece in encoder.feed(token)) + b"".join(encoder.close())
    with answering(wire) as server:
        made = bedrock(
            api="invoke" if api == "invoke" else "converse",
            region="eu-west-1",
            credentials=(ACCESS_KEY, SECRET_KEY),
            endpoint_url=server.url,
        )
        reply = await StreamPipelineBuilder.source(made).pipe(accumulate()).build().stream(replace(ASK, model=PROFILE))
        await made.aclose()
        ((target, headers, body),) = server.seen
    assert (reply.text, reply.finish and reply.finish.reason) == ("Héllo", "stop")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 2)
    assert verify("POST", target, headers, body, {ACCESS_KEY: SECRET_KEY}.get) == ACCESS_KEY


async def test_with_credentials_the_exact_bytes_are_signed() -> None:
    made = bedrock(region="eu-west-1", credentials=(ACCESS_KEY, SECRET_KEY, "session"))
    sent = await made.prepare(ASK)
    target = sent.url.removeprefix(HOST)
    assert sent.headers["host"] == HOST.removeprefix("https://")
    assert verify("POST", target, sent.headers, sent.body, {ACCESS_KEY: SECRET_KEY}.get) == ACCESS_KEY
    assert "/eu-west-1/bedrock/aws4_request, SignedHeaders=accept;content-type;host;" in sent.headers["authorization"]
    assert "session" in sent.secrets()


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        (PROFILE, PROFILE.replace(":", "%3A").replace("/", "%2F")),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("@evil.example/x?y#z", "%40evil.example%2Fx%3Fy%23z"),
        ("a b\\c%3A", "a%20b%5Cc%253A"),
        ("modèle", "mod%C3%A8le"),
    ],
)
def test_a_model_is_one_part_of_the_path_and_cannot_change_the_host(model: str, segment: str) -> None:
    ask = CompletionRequest(model=model, messages="Hi")
    assert provider().endpoint(ask) == f"{HOST}/model/{segment}/converse-stream"


def test_an_arn_of_another_region_is_refused() -> None:
    ask = CompletionRequest(model=PROFILE.replace("eu-west-1", "us-east-1"), messages="Hi")
    with pytest.raises(ValueError, match="eu-west-1"):
        provider().endpoint(ask)
    with pytest.raises(ValueError, match="model"):
        provider().endpoint(CompletionRequest(model="..", messages="Hi"))


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_its_own_names(region: str, host: str) -> None:
    assert provider(region=region).endpoint(ASK).startswith(f"https://{host}/model/")


@pytest.mark.parametrize(
    "region", ["eu-west-1.evil.example", "eu-west-1/", "EU-WEST-1", "eu", "eu-west-1\n", "a@b-c-1"]
)
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="region"):
        provider(region=region)


def test_the_region_is_the_environments_else_the_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="AWS_REGION"):
        bedrock(api_key="k")
    (tmp_path / "config").write_text("[default]\nregion = sa-east-1\n[profile work]\nregion = ca-central-1\n")
    assert "sa-east-1" in bedrock(api_key="k").endpoint(ASK)
    assert "ca-central-1" in bedrock(profile="work").endpoint(ASK)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert "ap-south-1" in bedrock(api_key="k").endpoint(ASK)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert "eu-north-1" in bedrock(api_key="k").endpoint(ASK)


async def test_an_api_key_in_the_environment_goes_before_the_chain_and_after_what_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-environment")
    sent = await bedrock(region="eu-west-1").prepare(ASK)
    assert sent.headers["authorization"] == "Bearer from-environment"
    sent = await bedrock(region="eu-west-1", credentials=(ACCESS_KEY, SECRET_KEY)).prepare(ASK)
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_another_address_is_taken_and_what_does_not_fit_together_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
    assert provider().endpoint(ASK).startswith("http://127.0.0.1:9/model/")
    vpc = "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"
    assert provider(endpoint_url=vpc).endpoint(ASK).startswith(f"{vpc}/model/")
    with pytest.raises(ValueError, match="http://"):
        provider(endpoint_url="http://a.example")
    for wrong in ({"api": "chat"}, {"profile": "p"}, {"family": "nova"}, {"api": "invoke", "family": "x"}):
        with pytest.raises(ValueError, match=r"api|one of|family"):
            provider(**wrong)
