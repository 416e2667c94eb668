"""Responses that were asked for in the background: the emulator keeps them, as OpenAI does."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from tests.sources.taking_up import WIRE
from tokenrill import Overloaded
from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace

TEXT = "One, two, three."
BACKGROUND: dict[str, Any] = {"model": "gpt-5", "input": "Count.", "stream": True, "background": True, "store": True}


def vendor(server: Emulator) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="any", base_url=server.url + "/v1", max_retries=0)


async def asked(client: AsyncOpenAI, **more: Any) -> list[Any]:
    create: Any = client.responses.create
    return [event async for event in await create(**{**BACKGROUND, **more})]


async def fetched(client: AsyncOpenAI, **options: Any) -> Any:
    retrieve: Any = client.responses.retrieve
    return await retrieve("emulated-1", **options)


async def test_the_vendors_client_takes_a_stream_up_again() -> None:
    async with Emulator(Answer.text(TEXT, fault=Fault("cut", after_events=6))) as server, vendor(server) as client:
        first = await asked(client)
        assert len(first) == 6
        events = await fetched(client, stream=True, starting_after=first[-1].sequence_number)
        rest: list[Any] = [event async for event in events]
        whole = await fetched(client)
    assert [event.sequence_number for event in rest] == list(range(6, 6 + len(rest)))
    assert "".join(event.delta for event in [*first, *rest] if event.type == "response.output_text.delta") == TEXT
    assert (whole.output_text, whole.status) == (TEXT, "completed")


async def test_after_five_minutes_it_can_only_be_had_whole() -> None:
    now = 0.0
    async with Emulator(Answer.text(TEXT), clock=lambda: now) as server, vendor(server) as client:
        assert await asked(client)
        now = 300.0
        assert [event async for event in await fetched(client, stream=True)]
        now = 300.1
        with pytest.raises(BadRequestError, match="more than 5 minutes old"):
            await fetched(client, stream=True)
        assert (await fetched(client)).output_text == TEXT


async def test_until_its_pace_has_brought_it_to_the_end_it_is_in_progress() -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        """Nobody waits here."""

    answer = Answer.text(TEXT, pace=Pace(first_token=2, between_tokens=1))
    async with Emulator(answer, clock=lambda: now, sleep=sleep) as server, vendor(server) as client:
        assert await asked(client)
        states: list[Any] = []
        for moment in (0.0, 3.9, 4.0):
            now = moment
            response = await fetched(client)
            states.append((response.status, response.output_text))
    assert states == [("in_progress", ""), ("in_progress", ""), ("completed", TEXT)]


@pytest.mark.parametrize("extra", [{"background": False}, {"background": None}])
async def test_what_was_not_asked_for_in_the_background_is_not_kept(extra: dict[str, Any]) -> None:
    async with Emulator(Answer.text(TEXT)) as server, vendor(server) as client:
        assert await asked(client, **extra)
        with pytest.raises(NotFoundError, match="not found"):
            await fetched(client)


async def test_a_refusal_is_not_kept() -> None:
    async with Emulator([Answer.refuse(Overloaded("busy", status=503))]) as server, vendor(server) as client:
        with pytest.raises(Exception, match="busy"):
            await client.responses.create(**BACKGROUND)
        with pytest.raises(NotFoundError):
            await fetched(client)


async def test_a_recording_is_kept_under_its_own_name() -> None:
    async with Emulator(Answer.recording(WIRE)) as server, vendor(server) as client:
        assert await asked(client)
        assert (await client.responses.retrieve("resp_1")).id == "resp_1"


async def test_only_the_latest_hundred_are_kept_and_a_key_is_needed() -> None:
    url = "{}/v1/responses"
    key = {"authorization": "Bearer any"}
    async with Emulator(Answer.text(TEXT)) as server, aiohttp.ClientSession() as session:
        for _ in range(101):
            async with session.post(url.format(server.url), json=BACKGROUND, headers=key) as response:
                await response.read()
        states: list[int] = []
        for name, headers in (("emulated-1", key), ("emulated-2", key), ("emulated-2", {})):
            async with session.get(f"{url.format(server.url)}/{name}", headers=headers) as response:
                states.append(response.status)
        query = "?stream=true&starting_after=soon"
        async with session.get(f"{url.format(server.url)}/emulated-2{query}", headers=key) as response:
            states.append(response.status)
            assert "starting_after" in json.loads(await response.read())["error"]["message"]
    assert states == [404, 200, 401, 400]
