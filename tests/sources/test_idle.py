"""One timer for all who wait for bytes."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Any

import pytest

from tokenrill import StreamError, StreamStalled
from tokenrill.sources.idle import Silence

LIMIT = 0.02


class Listening:
    """Someone who waits, and who notes what it is told."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.before: Any = None
        self.behind: Any = None
        self.failed: asyncio.Future[StreamError] = asyncio.get_running_loop().create_future()

    def fail(self, error: StreamError) -> None:
        self.failed.set_result(error)


async def test_who_hears_nothing_fails_and_who_does_not_read_does_not() -> None:
    silence = Silence(LIMIT)
    paused, silent = Listening(math.inf), Listening(monotonic())
    for waiting in (paused, silent):
        silence.watch(waiting)
    error = await asyncio.wait_for(silent.failed, 30)
    assert str(error) == str(StreamStalled("idle", LIMIT))
    assert silence.waiting() == [paused]
    assert not paused.failed.done()
    silence.stop()


async def test_whoever_goes_on_hearing_goes_on_waiting() -> None:
    silence = Silence(LIMIT)
    heard, silent = Listening(monotonic()), Listening(monotonic())
    for waiting in (heard, silent):
        silence.watch(waiting)
    while not silent.failed.done():
        heard.since = monotonic()
        await asyncio.sleep(0)
    assert silence.waiting() == [heard]
    heard.since = monotonic() - LIMIT  # and then no more
    assert isinstance(await asyncio.wait_for(heard.failed, 30), StreamStalled)
    silence.stop()


async def test_one_that_comes_when_the_timer_has_rung_for_nobody_is_watched_too() -> None:
    silence = Silence(LIMIT)
    gone = Listening(monotonic())
    silence.watch(gone)
    silence.leave(gone)
    await asyncio.sleep(LIMIT * 2)
    late = Listening(monotonic())
    silence.watch(late)
    assert isinstance(await asyncio.wait_for(late.failed, 30), StreamStalled)
    assert not gone.failed.done()


@pytest.mark.parametrize("order", ["012", "021", "102", "120", "201", "210"])
async def test_they_leave_in_any_order_and_as_often_as_they_like(order: str) -> None:
    silence = Silence(60)
    all_of_them = [Listening(monotonic()) for _ in range(3)]
    for waiting in all_of_them:
        silence.watch(waiting)
    left = list(all_of_them)
    for number in map(int, order):
        silence.leave(all_of_them[number])
        silence.leave(all_of_them[number])
        left.remove(all_of_them[number])
        assert silence.waiting() == left
    silence.stop()


async def test_one_that_fails_may_take_others_with_it() -> None:
    silence = Silence(LIMIT)
    second = Listening(monotonic())

    class Leaving(Listening):
        def fail(self, error: StreamError) -> None:
            silence.leave(second)
            super().fail(error)

    first = Leaving(monotonic())
    for waiting in (first, second):
        silence.watch(waiting)
    await asyncio.wait_for(first.failed, 30)
    assert silence.waiting() == []


async def test_nobody_is_watched_after_stopping() -> None:
    silence = Silence(LIMIT)
    waiting = Listening(monotonic())
    silence.watch(waiting)
    silence.stop()
    assert silence.waiting() == []
    silence.leave(waiting)
