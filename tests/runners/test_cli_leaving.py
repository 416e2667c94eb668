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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_a_standard_stream_that_is_closed_is_no_reason_to_fall_over(closed: str) -> None:
    async with Emulator(Answer.text("One two.")) as server:
        command = f"{sys.executable} -m tokenrill chat --base-url {server.url}/v1 Hello {closed}"
        process = await asyncio.create_subprocess_shell(
            command,
            env=environment(OPENAI_API_KEY="any"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert out == (b"" if ">&-" in closed.split() else b"One two.\n")
    assert len(err.splitlines()) == (0 if "2>&-" in closed else 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is full")
@pytest.mark.parametrize("arguments", [["chat", "Hello"], ["chat", "--json", "Hello"], ["chat", "--list-providers"]])
async def test_an_output_that_cannot_be_written_is_a_failure(arguments: list[str]) -> None:
    async with Emulator(Answer.text("One two.")) as server:
        env = environment(OPENAI_API_KEY="any", OPENAI_BASE_URL=f"{server.url}/v1")
        with open("/dev/full", "wb") as full:  # noqa: ASYNC230
            async with program(*arguments, env=env, stdout=full.fileno()) as process:
                _, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err) == (1, b"tokenrill: cannot write the output: No space left on device\n")


INTERRUPTED_IMPORT = """
import sys
interrupted, sys.argv[1:] = sys.argv[1], ["chat", "Hello"]
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from tokenrill.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["tokenrill.runners.cli", "tokenrill.runners.cli.chat", "rich"])
async def test_control_c_while_it_begins_is_ctrl_c_too(module: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERRUPTED_IMPORT, module),
        env=environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err.strip()) == (130, b"")
