"""Which event loop a subscription runs on, and how threads wake each other's."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeVar

from reactivex import abc
from reactivex.scheduler.eventloop import AsyncIOScheduler

__all__ = ["on_loop", "require_no_loop", "run_on_background", "running_loop", "wake"]

T = TypeVar("T")

starting = threading.Lock()


def on_loop(action: Callable[[], None], scheduler: abc.SchedulerBase | None = None) -> None:
    """Do ``action`` on the running loop; else on the given scheduler's; else on one in a thread of our own.

    The last is what lets ``observable.subscribe(…)`` and ``observable.run()`` work in a script that has no
    loop: signals then arrive on the thread ``tokenrill``, as with RxPY's own thread schedulers.
    """
    if running_loop() is not None:
        action()
    elif isinstance(scheduler, AsyncIOScheduler):
        scheduler.schedule(lambda *_: action())  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    else:
        shared_loop().call_soon_threadsafe(action)


def run_on_background(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on the loop in a thread of our own, and wait for it; Ctrl-C cancels it."""
    loop, waiting = shared_loop(), Future[T]()

    def start() -> None:
        task = loop.create_task(work())
        task.add_done_callback(partial(hand_over, waiting))
        waiting.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel))

    # Not run_coroutine_threadsafe: a signal that comes before it returns would leave nothing to cancel.
    try:
        loop.call_soon_threadsafe(start)
        return waiting.result()
    finally:
        waiting.cancel()


def hand_over(waiting: Future[T], task: asyncio.Task[T]) -> None:
    error = CancelledError() if task.cancelled() else task.exception()
    if not waiting.set_running_or_notify_cancel():
        return
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(task.result())


def require_no_loop() -> None:
    """Before waiting in a way that would block the loop that runs here.

    Raises:
        RuntimeError: When one does.
    """
    if running_loop() is not None:
        raise RuntimeError("an event loop is running here: use `await pipeline.stream(request)` instead of `.run()`")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread now, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def wake(waiter: asyncio.Future[None]) -> None:
    """Complete a future, from whatever thread; a loop that is gone needs no waking."""
    loop = waiter.get_loop()
    if running_loop() is loop:
        settle(waiter)
    else:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, waiter)


def settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def shared_loop() -> asyncio.AbstractEventLoop:
    with starting:
        return background_loop()


@cache
def background_loop() -> asyncio.AbstractEventLoop:
    """One loop in one daemon thread, made at first use, and ended with the program."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=serve, args=(loop,), name="tokenrill", daemon=True)
    thread.start()
    atexit.register(stop, loop, thread)
    return loop


def forget() -> None:
    """In a forked child: the parent's thread did not come along, so the next use starts a new one."""
    global starting
    starting = threading.Lock()
    background_loop.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)


def serve(loop: asyncio.AbstractEventLoop) -> None:
    # To wait for the loop's executor the runner ends with a thread, and Python 3.12 starts none while a program ends.
    with suppress(asyncio.CancelledError, RuntimeError), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(forever())


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    if thread.is_alive():  # not so in a forked child, whose copy of the loop is the parent's
        with suppress(RuntimeError):  # the loop may have been closed already
            loop.call_soon_threadsafe(cancel)
        thread.join(timeout=2)
