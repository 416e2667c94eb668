from __future__ import annotations

import threading
from typing import Any

import pytest
import reactivex as rx
from hypothesis import given, settings, strategies as st
from reactivex.testing import ReactiveTest

from tests.contracts.pushing import PushedItems, Seen
from tests.stage import VALUES, Scripted, Stage
from tokenrill import (
    Alternative,
    ConnectionLost,
    Overloaded,
    ResponseStart,
    StreamError,
    StreamPipelineBuilder,
    TextDelta,
    deadline,
    fallback,
    is_content,
    race,
    resume,
    retry,
)


def full() -> Overloaded:
    return Overloaded("full", status=503)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def asking(stage: Stage, first: Scripted, *operators: Any) -> Any:
    builder: Any = StreamPipelineBuilder.source(first).attach(stage.sink)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.attach(stage.watch).build()


def test_what_stands_before_it_is_done_for_each(stage: Stage) -> None:
    busy = Overloaded("full", retry_after=1)
    source = Scripted("one", stage.cold("#", busy), stage.cold("#", busy), stage.cold("---a|"), stage.cold("-b|"))
    assert stage.run(asking(stage, source, retry(2), race())) == "--b|"
    assert len(source.asked) == 4


def test_a_retry_around_it_races_anew(stage: Stage) -> None:
    busy = Overloaded("full", retry_after=2)
    first = Scripted("one", stage.cold("#", busy), stage.cold("--a|"))
    second = Scripted("two", stage.cold("#", busy), stage.cold("-b|"))
    rival = Alternative(second, model="small")
    assert stage.run(asking(stage, first, race(rival), retry())) == "---b|"
    assert [request.model for request in first.asked] == ["large", "large"]
    assert [request.model for request in second.asked] == ["small", "small"]


def test_alternatives_may_fall_back(stage: Stage) -> None:
    first = Scripted("one", stage.cold("-#", full()))
    spare, second = Scripted("spare", stage.cold("--a|")), Scripted("two", stage.cold("-----b|"))
    assert stage.run(asking(stage, first, fallback(spare), race(second))) == "---a|"
    assert stage.calls[-1].provider == "spare"


def test_a_deadline_before_it_is_each_runners_own(stage: Stage) -> None:
    source = Scripted("one", stage.cold("---------a|"), stage.cold("---b|"))
    assert stage.run(asking(stage, source, deadline(first_token=4), race(delay=3))) == "------b|"


def test_resume_goes_on_with_the_winner(stage: Stage) -> None:
    class Gapless:
        name, gapless = "sequence", True

        def resume(self, call: Any, error: StreamError) -> None:
            call.turn_to(call.provider, call.request, going_on=True)

    class Resumable(Scripted):
        def stream(self, call: Any, /) -> Any:
            call.continuations = (Gapless(),)
            return super().stream(call)

    first = Scripted("one", stage.cold("------a|"))
    second = Resumable("two", stage.cold("-a#", ConnectionLost("gone")), stage.cold("-b-UF|"))
    assert stage.run(asking(stage, first, race(second), resume(wait=(1,)))) == "-a--b--(<Usage>F)|"
    assert (len(first.asked), len(second.asked)) == (1, 2)
    call = stage.calls[-1]
    assert (call.provider, call.attempts, call.reply.text) == ("two", 3, "ab")


FRAMES = st.lists(st.sampled_from("SPRUabcd"), max_size=6)
RUNNER = st.tuples(FRAMES, st.lists(st.integers(0, 3), min_size=7, max_size=7), st.sampled_from("|#-"))


@settings(max_examples=200, deadline=None)
@given(st.lists(RUNNER, min_size=1, max_size=4), st.sampled_from([0.0, 1.0, 2.5]), st.integers(2, 4))
def test_exactly_the_winners_tokens_come_out(runners: list[Any], delay: float, at_most: int) -> None:
    stage = Stage()
    answers: list[tuple[list[Any], str]] = []
    colds: list[Any] = []
    for number, (letters, pauses, end) in enumerate(runners):
        said = [ResponseStart(str(number), "m") if one == "S" else mine(VALUES[one], number) for one in letters]
        answers.append((said, end))
        colds.append(timed(stage, said, pauses, end))
    seen: list[Any] = []
    ends: list[object] = []
    stream = colds[0].pipe(race(*(colds[1:] or [rx.never()]), delay=delay, at_most=at_most))
    stage.scheduler.advance_to(1)  # RxPY takes a subscription that ends at 0 for one that does not end
    subscription = stream.subscribe(
        seen.append, ends.append, lambda: ends.append("completed"), scheduler=stage.scheduler
    )
    stage.scheduler.advance_to(900)
    said_by = [said for said, _ in answers]
    spoken = [said for said in said_by if speaks(said)]
    if speaks(seen):
        assert seen in spoken  # all of one runner's, in order, once; cut short only by the end of the run
    elif seen:
        assert seen in said_by
    started = [answer for answer, cold in zip(answers, colds, strict=True) if cold.subscriptions]
    if any(speaks(said) for said, _ in started):
        assert speaks(seen)
    assert len(ends) <= 1
    if ends:
        assert all(one.unsubscribe < 900 for cold in colds for one in cold.subscriptions)
    subscription.dispose()


def speaks(said: list[Any]) -> bool:
    return any(is_content(token) for token in said)


def mine(token: Any, number: int) -> Any:
    return TextDelta(f"{token.text}{number}") if isinstance(token, TextDelta) else token


def timed(stage: Stage, said: list[Any], pauses: list[int], end: str) -> Any:
    at, recorded = 0, list[Any]()
    for token, pause in zip(said, pauses, strict=False):
        at += pause
        recorded.append(ReactiveTest.on_next(at, token))
    at += pauses[-1]
    if end == "|":
        recorded.append(ReactiveTest.on_completed(at))
    elif end == "#":
        recorded.append(ReactiveTest.on_error(at, full()))
    return stage.scheduler.create_cold_observable(recorded)


def test_many_threads_and_one_winner() -> None:
    for _ in range(50):
        sources = [PushedItems() for _ in range(4)]
        seen = Seen(sources[0].pipe(race(*sources[1:], at_most=4)))
        start = threading.Barrier(4)

        def speak(number: int, sources: list[PushedItems] = sources, start: threading.Barrier = start) -> None:
            start.wait()
            for index in range(20):
                sources[number].push(TextDelta(f"{number}:{index}"))
            sources[number].complete()

        threads = [threading.Thread(target=speak, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = {item.text.partition(":")[0] for item in seen.items}
        assert [item.text for item in seen.items] == [f"{winner}:{index}" for index in range(20)]
        assert seen.signals[-1] == ("completed",)
        assert all(source.live == 0 for source in sources)
