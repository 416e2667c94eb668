from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Sequence
from itertools import count, repeat
from typing import Any, SupportsIndex

import pytest
import reactivex as rx
from reactivex import abc

from tests.contracts.pushing import PushedBatches, PushedItems
from tokenrill.streams.batched import NOBODY, BatchObserver, Serial, subscribe_batches

Batch = Sequence[Any] | None


class Served:
    """A Serial, and what it served."""

    def __init__(self) -> None:
        self.signals: list[tuple[Any, Exception | None]] = []
        self.serial: Serial[Any] = Serial(self.serve)

    def serve(self, items: Batch, error: Exception | None) -> None:
        self.signals.append((items, error))


def test_an_endless_source_can_be_left_from_inside() -> None:
    served = Served()
    served.serial = Serial(lambda items, _: served.serial.stop() if items == (9,) else served.serve(items, None))

    class Passing(PushedBatches):
        def subscribe_batches(self, observer: BatchObserver[Any], scheduler: Any = None) -> abc.DisposableBase:
            return served.serial.connect(rx.from_iterable(count()))

    subscribe_batches(Passing(), NOBODY)
    assert len(served.signals) == 9


def test_a_signal_from_inside_waits_for_its_turn() -> None:
    order: list[str] = []

    def serve(items: Batch, _: Exception | None) -> None:
        order.append(f"<{items}")
        if items == (1,):
            serial.on_batch((2,))
            serial.on_completed()
        order.append(f"{items}>")

    serial: Serial[int] = Serial(serve)
    serial.on_batch((1,))
    assert order == ["<(1,)", "(1,)>", "<(2,)", "(2,)>", "<None", "None>"]


def test_the_first_terminal_is_the_last_signal() -> None:
    served, boom = Served(), RuntimeError("boom")
    served.serial.on_batch((1,))
    served.serial.on_error(boom)
    served.serial.on_batch((2,))
    served.serial.on_completed()
    served.serial.on_error(boom)
    assert served.signals == [((1,), None), (None, boom)]
    assert served.serial.stopped


def test_stopping_drops_what_waits() -> None:
    seen: list[Batch] = []

    def serve(items: Batch, _: Exception | None) -> None:
        seen.append(items)
        serial.on_batch((2,))
        serial.stop()
        serial.on_batch((3,))

    serial: Serial[int] = Serial(serve)
    serial.on_batch((1,))
    assert seen == [(1,)]


def test_a_server_that_raises_stops_it_and_disposes_upstream() -> None:
    def serve(_: Batch, __: Exception | None) -> None:
        raise KeyError("mine")

    source, serial = PushedItems(), Serial[Any](serve)
    serial.connect(source)
    with pytest.raises(KeyError, match="mine"):
        source.push(1)
    assert source.live == 0
    source.push(2)


@pytest.mark.parametrize("ending", ["complete", "stop", "raise"])
def test_what_is_over_is_let_go(ending: str) -> None:
    class Server:
        def serve(self, items: Batch, _: Exception | None) -> None:
            if items == ("raise",):
                raise KeyError

    server, source = Server(), PushedItems()
    serial: Serial[Any] = Serial(server.serve)
    serial.connect(source)
    match ending:
        case "complete":
            source.complete()
        case "stop":
            serial.stop()
        case _:
            with pytest.raises(KeyError):
                source.push("raise")
    gone = weakref.ref(server)
    del server
    gc.collect()
    assert gone() is None


def test_a_signal_that_comes_as_the_server_leaves_is_served() -> None:
    served = Served()

    class Gate:
        """A lock that another thread finds shut just before it opens."""

        def __init__(self) -> None:
            self.shut = False

        def acquire(self, _: bool) -> bool:
            was_open, self.shut = not self.shut, True
            return was_open

        def release(self) -> None:
            if len(served.signals) == 1:
                served.serial.on_batch((2,))
            self.shut = False

    served.serial._gate = Gate()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    served.serial.on_batch((1,))
    assert served.signals == [((1,), None), ((2,), None)]


def test_a_stop_from_another_thread_just_before_a_signal_is_taken() -> None:
    served = Served()

    class Queue(list[Any]):
        def pop(self, index: SupportsIndex = -1, /) -> Any:
            served.serial.stop()
            return super().pop(index)

    served.serial._queue = Queue()  # pyright: ignore[reportPrivateUsage]
    served.serial.on_completed()
    assert served.signals == []


def test_nothing_is_lost_or_doubled_between_threads() -> None:
    got: list[int] = []
    threads, each = 8, 2000
    serial: Serial[int] = Serial(lambda items, _: got.extend(items or ()))
    start = threading.Barrier(threads)

    def push(first: int) -> None:
        start.wait()
        for item in range(first, first + each):
            serial.on_batch((item,))

    in_a_hurry([threading.Thread(target=push, args=(number * each,)) for number in range(threads)])
    assert sorted(got) == list(range(threads * each))
    for number in range(threads):
        mine = [item for item in got if item // each == number]
        assert mine == sorted(mine)


def test_stopping_from_another_thread_while_batches_wait_harms_nobody() -> None:
    failures: list[BaseException] = []
    for _ in repeat(None, 200):
        serial: Serial[int] = Serial(lambda items, error: None)
        start = threading.Barrier(4)

        def push(serial: Serial[int] = serial, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                for item in range(20):
                    serial.on_batch((item,))
            except BaseException as error:
                failures.append(error)

        def stop(serial: Serial[int] = serial, start: threading.Barrier = start) -> None:
            start.wait()
            serial.stop()

        in_a_hurry([threading.Thread(target=action) for action in (push, push, push, stop)])
    assert not failures


def in_a_hurry(threads: list[threading.Thread]) -> None:
    """Run threads that interrupt each other at nearly every step."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
