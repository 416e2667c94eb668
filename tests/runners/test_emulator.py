"""The emulator over real HTTP: what it answers, to whom, how fast, and what it remembers."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.runners.clients import CHAT, HELLO, REQUEST, WIRE, ask, connected, refusal, reply_of
from tokenrill import OPENAI_CHAT, StreamPipelineBuilder, accumulate, openai
from tokenrill.runners.emulator import FRIENDLY, Answer, Emulator, Endpoint, Fault, Pace, environment_lines, serve
from tokenrill.runners.emulator.error_frames import named_sse_error
from tokenrill.runners.emulator.guards import header_key
from tokenrill.streams.errors import AuthenticationError, InvalidRequest


async def test_the_default_answer_reaches_our_own_client() -> None:
    async with Emulator() as server:
        assert (await reply_of(server)).text == FRIENDLY


async def test_the_wire_is_what_aiohttp_reads() -> None:
    async with Emulator(Answer.recording(WIRE)) as server, aiohttp.ClientSession() as session:
        headers = {"authorization": "Bearer any"}
        async with session.post(server.url + CHAT, json=HELLO, headers=headers) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            assert response.headers["x-request-id"] == "emulated-1"
            assert await response.read() == WIRE


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ({"body": b"{"}, 400, "not a JSON object"),
        ({"body": b"[]"}, 400, "not a JSON object"),
        ({"body": {**HELLO, "stream": False}}, 400, "only streams"),
        ({"body": {**HELLO, "messages": []}}, 400, "messages must hold at least one"),
        ({"body": {**HELLO, "user": "x" * 2000}}, 413, "longer than 1000 bytes"),
        ({"path": "/v1/nothing"}, 404, "Unknown request URL: POST /v1/nothing"),
        ({"method": "PUT"}, 404, "Unknown request URL: PUT"),
    ],
)
async def test_what_is_no_request_is_refused(how: dict[str, Any], status: int, message: str) -> None:
    async with Emulator(max_body_bytes=1000) as server:
        seen = await ask(server, **how)
        assert (seen.status, server.calls[0].status, server.calls[0].request) == (status, status, None)
    error = refusal(seen)
    assert isinstance(error, InvalidRequest)
    assert message in str(error)


@pytest.mark.parametrize("key", ["", "Bearer ", "Basic sk-one", "sk-one"])
async def test_any_key_will_do_but_there_must_be_one(key: str) -> None:
    async with Emulator() as server:
        assert isinstance(refusal(await ask(server, key=key)), AuthenticationError)
        assert (await ask(server, key="Bearer x")).status == 200
        assert (await ask(server, key="bearer x")).status == 200


async def test_given_keys_are_the_only_ones() -> None:
    async with Emulator(keys=["sk-one", "sk-tö"]) as server:
        assert (await reply_of(server, "sk-one")).text == FRIENDLY
        for key in ("Bearer sk-canary", "Bearer sk-\xff"):
            error = refusal(await ask(server, key=key))
            assert (type(error), getattr(error, "code", None)) == (AuthenticationError, "invalid_api_key")


async def test_the_models_are_listed() -> None:
    async with Emulator(models=["a", "b"]) as server:
        seen = await ask(server, b"", method="GET", path="/v1/models")
        assert (await ask(server, b"", method="GET", path="/v1/models", key="")).status == 401
    listed = json.loads(seen.body)
    assert (listed["object"], [model["id"] for model in listed["data"]]) == ("list", ["a", "b"])


async def test_another_endpoint_is_another_row() -> None:
    row = Endpoint(
        "POST",
        "/deployments/{model}/chat",
        OPENAI_CHAT,
        header_key("authorization"),
        error_frame=named_sse_error,
        environment={"X_URL": "{url}/x"},
    )
    body = {name: value for name, value in HELLO.items() if name != "model"}
    answer = Answer.text(fault=Fault("error", "before_first_event"))
    async with Emulator(answer, endpoints=[row], keys=["sk-bare"]) as server:
        seen = await ask(server, body, path="/deployments/gpt-9/chat", key="sk-bare")
        assert seen.body.startswith(b'event: error\ndata: {"error":{')
        assert (await ask(server, body, path="/deployments/gpt-9/chat")).status == 401
        request = server.calls[0].request
        assert request is not None
        assert request.model == "gpt-9"
        assert server.environment == [f"export X_URL={server.url}/x"]


async def test_it_records_what_it_was_sent() -> None:
    clock = itertools.count(100.0)
    async with Emulator(Answer.recording(WIRE), clock=lambda: next(clock)) as server:
        await ask(server, path=CHAT + "?key=sk-query")
        (call,) = server.calls
    assert (call.number, call.method, call.path, call.query, call.status) == (1, "POST", CHAT, "key=sk-query", 200)
    assert call.headers["authorization"] == "Bearer sk-canary"
    assert json.loads(call.body) == HELLO
    assert call.request is not None
    assert call.request.turns[0].text == "Hello"
    assert (call.started, call.ended, call.written) == (100.0, 101.0, len(WIRE))
    assert not call.disconnected.is_set()


async def test_no_key_and_no_prompt_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Emulator(keys=["sk-canary"]) as server:
        await ask(server, path=CHAT + "?key=sk-query")
        shown = f"{server!r} {server.calls!r} {server.calls[0]!s} {server.environment} {caplog.text}"
    assert "Received(number=1" in shown
    for secret in ("sk-canary", "sk-query", "Hello"):
        assert secret not in shown


async def test_only_the_latest_calls_are_kept() -> None:
    async with Emulator(max_calls=2) as server:
        for _ in range(3):
            await ask(server)
        assert [call.number for call in server.calls] == [2, 3]
        assert repr(server) == f"Emulator({server.url}, calls=3)"


async def test_open_connections_are_counted() -> None:
    async with Emulator() as server:
        assert server.open_connections == 0
        async with connected(server) as (reader, _):
            await reader.readuntil(b"\r\n0\r\n\r\n")
            assert server.open_connections == 1


async def test_a_hundred_streams_at_once() -> None:
    async with Emulator(Answer.text(FRIENDLY, pace=Pace(events_per_write=5))) as server:
        source = openai(api_key="any", base_url=server.url + "/v1")
        pipeline = StreamPipelineBuilder.source(source).pipe(accumulate()).build()

        async def text() -> str:
            return (await pipeline.stream(REQUEST)).text

        assert set(await asyncio.gather(*(text() for _ in range(100)))) == {FRIENDLY}
        await source.aclose()


def test_a_program_without_a_loop_uses_with() -> None:
    with Emulator(Answer.text("Hi.")) as server:
        source = openai(api_key="any", base_url=server.url + "/v1")
        assert StreamPipelineBuilder.source(source).pipe(accumulate()).build().run(REQUEST).text == "Hi."
        assert len(server.calls) == 1
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


async def test_it_starts_once_and_can_start_again() -> None:
    server = Emulator()
    assert repr(server) == "Emulator(not running, calls=0)"
    for _ in range(2):
        async with server:
            assert (await ask(server)).status == 200
            with pytest.raises(RuntimeError, match="running already"):
                await server.start()


async def test_a_port_in_use_is_an_os_error() -> None:
    async with Emulator() as server:
        with pytest.raises(OSError, match="in use"):
            await Emulator(port=int(server.url.rpartition(":")[2])).start()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="reached from elsewhere"):
        Emulator(host="0.0.0.0")
    Emulator(host="0.0.0.0", allow_remote=True)
    with pytest.raises(ValueError, match="at least one Answer"):
        Emulator([])
    for keys in ([], ["sk-one", ""]):
        with pytest.raises(ValueError, match="at least one key"):
            Emulator(keys=keys)
    for pace in (
        {"first_token": -1},
        {"between_tokens": -1},
        {"jitter": 2},
        {"bytes_per_write": 0},
        {"events_per_write": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(pace))):
            Pace(**pace)  # pyright: ignore[reportArgumentType]


@pytest.fixture
async def said() -> AsyncIterator[asyncio.Queue[str]]:
    lines: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(serve(Emulator(), lines.put_nowait))
    yield lines
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_serve_says_where_it_is_and_how_to_go_there(said: asyncio.Queue[str]) -> None:
    name, _, address = (await said.get()).partition("=")
    assert (name, await said.get()) == ("export OPENAI_BASE_URL", "export OPENAI_API_KEY=emulator")
    assert environment_lines(address.removesuffix("/v1"))[0] == f"{name}={address}"
    async with aiohttp.ClientSession() as session, session.get(address + "/models") as response:
        assert response.status == 401
