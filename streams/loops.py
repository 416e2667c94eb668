"""Which event loop a subscription runs on."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from reactivex import abc
from reactivex.scheduler.eventloop import AsyncIOScheduler

__all__ = ["on_loop"]


def on_loop(action: Callable[[], None], scheduler: abc.SchedulerBase | None = None) -> None:
    """Do ``action`` on the running loop; else on the given scheduler's; else on one in a thread of our own.

    The last is what lets ``observable.subscribe(…)`` and ``observable.run()`` work in a script that has no
    loop: signals then arrive on the thread ``tokenrill``, as with RxPY's own thread schedulers.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if isinstance(scheduler, AsyncIOScheduler):
            scheduler.schedule(lambda *_: action())
        else:
            background_loop().call_soon_threadsafe(action)
    else:
        action()


@cache
def background_loop() -> asyncio.AbstractEventLoop:
    """One loop in one daemon thread, made at first use, and ended with the program."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=serve, args=(loop,), name="tokenrill", daemon=True)
    thread.start()
    atexit.register(stop, loop, thread)
    return loop


def serve(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(forever())


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    with suppress(RuntimeError):  # the loop may have been closed already
        loop.call_soon_threadsafe(cancel)
    thread.join(timeout=2)
