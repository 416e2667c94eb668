"""What comes back: refusals, streams, and what is neither."""

from __future__ import annotations

import pytest

from tests.server import (
    Connection,
    chunk,
    head,
    last_chunk,
    serving,
)
from tests.sources.asking import (
    WHOLE,
    asking,
    collect,
    error_json,
    failure,
    failure_of,
)
from tokenrill import (
    ApiError,
    AuthenticationError,
    InvalidRequest,
    Overloaded,
    PermissionDenied,
    RateLimited,
    StreamTruncated,
    UnexpectedContent,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, InvalidRequest),
        (429, RateLimited),
        (500, Overloaded),
        (503, Overloaded),
        (529, Overloaded),
    ],
)
async def test_a_refusal_is_typed_with_the_providers_words(status: int, kind: type[ApiError]) -> None:
    body = error_json("The provider explains itself.")
    error = await failure_of(
        head(status, "application/json", length=len(body), x_request_id="r-1", retry_after="7"), body, kind=kind
    )
    assert "The provider explains itself." in str(error)
    assert (error.provider, error.status, error.code, error.request_id) == ("openai", status, "some_code", "r-1")
    assert error.retryable == issubclass(kind, RateLimited | Overloaded)
    assert status != 429 or error.retry_after == 7


async def test_a_refusal_whose_body_never_ends_is_read_no_further_than_64_kib() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(500, "text/html"))
        while True:
            await connection.send(chunk(b"<p>" * 1000))

    async with serving(script, tls=None) as server:
        error = await failure(asking(server), Overloaded)
        assert len(str(error)) < 4096
        await server.connections[0].hung_up()


async def test_a_refusal_whose_body_breaks_off_or_is_packed_is_still_that_refusal() -> None:
    error = await failure_of(head(401, "application/json", length=1000), b'{"error', kind=AuthenticationError)
    assert error.status == 401
    error = await failure_of(head(429, "text/plain", length=4, content_encoding="br"), b"????", kind=RateLimited)
    assert error.status == 429


@pytest.mark.parametrize("content_type", ["x bogus", "text/x-bogus", "text/html", "application/json"])
async def test_another_content_type_is_no_stream(content_type: str) -> None:
    error = await failure_of(head(200, content_type, x_request_id="r-1"), chunk(b"data: x\n\n"), last_chunk)
    assert type(error) is UnexpectedContent
    assert content_type in str(error)


@pytest.mark.parametrize("content_type", ["text/event-stream;", "TEXT/EVENT-STREAM; charset=utf-8", None])
async def test_the_right_content_type_or_none_opens(content_type: str | None) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(200, content_type), *map(chunk, WHOLE), last_chunk)

    async with serving(script) as server:
        pipeline = asking(server)
        assert await collect(pipeline) == ["Hel", "lo"]
        await pipeline.aclose()


async def test_an_error_sent_with_200_is_the_providers_error() -> None:
    body = error_json("You have no quota.", "rate_limit_exceeded")
    error = await failure_of(head(200, "application/json; charset=utf-8", length=len(body)), body, kind=RateLimited)
    assert "You have no quota." in str(error)


async def test_an_answer_without_a_body_is_no_stream() -> None:
    error = await failure_of(b"HTTP/1.1 204 No Content\r\n\r\n", kind=UnexpectedContent)
    assert "204" in str(error)
    await failure_of(head(200, length=0), kind=StreamTruncated)
