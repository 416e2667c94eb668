"""A pipeline that asks a test's server, and the events that the server answers with."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

import pytest

from tests.server import Connection, Server, serving
from tokenrill import (
    CompletionRequest,
    Http,
    Pipeline,
    StreamError,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    openai,
)

KEY: Final = "sk-canary-1234567890"
ASK: Final = CompletionRequest(model="some-model", messages="Hello")
FINISH: Final = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE: Final = b"data: [DONE]\n\n"


def event(text: str) -> bytes:
    """One increment of a chat completion."""
    return b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text.encode()


def asking(server: Server | str, http: Http | None = None, **settings: Any) -> Pipeline[StreamToken]:
    """A pipeline whose provider is the server, or whatever is at this address."""
    url = server if isinstance(server, str) else server.url
    provider = openai(api_key=KEY, base_url=url, http=http or Http(**settings))
    return StreamPipelineBuilder.source(provider).build()


def texts(tokens: list[StreamToken]) -> list[str]:
    """What the model said, increment by increment."""
    return [token.text for token in tokens if isinstance(token, TextDelta)]


WHOLE: Final = (event("Hel"), event("lo"), FINISH, DONE)


def error_json(message: str, code: str = "some_code") -> bytes:
    """The body of a refusal."""
    return b'{"error":{"message":"%s","type":"some_type","code":"%s"}}' % (message.encode(), code.encode())


async def child(*arguments: str, seconds: float = 120) -> tuple[bytes, str, int]:
    """What a Python of its own writes, and how it ends; it does not outlive the test."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return stdout, stderr.decode(), process.returncode or 0


async def failure(pipeline: Pipeline[StreamToken], kind: type[Exception] = StreamError) -> Any:
    """The error of this type that a stream ends with."""
    with pytest.raises(kind) as caught:
        await asyncio.wait_for(collect(pipeline), 60)
    await pipeline.aclose()
    return caught.value


async def collect(pipeline: Pipeline[StreamToken]) -> list[str]:
    """The increments of one whole answer."""
    async with pipeline.open(ASK) as reader:
        return texts([token async for token in reader])


async def failure_of(*answer: bytes, kind: type[Exception] = StreamError, **settings: Any) -> Any:
    """The error of an answer sent once, after which the server closes."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(*answer)

    async with serving(script) as server:
        return await failure(asking(server, **settings), kind)
