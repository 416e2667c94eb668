"""A reader that is left without a word, and one that is entered twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import pytest

from tests.sources.asking import ASK
from tests.sources.leaving import WITHIN, endless, watched
from tokenrill import Pipeline, StreamToken


async def taste(pipeline: Pipeline[StreamToken]) -> None:
    async for _ in pipeline.open(ASK):
        break


async def stumble(pipeline: Pipeline[StreamToken]) -> None:
    with suppress(ZeroDivisionError):
        async for _ in pipeline.open(ASK):
            raise ZeroDivisionError


@pytest.mark.parametrize("leave", [taste, stumble])
async def test_leaving_a_bare_loop_hangs_up(leave: Callable[[Pipeline[StreamToken]], Awaitable[None]]) -> None:
    async with watched(endless) as (server, pipeline):
        await leave(pipeline)
        left = monotonic()
        connection = await server.connection()
        assert await connection.hung_up() - left < WITHIN


async def test_a_reader_that_is_kept_can_be_read_on_after_a_break() -> None:
    async with watched(endless) as (_, pipeline):
        reader = pipeline.open(ASK)
        for _ in range(3):
            async for _ in reader:
                break
            await asyncio.sleep(0)
        assert await anext(reader)
        await reader.aclose()


async def test_a_reader_that_has_been_left_cannot_be_entered_again() -> None:
    async with watched(endless) as (_, pipeline):
        async with pipeline.open(ASK) as reader:
            assert await anext(reader)
        with pytest.raises(RuntimeError, match=r"make another, such as with pipeline\.open\(request\)"):
            await reader.__aenter__()
