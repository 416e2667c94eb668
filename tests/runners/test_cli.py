"""The command line but for ``chat``, as a program of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context

from tests.runners.program import WHOLE, environment, program, run
from tokenrill.runners.cli import COMMANDS, tokenrill
from tokenrill.runners.emulator import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
ENVIRONMENT = list(dict.fromkeys(name for endpoint in ENDPOINTS for name in endpoint.environment))


def assignment(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode().strip().removeprefix("export ").partition("=")
    return name, value


async def test_the_emulator_says_how_to_reach_it_and_serves_until_control_c() -> None:
    async with program("emulate", "--text", WHOLE, "--between-tokens", "0", env=environment()) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            variables = dict([assignment(await process.stdout.readline()) for _ in ENVIRONMENT])
            assert list(variables) == ENVIRONMENT
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
    for arguments, says in (
        (("--jitter", "3"), "from 0 to 1"),
        (("--between-tokens", "nan"), "no time in seconds"),
        (("--fault", "cut", "--refuse", "429"), "--refuse refuses every request"),
        (("--at", "mid_text"), "--at says where a --fault is"),
    ):
        ran = await run("emulate", *arguments)
        assert ran.code == 2
        assert says in ran.err


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


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_the_command_line_has_every_option(name: str) -> None:
    section = PAGE.read_text("utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    command = tokenrill.get_command(Context(tokenrill), name)
    assert command is not None
    options = [option for parameter in command.params for option in parameter.opts if "--" in option]
    assert [option for option in options if f"`{option}" not in section] == []
