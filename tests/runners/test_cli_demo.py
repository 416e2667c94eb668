"""``tokenrill demo`` as a program of its own: in a pipe, at a terminal, and left in the middle."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.runners.program import environment, program
from tokenrill.runners.cli.demo_cast import CAST
from tokenrill.runners.cli.demo_screen import Stage, columns_for, screen

TITLES = [part.title for part in CAST]
SHOW_CURSOR = "\x1b[?25h"


def test_the_demo_has_the_seven_providers_of_the_vendors() -> None:
    assert [part.name for part in CAST] == ["openai", "anthropic", "gemini", "xai", "bedrock", "vertex", "azure"]
    assert len({part.wire for part in CAST}) == len(CAST)


async def test_in_a_pipe_the_demo_prints_plain_lines_and_a_table_and_needs_no_extra() -> None:
    program = (
        "import sys; sys.modules.update(botocore=None, google=None); sys.argv = ['tokenrill', 'demo']; "
        "from tokenrill.__main__ import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), 60))
    assert (process.returncode, err) == (0, "")
    assert "\x1b" not in out
    for part in CAST:
        assert f"{part.title}: begins: {part.wire}" in out
        assert part.text in out
        measured = [line.split() for line in out.splitlines() if line.startswith(f"{part.title}  ")]
        *_, received, _, _, finish = measured[0]
        assert int(received.replace(",", "")) > 1_000
        assert finish == "stop"


async def test_control_c_in_the_demo_still_prints_the_table() -> None:
    async with program("demo", env=environment()) as process:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b"begins" not in await process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")
    assert len([line for line in out.decode().splitlines() if line.endswith("disposed")]) == len(CAST)


@contextmanager
def window(columns: int, lines: int) -> Generator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def read_until(descriptor: int, *wanted: str) -> str:
    """What a terminal is sent until all of this was in it, or to the end when nothing is wanted."""
    seen = b""
    # When the last writer has left, a terminal answers with an error.
    with suppress(OSError):
        while not wanted or not all(it in seen.decode("utf-8", "replace") for it in wanted):
            seen += os.read(descriptor, 65536)
    return seen.decode("utf-8", "replace")


async def test_at_a_terminal_panels_grow_and_control_c_leaves_it_in_order() -> None:
    env = {name: value for name, value in environment(TERM="xterm-256color").items() if name != "COLUMNS"}
    with window(80, 24) as (ours, theirs):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tokenrill", "demo"), env=env, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        async with asyncio.timeout(30):
            await asyncio.to_thread(read_until, ours, *(f"▶ {title}" for title in TITLES))
            process.send_signal(signal.SIGINT)
            last = await asyncio.to_thread(read_until, ours)
            assert await process.wait() == 130
    assert SHOW_CURSOR in last
    assert all(f"✗ {title}" in last for title in TITLES)


@pytest.mark.parametrize(("width", "height", "columns"), [(80, 24, 2), (110, 24, 3), (160, 24, 4), (250, 60, 4)])
def test_the_panels_fit_the_terminal(width: int, height: int, columns: int) -> None:
    terminal = Console(width=width, height=height, force_terminal=True, color_system=None)
    stages = [Stage(part) for part in CAST]
    assert columns_for(terminal, len(CAST) + 1) == columns
    for stage in stages:
        stage.text.append(stage.part.text)
    with terminal.capture() as captured:
        terminal.print(screen(terminal, stages, "deadline, filter_content", 1.0))
    lines = captured.get().splitlines()
    assert len(lines) <= height - 2
    assert max(map(cell_len, lines)) <= width
    assert all(any(title in line for line in lines) for title in TITLES)


@pytest.mark.parametrize(("width", "height"), [(30, 24), (80, 12)])
def test_where_panels_do_not_fit_there_are_none(width: int, height: int) -> None:
    assert columns_for(Console(width=width, height=height, force_terminal=True), len(CAST) + 1) == 0
