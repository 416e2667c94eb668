"""An ``async for`` over a stream: bounded, prompt, and gone when it is left, however that happens."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

import pytest
import reactivex as rx
from hypothesis import given, strategies as st
from reactivex import Observable, abc, operators as ops
from reactivex.disposable import Disposable
from reactivex.scheduler import NewThreadScheduler, ThreadPoolScheduler
from reactivex.subject import Subject

from tokenrill import Demand, Reader, StreamTruncated


class Pump:
    """A source that asks demand before each batch, as a socket does, and notes what became of it."""

    def __init__(self, total: int, batch: Callable[[], int] = lambda: 1, error: Exception | None = None) -> None:
        self.total = total
        self.batch = batch
        self.error = error
        self.sent = 0
        self.subscriptions = 0
        self.disposed = 0

    def connect(self, demand: Demand) -> Observable[int]:
        def subscribe(observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None) -> Disposable:
            self.subscriptions += 1
            task = asyncio.get_running_loop().create_task(self._run(observer, demand))

            def dispose() -> None:
                self.disposed += 1
                task.cancel()

            return Disposable(dispose)

        return Observable(subscribe)

    async def _run(self, observer: abc.ObserverBase[int], demand: Demand) -> None:
        while self.sent < self.total:
            await demand.ready()
            for _ in range(min(self.batch(), self.total - self.sent)):
                observer.on_next(self.sent)
                self.sent += 1
            await asyncio.sleep(0)
        if self.error is not None:
            observer.on_error(self.error)
        else:
            observer.on_completed()


async def test_it_reads_everything_in_order_then_ends() -> None:
    pump = Pump(1000)
    async with Reader(pump.connect) as items:
        assert [item async for item in items] == list(range(1000))
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert (pump.subscriptions, items.demand.level) == (1, 0)


async def test_nothing_is_asked_before_it_is_entered_or_read() -> None:
    pump = Pump(1)
    reader = Reader(pump.connect)
    await asyncio.sleep(0)
    assert pump.subscriptions == 0
    assert [item async for item in reader] == [0]


@given(high=st.integers(1, 20), largest=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_items_in_flight_never_pass_high_by_more_than_one_batch(high: int, largest: int, seed: int) -> None:
    dice = random.Random(seed)

    async def read() -> int:
        pump = Pump(80, lambda: dice.randint(1, largest))
        most = read = 0
        async with asyncio.timeout(30), Reader(pump.connect, Demand(high=high)) as items:
            async for item in items:
                assert item == read
                most = max(most, pump.sent - read)
                read += 1
                for _ in range(dice.randint(0, 3)):
                    await asyncio.sleep(0)
        assert read == 80
        return most

    assert asyncio.run(read()) < high + largest


async def test_breaking_out_hangs_up() -> None:
    pump = Pump(1_000_000)
    async with Reader(pump.connect, Demand(high=4)) as items:
        async for item in items:
            if item == 10:
                break
    assert pump.disposed == 1
    assert pump.sent <= 10 + 1 + 4
    assert items.demand.level == 0


async def test_an_exception_in_the_body_hangs_up_and_goes_on_its_way() -> None:
    pump = Pump(1_000_000)

    async def read() -> None:
        async with Reader(pump.connect) as items:
            async for item in items:
                _ = 1 // (3 - item)

    with pytest.raises(ZeroDivisionError):
        await read()
    assert pump.disposed == 1


async def test_cancelling_the_reading_task_hangs_up() -> None:
    for entered in (True, False):
        pump = Pump(5)
        silent = pump.connect

        async def read(connect: Callable[[Demand], Observable[int]] = silent, entered: bool = entered) -> None:
            reader = Reader(lambda demand: connect(demand).pipe(ops.concat(rx.never())))
            if entered:
                async with reader:
                    async for _ in reader:
                        pass
            async for _ in reader:
                pass

        task = asyncio.create_task(read())
        for _ in range(20):
            await asyncio.sleep(0)
        assert pump.sent == 5
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pump.disposed == 1


async def test_a_time_limit_on_one_item_leaves_the_stream_readable() -> None:
    subject: Subject[int] = Subject()
    async with Reader(lambda _: subject) as items:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(items)
        subject.on_next(7)
        assert await anext(items) == 7


async def test_an_error_comes_after_the_items_before_it_and_only_once() -> None:
    error = StreamTruncated()
    items = Reader(Pump(3, error=error).connect)
    assert [await anext(items), await anext(items), await anext(items)] == [0, 1, 2]
    with pytest.raises(StreamTruncated) as caught:
        await anext(items)
    assert caught.value is error
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_closing_twice_and_reading_after_it_is_harmless() -> None:
    pump = Pump(100)
    items = Reader(pump.connect)
    assert await anext(items) == 0
    await items.aclose()
    await items.aclose()
    assert pump.disposed == 1
    assert items.demand.level == 0
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    never_opened = Reader(pump.connect)
    await never_opened.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(never_opened)
    assert pump.subscriptions == 1


async def test_closing_ends_a_wait_in_another_task() -> None:
    items: Reader[int] = Reader(lambda _: rx.never())
    waiting = asyncio.create_task(anext(items, None))
    await asyncio.sleep(0)
    await items.aclose()
    async with asyncio.timeout(30):
        assert await waiting is None


async def test_two_tasks_that_read_at_once_are_told_so() -> None:
    subject: Subject[int] = Subject()
    async with Reader(lambda _: subject) as items:
        first = asyncio.create_task(anext(items))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task is reading this stream"):
            await anext(items)
        subject.on_next(1)
        async with asyncio.timeout(30):
            assert await first == 1


async def test_a_source_that_signals_from_another_thread_wakes_the_reader() -> None:
    total = 2_000
    source = rx.range(total).pipe(ops.observe_on(NewThreadScheduler()))
    async with asyncio.timeout(30), Reader(lambda _: source) as items:
        assert [item async for item in items] == list(range(total))


async def test_a_failure_on_another_thread_wakes_the_reader() -> None:
    pool = ThreadPoolScheduler(1)
    source: Observable[int] = rx.throw(StreamTruncated()).pipe(ops.subscribe_on(pool), ops.observe_on(pool))
    async with asyncio.timeout(30):
        with pytest.raises(StreamTruncated):
            await anext(Reader(lambda _: source))


async def test_a_thread_that_goes_on_after_closing_leaves_nothing_counted() -> None:
    subject: Subject[int] = Subject()
    disposed_late = Observable[int](lambda observer, _: keep(subject.subscribe(observer)))
    items = Reader(lambda _: disposed_late)
    async with items:
        subject.on_next(1)
        assert await anext(items) == 1
    thread = threading.Thread(target=lambda: [subject.on_next(2) for _ in range(100)])
    thread.start()
    thread.join(30)
    assert items.demand.level == 0
    with pytest.raises(StopAsyncIteration):
        await anext(items)


def keep(_: abc.DisposableBase) -> Disposable:
    return Disposable()


async def test_timers_of_operators_run_on_the_readers_loop() -> None:
    threads: set[int] = set()
    source = rx.of(1, 2).pipe(ops.delay(0.001), ops.do_action(lambda _: threads.add(threading.get_ident())))
    async with asyncio.timeout(30), Reader(lambda _: source) as items:
        assert [item async for item in items] == [1, 2]
    assert threads == {threading.get_ident()}
