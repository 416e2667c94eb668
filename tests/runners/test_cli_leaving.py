"""``tokenrill chat`` left in the middle, and at a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from contextlib import suppress

import pytest

from tests.runners.program import LONG, SLOW, environment, program
from tokenrill import (
    CompletionRequest,
    Finish,
    ReasoningDelta,
    TextDelta,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault


async def test_control_c_hangs_up_and_tells_the_usage_so_far() -> None:
    env = environment(OPENAI_API_KEY="any")
    async with (
        Emulator(Answer.text(LONG, pace=SLOW)) as server,
        program("chat", "--base-url", f"{server.url}/v1", "Hello", env=env) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(30):
            assert b"word" in await process.stdout.read(5)
            process.send_signal(signal.SIGINT)
            await server.calls[-1].disconnected.wait()
            out, err = await process.stdout.read(), (await process.stderr.read()).decode()
            assert await process.wait() == 130
    assert out.endswith(b"\n")
    assert len(err.splitlines()) == 1
    assert "out (estimated)" in err
    assert err.endswith("left early\n")


async def test_control_c_before_the_first_word_is_quiet_too() -> None:
    asked = asyncio.Event()

    def stall(_: CompletionRequest) -> Answer:
        asked.set()
        return Answer.text(LONG, fault=Fault("stall", "before_first_event"))

    env = environment(OPENAI_API_KEY="any")
    async with (
        Emulator(stall) as server,
        program("chat", "--base-url", f"{server.url}/v1", "Hello", env=env) as process,
    ):
        async with asyncio.timeout(30):
            await asked.wait()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().startswith("openai gpt-6-luna · no usage · ")


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_a_reader_who_has_seen_enough_ends_it_quietly(options: list[str]) -> None:
    env = environment(OPENAI_API_KEY="any")
    ours, theirs = os.pipe()
    async with (
        Emulator(Answer.text(LONG, pace=SLOW)) as server,
        program("chat", "--base-url", f"{server.url}/v1", *options, "Hello", env=env, stdout=theirs) as process,
    ):
        os.close(theirs)
        async with asyncio.timeout(30):
            assert await asyncio.to_thread(os.read, ours, 5)
            os.close(ours)
            await server.calls[-1].disconnected.wait()
            _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_a_person_at_a_terminal_sees_reasoning_and_no_escape_of_the_models() -> None:
    attack = "\x1b]0;owned\x07"
    tokens = [ReasoningDelta("Hm."), TextDelta(f"Hi{attack}"), Finish("stop")]
    ours, theirs = pty.openpty()
    async with Emulator(Answer.tokens(tokens)) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tokenrill", "chat", "--quiet", "--base-url", f"{server.url}/v1", "Hello"),
            env=environment(OPENAI_API_KEY="any", TERM="xterm-256color"),
            stdin=theirs,
            stdout=theirs,
        )
        os.close(theirs)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    printed = b""
    # The system hands it over in as many pieces as it likes, and answers with an error when there is no more.
    with suppress(OSError):
        while piece := os.read(ours, 4096):
            printed += piece
    os.close(ours)
    assert printed.decode() == "\x1b[2mHm.\x1b[0m\r\nHi␛]0;owned␇\r\n"
