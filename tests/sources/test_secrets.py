"""A key is shown nowhere: not in errors, not in what they chain, not in logs, not in the variables of a traceback."""

from __future__ import annotations

import contextlib
import logging
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

import pytest

from tests.server import (
    Connection,
    chunk,
    head,
    last_chunk,
    port_of_nobody,
    server_tls,
    serving,
)
from tests.sources.asking import (
    ASK,
    KEY,
    WHOLE,
    asking,
    error_json,
    event,
    failure,
    failure_of,
)
from tokenrill import Demand, StreamPipelineBuilder, TlsError, openai


def shown(error: BaseException) -> Iterator[str]:
    """Whatever a logger, a debugger or an error service could show of an exception."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        with contextlib.suppress(TypeError):
            yield pickle.dumps(one).decode("latin-1")
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" in frame.f_code.co_filename:
                continue  # the tests know their own key
            for value in frame.f_locals.values():
                yield from inside(value)


def inside(value: Any, depth: int = 3) -> Iterator[str]:
    """What a value shows, and what the values it holds show."""
    yield repr(value)
    if depth:
        held: list[Any] = [*getattr(value, "__dict__", {}).values()]
        if is_dataclass(value):
            held += [getattr(value, field.name) for field in fields(value)]
        if isinstance(value, dict):
            held += cast("dict[Any, Any]", value).values()
        for one in held:
            yield from inside(one, depth - 1)


QUOTED = error_json(f"Incorrect API key provided: {KEY}.", KEY)
IN_STREAM = b"data: " + QUOTED + b"\n\n"


@pytest.mark.parametrize(
    "answer",
    [
        head(401, "application/json", length=len(QUOTED), x_request_id=KEY) + QUOTED,
        head(500, "text/plain", length=len(KEY)) + KEY.encode(),
        head(302, "text/plain", length=0, location=f"https://x.example/?{KEY}"),
        head(200, "application/json", length=len(QUOTED)) + QUOTED,
        head(200, f"json-{KEY}", length=len(QUOTED)) + QUOTED,
        head(200, KEY) + last_chunk,
        head() + chunk(event("Hi")) + chunk(IN_STREAM) + last_chunk,
        head() + chunk(f"data: {KEY}\n\n".encode()) + last_chunk,
        head(content_encoding=KEY),
        head(content_encoding="gzip") + chunk(KEY.encode()),
        head() + chunk(b"data: x"),
        b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n\r\n",
        b"",
    ],
    ids=range(13),
)
async def test_a_key_that_the_server_quotes_is_shown_nowhere(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        error = await failure_of(answer)
    for text in shown(error):
        assert KEY not in text
    assert KEY not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "https://127.0.0.1:{}", "https://no-such-host.invalid:{}"])
async def test_a_key_is_not_in_the_error_of_a_connection(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        error = await failure(asking(url.format(port_of_nobody())))
    for text in shown(error):
        assert KEY not in text
    assert KEY not in caplog.text


async def test_a_key_is_not_in_the_error_of_tls(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(lambda connection: connection.answer(*WHOLE), tls=server_tls()) as server:
        error = await failure(asking(server), TlsError)
    for text in shown(error):
        assert KEY not in text


async def test_a_key_is_not_in_the_error_of_a_mistake() -> None:
    """Not one of ours: its traceback is kept, and its frames had the signed request."""
    provider = openai(api_key=KEY, base_url=f"http://127.0.0.1:{port_of_nobody()}")
    provider = replace(provider, headers={"x-custom": "not\nallowed"})
    error = await failure(StreamPipelineBuilder.source(provider).build(), ValueError)
    assert error.__traceback__ is not None
    for text in shown(error):
        assert KEY not in text


async def test_a_key_is_in_no_repr_of_what_holds_it() -> None:
    pipeline = asking("http://127.0.0.1:9")
    request = await openai(api_key=KEY).prepare(ASK)
    for one in (pipeline, pipeline.source, request, str(pipeline), request.headers):
        assert KEY not in repr(one)
    assert "Hello" not in repr(request)


async def test_a_mistake_in_a_subscriber_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """With no handler of one's own, asyncio logs it."""
    mistake = ZeroDivisionError("in the subscriber")

    def on_next(_: object) -> None:
        raise mistake

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head(), *map(chunk, WHOLE))
        await connection.gone()

    async with serving(script) as server:
        pipeline = asking(server)
        with caplog.at_level(logging.DEBUG):
            pipeline.stream(ASK, Demand()).subscribe(on_next)
            await (await server.connection()).hung_up()
        await pipeline.aclose()
    assert "the stream was closed" in caplog.text
    assert KEY not in caplog.text
    for text in shown(mistake):
        assert KEY not in text
