"""The question of the live tests, asked of the emulator: it is right before it costs anything."""

from __future__ import annotations

import pytest

from tests.live.asking import ask
from tokenrill import Http
from tokenrill.runners.cli.demo_cast import CAST, Part
from tokenrill.runners.emulator import Answer, Emulator


@pytest.mark.parametrize("part", CAST, ids=lambda part: part.name)
async def test_an_answer_that_is_right_passes(part: Part) -> None:
    async with Emulator(Answer.text("Ok.")) as server:
        await ask(part.source(server.url, Http()), part.model)


async def test_an_answer_that_is_cut_short_does_not() -> None:
    async with Emulator(Answer.text("Ok.", finish="length")) as server:
        with pytest.raises(AssertionError):
            await ask(CAST[0].source(server.url, Http()), CAST[0].model)
