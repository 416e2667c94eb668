"""A contender's process: it imports one client, warms up, streams once, and prints how fast that was.

A client is a function that gives ``run(url)``, which streams to the end and returns how many text tokens the
code behind it was given; a wrong count fails. Importing and constructing are not in the time.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.server import pin

__all__ = ["Client", "Run", "contend"]

Run = Callable[[str], Awaitable[int]]
"""Streams the answer at an address to its end, and gives the number of tokens it brought."""

Client = Callable[[str], Run]
"""Makes a client for a shape."""


def contend(name: str, module: str, server: str, shape: str, a_chunk: str, tokens: str) -> float:
    """Tokens a second of one run."""
    pin(0)
    os.environ |= {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    client: Client = import_module(f"benchmarks.peers.{module}").CLIENTS[name]
    return asyncio.run(timed(name, client(shape), f"{server}/{shape}", int(a_chunk), int(tokens)))


async def timed(name: str, run: Run, server: str, a_chunk: int, tokens: int) -> float:
    async def once(count: int) -> float:
        started = time.perf_counter()
        seen = await run(f"{server}/{count}/{a_chunk}")
        elapsed = time.perf_counter() - started
        if seen != count:
            raise SystemExit(f"{name} saw {seen:,} tokens of {count:,}")
        return elapsed

    warm = max(50, min(5_000, tokens // 10))
    await once(warm)
    await once(warm)
    gc.collect()
    return tokens / await once(tokens)
