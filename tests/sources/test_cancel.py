"""Hanging up: however a stream is left, the server sees it within 50 ms."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any

import pytest
from reactivex import operators as ops

from tests.attempts import soonest
from tests.server import Connection, server_tls, serving
from tests.sources.asking import ASK, KEY, asking
from tests.sources.leaving import WITHIN, endless, flood, watched
from tokenrill import Demand, Pipeline, StreamToken, accumulate


async def arrived(pipeline: Pipeline[Any]) -> tuple[Any, asyncio.Event]:
    """Subscribe, and wait for the first token."""
    first = asyncio.Event()
    subscription = pipeline.stream(ASK).subscribe(lambda _: first.set())
    await asyncio.wait_for(first.wait(), 30)
    return subscription, first


async def by_disposing(pipeline: Pipeline[StreamToken]) -> float:
    subscription, _ = await arrived(pipeline)
    subscription.dispose()
    return monotonic()


async def by_disposing_twice_from_another_thread(pipeline: Pipeline[StreamToken]) -> float:
    subscription, _ = await arrived(pipeline)
    thread = threading.Thread(target=lambda: (subscription.dispose(), subscription.dispose()))
    left = monotonic()
    thread.start()
    await asyncio.to_thread(thread.join)
    return left


async def by_breaking_the_loop(pipeline: Pipeline[StreamToken]) -> float:
    async with pipeline.open(ASK) as reader:
        async for _ in reader:
            break
        return monotonic()


async def by_an_exception_in_the_loop(pipeline: Pipeline[StreamToken]) -> float:
    left = 0.0
    with suppress(ZeroDivisionError):
        async with pipeline.open(ASK) as reader:
            async for _ in reader:
                left = monotonic()
                raise ZeroDivisionError
    return left


async def by_a_timeout(pipeline: Pipeline[StreamToken]) -> float:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await pipeline.stream(ASK)
    return monotonic()


async def by_a_timeout_around_the_reader(pipeline: Pipeline[StreamToken]) -> float:
    async def read() -> None:
        async with asyncio.timeout(0.1), pipeline.open(ASK) as reader:
            async for _ in reader:
                pass

    with pytest.raises(TimeoutError):
        await read()
    return monotonic()


async def by_cancelling_the_task(pipeline: Pipeline[StreamToken]) -> float:
    task = asyncio.ensure_future(pipeline.stream(ASK).pipe(accumulate()))
    await asyncio.sleep(0.1)
    task.cancel()
    left = monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    return left


async def by_cancelling_a_reader(pipeline: Pipeline[StreamToken]) -> float:
    async def read() -> None:
        async for _ in pipeline.open(ASK):  # without ``async with``: cancellation must do
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.1)
    task.cancel()
    left = monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    return left


async def by_taking_enough(pipeline: Pipeline[StreamToken]) -> float:
    await pipeline.stream(ASK).pipe(ops.take(2))
    return monotonic()


async def by_disposing_inside_on_next(pipeline: Pipeline[StreamToken]) -> float:
    done = asyncio.Event()

    def on_next(_: StreamToken) -> None:
        subscription.dispose()
        done.set()

    subscription = pipeline.stream(ASK).subscribe(on_next)
    await asyncio.wait_for(done.wait(), 30)
    return monotonic()


async def by_disposing_while_paused(pipeline: Pipeline[StreamToken]) -> float:
    demand = Demand(high=2, low=0)
    seen = asyncio.Event()

    def on_next(_: StreamToken) -> None:
        demand.buffered()
        seen.set()

    subscription = pipeline.stream(ASK, demand).subscribe(on_next)
    await asyncio.wait_for(seen.wait(), 30)
    await asyncio.sleep(0.1)
    assert not demand.is_open
    subscription.dispose()
    return monotonic()


LEAVING = {name.removeprefix("by_"): leave for name, leave in sorted(globals().items()) if name.startswith("by_")}


@pytest.mark.parametrize("script", [endless, flood])
@pytest.mark.parametrize("secured", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
async def test_however_a_stream_is_left_the_server_sees_it(
    leave: Callable[[Pipeline[StreamToken]], Awaitable[float]],
    secured: bool,
    script: Callable[[Connection], Awaitable[None]],
) -> None:
    async def attempt() -> float:
        async with watched(script, server_tls() if secured else None) as (server, pipeline):
            left = await leave(pipeline)
            if not server.connections:  # so busy that the time to leave came before the handshake was over
                return inf
            return await server.connections[0].hung_up() - left

    assert await soonest(attempt, WITHIN) < WITHIN


async def test_a_subscription_without_a_loop_is_left_from_its_own_thread() -> None:
    """Subscribed in a thread that has no loop, the stream runs on the library's own."""

    def script(pipeline: Pipeline[StreamToken]) -> float:
        first, names = threading.Event(), set[str]()

        def on_next(_: StreamToken) -> None:
            names.add(threading.current_thread().name)
            first.set()

        subscription = pipeline.stream(ASK).subscribe(on_next)
        assert first.wait(30)
        subscription.dispose()
        left = monotonic()
        assert names == {"tokenrill"}
        return left

    async def attempt() -> float:
        async with serving(endless) as server:
            left = await asyncio.to_thread(script, asking(server))
            return await server.connections[0].hung_up() - left

    assert await soonest(attempt, WITHIN) < WITHIN


CLIENT = """
import asyncio, sys
from tests.sources.asking import ASK, asking

async def main():
    async with asking(sys.argv[1]).open(ASK) as reader:
        async for token in reader:
            print("token", flush=True)

def run():
    asking(sys.argv[1]).run(ASK)

def observe():
    asking(sys.argv[1]).stream(ASK).run()

{"main": lambda: asyncio.run(main()), "run": run, "observe": observe}[sys.argv[2]]()
"""


@pytest.mark.parametrize("way", ["main", "run", "observe"])
async def test_ctrl_c_hangs_up(way: str) -> None:
    assert await soonest(lambda: interrupted(way), WITHIN) < WITHIN


async def interrupted(way: str) -> float:
    async with serving(endless) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CLIENT,
            server.url,
            way,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        connection = await asyncio.wait_for(server.connection(), 60)
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGINT)
        left = monotonic()
        took = await connection.hung_up() - left
        _, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert b"KeyboardInterrupt" in stderr
        assert b"Unclosed" not in stderr
        assert b"never" not in stderr
        assert KEY.encode() not in stderr
        return took
