"""Requests out, answers in, over a real socket: what is sent, where it goes, and how an answer is taken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from reactivex import operators as ops

from tests.server import (
    Connection,
    chunk,
    head,
    last_chunk,
    serving,
)
from tests.sources.asking import (
    ASK,
    DONE,
    FINISH,
    KEY,
    WHOLE,
    asking,
    collect,
    event,
    failure,
)
from tokenrill import (
    Call,
    CompletionRequest,
    ConnectError,
    Http,
    RedirectRefused,
    StreamPipelineBuilder,
    openai,
)
from tokenrill.sources.connections import GuardedResolver
from tokenrill.sources.provider import Endpoint


def to(url: str) -> Endpoint:
    """An endpoint that is the same for every request."""

    def endpoint(_: CompletionRequest) -> str:
        return url

    return endpoint


async def test_connections_are_kept_for_the_next_request() -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.answer(*WHOLE)

    async with serving(script) as server:
        pipeline = asking(server)
        for _ in range(3):
            assert await collect(pipeline) == ["Hel", "lo"]
        assert [len(connection.requests) for connection in server.connections] == [3]
        await pipeline.aclose()


async def test_a_connection_is_kept_when_the_body_ends_just_behind_the_end_mark() -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(head(), *map(chunk, WHOLE))
            await asyncio.sleep(0.002)
            await connection.send(last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        for _ in range(3):
            assert await collect(pipeline) == ["Hel", "lo"]
            await asyncio.sleep(0.02)
        assert [len(connection.requests) for connection in server.connections] == [3]
        await pipeline.aclose()


async def test_a_server_that_goes_on_behind_the_end_mark_is_left() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), *map(chunk, WHOLE))
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        assert await collect(pipeline) == ["Hel", "lo"]
        await server.connections[0].hung_up()
        await pipeline.aclose()


async def test_each_subscription_sends_one_request_and_none_sends_none() -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        pipeline = asking(server)
        stream = pipeline.stream(ASK)
        await asyncio.sleep(0.02)
        assert server.connections == []
        await stream
        await stream
        assert len(server.requests) == 2
        await pipeline.aclose()


async def test_the_body_is_offered_as_the_network_cut_it() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head())
        for piece in (b"da", b"ta: x\n", b"\n"):
            await connection.send(chunk(piece))
            await asyncio.sleep(0.02)
        await connection.send(last_chunk)

    async with serving(script) as server:
        provider = openai(api_key=KEY, base_url=server.url)
        assert await provider.body(ASK).pipe(ops.to_list()) == [b"da", b"ta: x\n", b"\n"]
        call = Call("openai", ASK)
        await provider.body(call).pipe(ops.to_list())
        assert call.received_bytes == 9
        await provider.aclose()


async def test_a_prompt_of_many_megabytes_goes_out_whole() -> None:
    text = "x" * (3 << 20)
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        pipeline = asking(server)
        await pipeline.stream(CompletionRequest(model="m", messages=text))
        [(_, headers, body)] = server.requests
        assert text.encode() in body
        assert headers["content-length"] == str(len(body))
        await pipeline.aclose()


@pytest.mark.parametrize("name", ["x-custom\r\nx-evil", "x custom"])
async def test_a_header_that_would_smuggle_another_is_never_sent(name: str) -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        provider = replace(openai(api_key=KEY, base_url=server.url), headers={name: "1"})
        await failure(StreamPipelineBuilder.source(provider).build(), ValueError)
        provider = replace(provider, headers={"x-custom": "1\r\nx-evil: 2"})
        error = await failure(StreamPipelineBuilder.source(provider).build(), ValueError)
        assert "x-custom" in str(error)
        assert server.connections == []


@pytest.mark.parametrize("path", ["/a b", "/a\r\nx-evil: 1", "/\u00e9"])
async def test_an_address_that_was_not_quoted_is_never_sent(path: str) -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as server:
        provider = replace(openai(api_key=KEY, base_url=server.url), endpoint=to(server.url + path))
        await failure(StreamPipelineBuilder.source(provider).build(), ValueError)
        assert server.connections == []


async def test_what_rendering_raises_reaches_the_subscriber_unchanged() -> None:
    mistake = ValueError("this provider cannot do that")

    def endpoint(_: CompletionRequest) -> str:
        raise mistake

    provider = replace(openai(api_key=KEY, base_url="http://127.0.0.1:9"), endpoint=endpoint)
    assert await failure(StreamPipelineBuilder.source(provider).build(), ValueError) is mistake


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_refused_and_nothing_reaches_the_other_host(status: int) -> None:
    async with serving(lambda connection: connection.answer(*WHOLE)) as other:

        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.send(head(status, "text/plain", length=0, location=other.url, x_request_id="r-1"))

        async with serving(script) as server:
            error = await failure(asking(server), RedirectRefused)
            assert (error.status, error.request_id, error.retryable) == (status, "r-1", False)
        assert other.connections == []


async def test_a_name_that_leads_to_a_metadata_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [
            {"hostname": host, "host": found, "port": port, "family": family, "proto": 0, "flags": 0}
            for found in ("8.8.8.8", "::ffff:169.254.169.254")
        ]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    with pytest.raises(OSError, match="metadata service"):
        await GuardedResolver().resolve("rebound.example", 443)
    error = await failure(asking("https://rebound.example/v1"), ConnectError)
    assert "rebound.example leads to a metadata service" in str(error)
    assert not error.retryable


async def test_a_providers_own_endpoint_cannot_be_a_metadata_service() -> None:
    provider = replace(openai(api_key=KEY), endpoint=to("http://169.254.169.254/latest"))
    error = await failure(StreamPipelineBuilder.source(provider).build(), ConnectError)
    assert "metadata service" in str(error)


async def test_proxies_of_the_environment_are_used_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never to reach this machine, to which prompts may go unencrypted."""
    async with (
        serving(lambda connection: connection.answer(*WHOLE)) as server,
        serving(lambda connection: connection.answer(event("proxied"), FINISH, DONE)) as proxy,
    ):
        monkeypatch.delenv("no_proxy", raising=False)
        for address in (proxy.url, proxy.url.removeprefix("http://")):
            monkeypatch.setenv("http_proxy", address.removesuffix("/v1"))
            away = openai(api_key=KEY, base_url="http://models.test/v1", allow_http=True, http=Http(trust_env=True))
            assert await collect(StreamPipelineBuilder.source(away).build()) == ["proxied"]
            await away.aclose()
        for trust_env in (False, True):
            here = asking(server, trust_env=trust_env)
            assert await collect(here) == ["Hel", "lo"]
            await here.aclose()
        assert [request[0] for request in proxy.requests] == [
            "POST http://models.test/v1/chat/completions HTTP/1.1"
        ] * 2


@pytest.mark.parametrize("late", [False, True])
async def test_what_a_server_says_unasked_is_nobodys_answer(late: bool) -> None:
    """RFC 9112 §9.2; whoever answers one request twice, as a proxy may, must not shift all the answers after it."""

    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            answer = head() + chunk(event("asked") + FINISH + DONE) + last_chunk
            await connection.send(answer if late else answer * 2)
            if late:
                await asyncio.sleep(0.02)
                await connection.send(answer.replace(b"asked", b"never"))

    async with serving(script) as server:
        pipeline = asking(server)
        for _ in range(3):
            assert await collect(pipeline) == ["asked"]
            await asyncio.sleep(0.06)
        assert len(server.connections) == 3
        await pipeline.aclose()
