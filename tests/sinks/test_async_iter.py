"""``async for`` over any observable."""

from __future__ import annotations

import asyncio

import pytest
import reactivex as rx
from reactivex import Observable, abc, operators as ops
from reactivex.disposable import Disposable

from tokenrill import Demand, async_iter


def endless(left: list[str]) -> Observable[int]:
    """Sends whenever the loop turns, until it is left."""

    def subscribe(observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None) -> Disposable:
        loop = asyncio.get_running_loop()
        live = True

        def send(number: int) -> None:
            if live:
                observer.on_next(number)
                loop.call_soon(send, number + 1)

        def leave() -> None:
            nonlocal live
            live = False
            left.append("left")

        loop.call_soon(send, 0)
        return Disposable(leave)

    return Observable(subscribe)


async def test_items_come_in_order_and_the_end_ends_the_loop() -> None:
    async with async_iter(rx.of(1, 2, 3)) as numbers:
        assert [number async for number in numbers] == [1, 2, 3]


async def test_an_error_comes_after_the_items_before_it() -> None:
    async with async_iter(rx.concat(rx.of(1, 2), rx.throw(LookupError("gone")))) as numbers:
        assert [await anext(numbers), await anext(numbers)] == [1, 2]
        with pytest.raises(LookupError, match="gone"):
            await anext(numbers)
        with pytest.raises(StopAsyncIteration):
            await anext(numbers)


async def test_breaking_the_loop_hangs_up() -> None:
    left: list[str] = []
    async with async_iter(endless(left)) as numbers:
        async for number in numbers:
            if number == 3:
                break
        assert left == []
    assert left == ["left"]


async def test_an_exception_in_the_loop_hangs_up() -> None:
    left: list[str] = []

    async def read() -> None:
        async with async_iter(endless(left)) as numbers:
            async for _ in numbers:
                raise KeyError

    with pytest.raises(KeyError):
        await read()
    assert left == ["left"]


async def test_cancelling_the_reader_hangs_up() -> None:
    left: list[str] = []
    silent = rx.merge(rx.never(), endless(left).pipe(ops.ignore_elements()))

    async def read() -> None:
        async with async_iter(silent) as numbers:
            async for _ in numbers:
                pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left == ["left"]


async def test_nothing_is_subscribed_before_it_is_read() -> None:
    subscribed: list[int] = []
    source = rx.defer(lambda _: (subscribed.append(1), rx.of(7))[1])
    reader = async_iter(source)
    await asyncio.sleep(0)
    assert subscribed == []
    assert await anext(reader) == 7
    assert subscribed == [1]
    await reader.aclose()


async def test_a_source_that_takes_the_demand_is_asked_to_stop() -> None:
    sent = 0

    def polite(demand: Demand) -> Observable[int]:
        def subscribe(observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None) -> Disposable:
            async def send() -> None:
                nonlocal sent
                while True:
                    await demand.ready()
                    sent += 1
                    observer.on_next(sent)
                    await asyncio.sleep(0)

            task = asyncio.get_running_loop().create_task(send())

            def leave() -> None:
                task.cancel()

            return Disposable(leave)

        return Observable(subscribe)

    async with async_iter(polite, high=8, low=2) as numbers:
        await anext(numbers)
        for _ in range(100):
            await asyncio.sleep(0)
        assert sent <= 9
        assert [await anext(numbers) for _ in range(20)] == list(range(2, 22))


def test_marks_that_make_no_sense_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="0 <= low < high"):
        async_iter(rx.of(1), high=4, low=4)
