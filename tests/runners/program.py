"""The command line as a program of its own, for tests."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tokenrill import ProviderRegistry
from tokenrill.runners.emulator import Emulator, Pace

CANARY = "sk-canary-7f3a9b"
WHOLE = "One two three four five."
SLOW = Pace(between_tokens=0.05)
LONG = "word " * 400


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Ours, without what could point the program elsewhere."""
    rows = list(ProviderRegistry())
    named = {name for row in rows for name in (*row.variables, *row.address_variables)}
    families = ("OPENAI_", "AZURE_", "ANTHROPIC_", "AWS_", "GOOGLE_")
    kept = {name: value for name, value in os.environ.items() if name not in named and not name.startswith(families)}
    # A home without credentials.
    return {**kept, "HOME": os.devnull, "COLUMNS": "120", "PYTHONWARNINGS": "error", **more}


@asynccontextmanager
async def program(
    *arguments: str, env: Mapping[str, str], stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The running program; killed when the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tokenrill",
        *arguments,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(*arguments: str, piped: str | None = None, **env: str) -> Ran:
    """Run the program to its end."""
    stdin = subprocess.DEVNULL if piped is None else subprocess.PIPE
    async with program(*arguments, env=environment(**env), stdin=stdin) as process:
        out, err = await asyncio.wait_for(process.communicate(None if piped is None else piped.encode()), 60)
    assert process.returncode is not None
    ran = Ran(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in ran.err
    return ran


async def chat(server: Emulator, *arguments: str, piped: str | None = None, key: str = "any") -> Ran:
    return await run("chat", "--base-url", f"{server.url}/v1", *arguments, piped=piped, OPENAI_API_KEY=key)
