"""The pump: one task, ended from anywhere, that keeps its observer's mistakes apart from its own."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tokenrill.sources.pump import Pump, Push
from tokenrill.streams.batched import BatchObserver


class Watching:
    """An observer that writes down what it is told."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.signals: list[object] = []
        self.then = then

    def on_batch(self, items: Sequence[int]) -> None:
        self.signals.extend(items)
        self.then()

    def observer(self) -> BatchObserver[int]:
        return BatchObserver(self.on_batch, self.signals.append, lambda: self.signals.append("completed"))


async def three(push: Push[int]) -> Exception | None:
    for number in range(3):
        if not push(number):
            return None
        await asyncio.sleep(0)
    return None


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_pushes_what_is_pulled_then_the_end() -> None:
    watching = Watching()
    Pump(watching.observer(), three).start()
    await settled()
    assert watching.signals == [0, 1, 2, "completed"]


@pytest.mark.parametrize("returned", [True, False])
async def test_an_error_ends_it_whether_returned_or_raised(returned: bool) -> None:
    mistake = ZeroDivisionError()

    async def fail(push: Push[int]) -> Exception | None:
        push(0)
        if returned:
            return mistake
        raise mistake

    watching = Watching()
    Pump(watching.observer(), fail).start()
    await settled()
    assert watching.signals == [0, mistake]


async def test_stopped_before_it_starts_it_never_does() -> None:
    watching = Watching()
    pump = Pump(watching.observer(), three)
    pump.stop()
    pump.start()
    await settled()
    assert watching.signals == []


async def test_stopped_while_its_task_is_being_made_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another thread may: there is no task yet that could be cancelled."""
    loop = asyncio.get_running_loop()
    create_task: Any = loop.create_task

    def stop_first(work: Any, **settings: Any) -> Any:
        pump.stop()
        return create_task(work, **settings)

    began: list[bool] = []

    async def work(push: Push[int]) -> Exception | None:
        began.append(push(0))
        return None

    watching = Watching()
    pump = Pump(watching.observer(), work)
    monkeypatch.setattr(loop, "create_task", stop_first)
    pump.start()
    monkeypatch.undo()
    await settled()
    assert (watching.signals, began) == ([], [])


async def test_stopped_inside_on_next_it_hands_on_nothing_more() -> None:
    pushed: list[bool] = []

    async def work(push: Push[int]) -> Exception | None:
        pushed.append(push(0))
        return None

    watching = Watching(lambda: pump.stop())
    pump = Pump(watching.observer(), work)
    pump.start()
    await settled()
    assert (watching.signals, pushed) == ([0], [False])


async def test_what_the_observer_raises_ends_it_and_is_reported() -> None:
    mistake = ZeroDivisionError()
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))

    def fail() -> None:
        raise mistake

    watching = Watching(fail)
    Pump(watching.observer(), three).start()
    await settled()
    assert watching.signals == [0]
    assert [context["exception"] for context in contexts] == [mistake]


async def test_a_cancellation_is_not_swallowed() -> None:
    cancelled: list[bool] = []

    async def wait(push: Push[int]) -> Exception | None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return None

    watching = Watching()
    pump = Pump(watching.observer(), wait)
    pump.start()
    await settled()
    pump.stop()
    await settled()
    assert (cancelled, watching.signals) == ([True], [])


@pytest.mark.parametrize("stopped", [True, False])
async def test_it_lets_go_of_its_observer(stopped: bool) -> None:
    watching = Watching()
    seen = weakref.ref(watching)
    pump = Pump(watching.observer(), three)
    pump.start()
    if stopped:
        pump.stop()
    await settled()
    del watching
    gc.collect()
    assert seen() is None
    pump.stop()
