"""When the rest of an answer is asked for, and that leaving ends it."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.disposable import Disposable
from reactivex.testing import TestScheduler

from tests.marbles import messages, readable
from tests.operators.breaking import (
    REQUEST,
    VALUES,
    A,
    Scripted,
    Way,
    broken,
    run,
)
from tokenrill import (
    ConnectionLost,
    Overloaded,
    StreamPipelineBuilder,
    Usage,
    resume,
)


@pytest.mark.parametrize(
    ("first", "rest", "expected"),
    [
        ("-Sa-#", "-b-(F|)", "-Sa--b-(UF|)"),
        ("-Sa-#", "#", "-Sa-#"),
    ],
)
def test_time_passes_as_the_streams_say(first: str, rest: str, expected: str) -> None:
    values = {**VALUES, "U": Usage(1, 1)}
    scheduler = TestScheduler()
    error = ConnectionLost("gone")
    streams: list[Observable[Any]] = [
        scheduler.create_cold_observable(messages(first, values, error)),
        *(scheduler.create_cold_observable(messages(rest, values, error)) for _ in range(2)),
    ]
    source = Scripted(*streams, ways=[Way("sequence", gapless=True)])
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(attempts=1)).build()
    seen: Any = scheduler.start(lambda: pipeline.stream(REQUEST))
    got = [(time, said) for time, said in (readable(message, 200) for message in seen.messages)]
    due = [readable(message) for message in messages(expected, values, error)]
    assert [time for time, _ in got] == [time for time, _ in due]


@pytest.mark.parametrize(("wait", "after", "due"), [([0, 3], None, [2, 5]), ([1], None, [3, 4]), ([0], 7.0, [9, 16])])
def test_a_try_waits_as_long_as_it_was_told_to(wait: list[float], after: float | None, due: list[float]) -> None:
    scheduler = TestScheduler()
    error = Overloaded("busy", status=529, retry_after=after)
    begun: list[float] = []

    def stream(diagram: str) -> Observable[Any]:
        cold: Observable[Any] = scheduler.create_cold_observable(messages(diagram, VALUES, error))

        def at_once(_: object) -> Observable[Any]:
            begun.append(scheduler.clock - 200)
            return cold

        return rx.defer(at_once)

    source = Scripted(stream("-a#"), stream("#"), stream("(bF)|"), ways=[Way("sequence", gapless=True)])
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(wait=wait)).build()
    scheduler.start(lambda: pipeline.stream(REQUEST))
    assert begun[1:] == due


def test_a_provider_that_wants_more_than_a_minute_is_not_waited_for() -> None:
    way = Way()
    _, error, _ = run(Scripted(broken(A, error=Overloaded("busy", retry_after=61)), ways=[way]))
    assert isinstance(error, Overloaded)
    assert way.asked == []


@pytest.mark.parametrize("moment", ["first", "waiting", "rest"])
def test_leaving_ends_it_all_at_any_moment(moment: str) -> None:
    scheduler = TestScheduler()
    left: list[str] = []

    def stream(name: str, diagram: str) -> Observable[Any]:
        cold: Observable[Any] = scheduler.create_cold_observable(messages(diagram, VALUES, ConnectionLost("gone")))
        return rx.using(lambda: Disposable(lambda: left.append(name)), lambda _: cold)

    source = Scripted(stream("first", "-a-#"), stream("rest", "--b---F|"), ways=[Way(gapless=True)])
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(wait=[5])).build()
    at = {"first": 202, "waiting": 205, "rest": 211}[moment]
    seen: Any = scheduler.start(lambda: pipeline.stream(REQUEST), disposed=at)
    assert left == (["first", "rest"] if moment == "rest" else ["first"])
    assert [message.value.kind for message in seen.messages] == (["N", "N"] if moment == "rest" else ["N"])
    assert not [item for item in scheduler._queue.items if not item[0].is_cancelled()]  # pyright: ignore
