"""Every address that the emulator answers to: who may ask there, and how it speaks."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import aiohttp
import pytest
from yarl import URL

from tokenrill.runners.emulator import ENDPOINTS, Answer, Emulator, Endpoint, Fault, environment_lines
from tokenrill.runners.emulator.guards import either, header_key, query_key
from tokenrill.runners.emulator.received import Received
from tokenrill.sources.auth import Secret
from tokenrill.sources.http import Headers, HttpRequest
from tokenrill.sources.sigv4 import AwsKeys, sign
from tokenrill.streams.errors import AuthenticationError

KEY = "sk-canary"
TURNS = [{"role": "user", "content": "Hello"}]
CONVERSE = [{"role": "user", "content": [{"text": "Hello"}]}]
CHAT: dict[str, Any] = {"model": "m", "messages": TURNS, "stream": True}
RESPONSES: dict[str, Any] = {"model": "m", "input": "Hello", "stream": True}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "azure_chat": CHAT,
    "azure_responses": RESPONSES,
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": TURNS, "stream": True},
    "anthropic_text": {
        "model": "m",
        "max_tokens_to_sample": 9,
        "prompt": "\n\nHuman: Hello\n\nAssistant:",
        "stream": True,
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "gemini_interactions": {"model": "m", "input": "Hello", "stream": True},
    "bedrock_converse": {"messages": CONVERSE},
    "bedrock_invoke": {"messages": CONVERSE},
    "ollama_chat": {"model": "m", "messages": TURNS},
}
MODEL = "amazon.nova-canary-v1:0"


class Seen(NamedTuple):
    status: int
    content_type: str
    body: bytes


def address(endpoint: Endpoint) -> str:
    path = re.sub(r"\{\w+\}", "v1", endpoint.path.replace("{model}", MODEL))
    return path if endpoint.fits(call(query="")) else f"{path}?alt=sse"


def call(query: str, **headers: str) -> Received:
    return Received(1, "POST", "/", Headers(headers), 0.0, query=query)


async def ask(server: Emulator, endpoint: Endpoint, **headers: str) -> Seen:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if endpoint.listing else json.dumps(BODIES[endpoint.dialect.name])
    url = server.url + address(endpoint)
    async with (
        aiohttp.ClientSession() as session,
        session.request(endpoint.method, url, headers=named, data=data) as response,
    ):
        return Seen(response.status, response.content_type, await response.read())


SPEAKING = [endpoint for endpoint in ENDPOINTS if endpoint.listing is None and endpoint.method == "POST"]
LISTING = [endpoint for endpoint in ENDPOINTS if endpoint.listing is not None]
every = pytest.mark.parametrize("endpoint", SPEAKING, ids=lambda endpoint: f"{endpoint.dialect.name} {endpoint.path}")
ANY_WAY = {"authorization": f"Bearer {KEY}", "x_api_key": KEY, "api_key": KEY, "x_goog_api_key": KEY}


@every
async def test_an_address_speaks_its_dialect(endpoint: Endpoint) -> None:
    async with Emulator(Answer.text("Hello there."), keys=[KEY]) as server:
        seen = await ask(server, endpoint, **ANY_WAY)
        request = server.calls[0].request
    assert request is not None
    assert (request.turns[0].text, request.model) == ("Hello", "m" if "{model}" not in endpoint.path else request.model)
    assert (seen.status, seen.content_type) == (200, endpoint.dialect.content_types[0])
    reply = "".join(getattr(token, "text", "") for token in endpoint.dialect.decode([seen.body]))
    assert reply == "Hello there."


@every
async def test_an_address_refuses_who_has_no_key_or_a_wrong_one(endpoint: Endpoint) -> None:
    async with Emulator(Answer.text("Hello there."), keys=[KEY]) as server:
        without = await ask(server, endpoint)
        wrong = await ask(server, endpoint, **dict.fromkeys(ANY_WAY, "Bearer sk-wrong"))
    for seen, said in ((without, "You didn't provide an API key."), (wrong, "Incorrect API key provided.")):
        error = endpoint.dialect.refuse(seen.status, {}, seen.body)
        assert seen.status == 401
        assert said in str(error)


@every
async def test_an_error_in_the_stream_is_told_in_the_dialects_own_way(endpoint: Endpoint) -> None:
    async with Emulator(Answer.text(fault=Fault("error", "before_first_event"))) as server:
        seen = await ask(server, endpoint, **ANY_WAY)
    with pytest.raises(type(Fault("error").failure), match="overloaded or not ready"):
        endpoint.dialect.decode([seen.body])


@pytest.mark.parametrize("endpoint", LISTING, ids=lambda endpoint: f"{endpoint.dialect.name} {endpoint.path}")
async def test_the_models_are_listed_in_each_providers_shape(endpoint: Endpoint) -> None:
    version = {"anthropic_version": "2023-06-01"} if endpoint.dialect.name == "anthropic_messages" else {}
    async with Emulator(models=["model-one", "model-two"], keys=[KEY]) as server:
        seen = await ask(server, endpoint, **ANY_WAY, **version)
        assert (await ask(server, endpoint, **version)).status == 401
    assert endpoint.listing is not None
    assert (seen.status, json.loads(seen.body)) == (200, endpoint.listing(["model-one", "model-two"]))
    assert b"model-two" in seen.body


async def test_gemini_prints_an_array_unless_asked_for_events() -> None:
    events, array = (row for row in ENDPOINTS if row.path == "/{version}/models/{model}:streamGenerateContent")
    async with Emulator(Answer.text("Hello there.")) as server:
        assert (await ask(server, events, **ANY_WAY)).body.startswith(b"data: {")
        chunks = json.loads((await ask(server, array, **ANY_WAY)).body)
    assert [
        part["text"] for chunk in chunks for part in chunk["candidates"][0].get("content", {}).get("parts", ())
    ] == [
        "Hello",
        " there.",
    ]


@pytest.mark.parametrize(
    ("keys", "secret", "body", "status"),
    [
        (None, "emulator", b"{}", 400),
        (None, "another", b"{}", 403),
        (["one", "two"], "two", b"{}", 400),
        (["one", "two"], "emulator", b"{}", 403),
        (["one"], "one", b"{ }", 403),
    ],
)
async def test_amazons_signature_is_made_again(keys: list[str] | None, secret: str, body: bytes, status: int) -> None:
    async with Emulator(keys=keys) as server, aiohttp.ClientSession() as session:
        url = f"{server.url}/model/a%3A0/converse-stream"
        unsigned = HttpRequest("POST", url, Headers({"content-type": "application/json"}), b"{}")
        signed = sign(unsigned, AwsKeys("AKIDCANARY", Secret(secret)), region="eu-west-1")
        async with session.post(URL(url, encoded=True), headers=signed.headers, data=body) as response:
            assert response.status == status  # 400: the signature is right, and the body holds no messages


def test_either_guard_will_do_and_the_last_key_that_was_given_is_blamed() -> None:
    guard = either(header_key("x-goog-api-key"), query_key("key"))
    guard(call("key=one"), ["one"])
    guard(call("", **{"x-goog-api-key": "one"}), ["one"])
    guard(call("key=wrong", **{"x-goog-api-key": "one"}), ["one"])
    with pytest.raises(AuthenticationError, match="didn't provide"):
        guard(call("other=one"), ["one"])
    with pytest.raises(AuthenticationError, match="Incorrect"):
        guard(call("key=wrong"), ["one"])
    with pytest.raises(AuthenticationError, match="Incorrect"):
        guard(call("", **{"x-goog-api-key": "wrong"}), ["one"])


async def test_a_server_of_ones_own_lets_anybody_in_unless_keys_are_given() -> None:
    (row,) = (row for row in ENDPOINTS if row.path == "/api/chat")
    async with Emulator(Answer.text("Hello there.")) as server:
        assert (await ask(server, row)).status == 200
    async with Emulator(Answer.text("Hello there."), keys=[KEY]) as server:
        assert (await ask(server, row)).status == 401


def test_the_environment_names_each_variable_once() -> None:
    names = [line.removeprefix("export ").partition("=")[0] for line in environment_lines("http://127.0.0.1:1")]
    assert len(names) == len(set(names))
    assert {"OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "AZURE_OPENAI_ENDPOINT"} <= set(names)
    assert {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "GOOGLE_VERTEX_BASE_URL", "OLLAMA_HOST"} <= set(names)
