"""The command line but for ``chat``, as a program of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from tests.runners.program import CANARY, WHOLE, environment, program, run
from tokenrill.runners.emulator import Emulator


async def test_the_demo_streams_and_prints_its_table() -> None:
    ran = await run("demo")
    assert ran.code == 0
    assert ran.err == ""
    for expected in ("127.0.0.1", "real provider", "time to first token", "tokens/s", "p50", "p99", "finish reason"):
        assert expected in ran.out
    row = next(line for line in ran.out.splitlines() if "bytes received" in line)
    assert int("".join(filter(str.isdigit, row))) > 1_000


async def test_control_c_in_the_demo_still_prints_the_table() -> None:
    async with program("demo", env=environment()) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b"Hello!" not in (seen := await process.stdout.read(4096)):
                assert seen
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")
    assert "disposed" in out.decode()


async def test_the_emulator_says_how_to_reach_it_and_serves_until_control_c() -> None:
    async with program("emulate", "--text", WHOLE, "--between-tokens", "0", env=environment()) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            lines = [(await process.stdout.readline()).decode().strip() for _ in range(2)]
            variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            ran = await run("chat", "Hello", **variables)
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    assert (ran.code, ran.out) == (0, WHOLE + "\n")
    assert (process.returncode, err) == (0, b"")


async def test_an_emulator_that_refuses_does_so() -> None:
    async with program("emulate", "--refuse", "503", env=environment()) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            url = (await process.stdout.readline()).decode().strip().partition("=")[2]
            ran = await run("chat", "--base-url", url, "Hello", OPENAI_API_KEY="any")
    assert ran.code == 1
    assert "HTTP 503" in ran.err


async def test_an_emulator_that_makes_no_sense_is_a_usage_error() -> None:
    ran = await run("emulate", "--jitter", "3")
    assert ran.code == 2
    assert "from 0 to 1" in ran.err


async def test_the_doctor_tells_what_is_set_and_never_a_key() -> None:
    ran = await run("doctor", "--offline", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=f"https://me:{CANARY}@example.com")
    assert ran.code == 0
    assert "OPENAI_API_KEY is set" in ran.out
    assert "aiohttp" in ran.out
    assert "not tried" in ran.out
    assert CANARY not in ran.out + ran.err


async def test_the_doctor_misses_a_key() -> None:
    ran = await run("doctor", "--offline")
    assert ran.code == 3
    assert "set OPENAI_API_KEY" in ran.out


@pytest.mark.parametrize("address", [CANARY, f"http://{CANARY}", f"https://api.example:{CANARY}/v1"])
async def test_the_doctor_does_not_quote_a_key_that_is_in_the_wrong_place(address: str) -> None:
    ran = await run("doctor", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=address)
    assert ran.code == 1
    assert "OPENAI_BASE_URL holds no address that can be used" in ran.out
    assert CANARY not in ran.out + ran.err


async def test_the_doctor_reaches_a_provider_that_is_there() -> None:
    async with Emulator() as server:
        ran = await run("doctor", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=f"{server.url}/v1")
        assert server.calls == ()
    assert ran.code == 0
    assert "reached in" in ran.out


async def test_the_doctor_says_that_nobody_is_there() -> None:
    ran = await run("doctor", OPENAI_API_KEY=CANARY, OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert ran.code == 1
    assert "127.0.0.1:1 cannot be reached" in ran.out


async def test_help_teaches_by_examples() -> None:
    ran = await run("--help")
    assert ran.code == 0
    for expected in ("tokenrill demo", "OPENAI_API_KEY", "tokenrill emulate --port"):
        assert expected in ran.out
    assert "130  Ctrl-C" in (await run("chat", "--help")).out


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_message_says_what_to_install(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from tokenrill.__main__ import main; main()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == f"tokenrill: the command line needs {missing}: pip install 'tokenrill[cli]'\n"
