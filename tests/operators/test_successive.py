from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from tests.contracts.pushing import PushedBatches, PushedItems, Seen
from tests.marbles import BOOM
from tests.stage import VALUES, Stage
from tokenrill import Raw, ResponseStart, StreamToken, TextDelta
from tokenrill.operators._prelude import MAX_HELD, Prelude
from tokenrill.operators._successive import Next, Successive
from tokenrill.streams.batched import BatchObserver, subscribe_batches

START, A, B = VALUES["S"], VALUES["a"], VALUES["b"]


class Plan:
    """A course that goes on with each of the streams it was given, whenever one fails, ends, or says ``b``."""

    def __init__(self, *following: Next, held: Sequence[StreamToken] = ()) -> None:
        self.following = list(following)
        self.held = held
        self.raises: Exception | None = None

    def see(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | Next:
        if self.raises is not None:
            raise self.raises
        return self.following.pop(0) if B in tokens and self.following else tokens

    def fail(self, error: Exception, /) -> Next | Exception:
        return self.following.pop(0) if self.following else error

    def complete(self) -> Next | None:
        return self.following.pop(0) if self.following else None

    def release(self) -> Sequence[StreamToken]:
        return self.held


def running(first: Observable[Any], plan: Plan) -> Successive:
    return Successive(first, lambda now: plan)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_stream_is_left_in_its_middle(stage: Stage) -> None:
    first, second = stage.cold("-ab-a|"), stage.cold("-ca|")
    plan = Plan(Next(lambda: second, wait=2, first=[VALUES["d"]]))
    assert stage.play(running(first, plan)) == "-ad--ca|"
    assert [(one.subscribe, one.unsubscribe) for one in first.subscriptions] == [(200, 202)]
    assert [one.subscribe for one in second.subscriptions] == [204]


@pytest.mark.parametrize("end", ["|", "#"])
def test_what_is_held_comes_before_the_terminal(stage: Stage, end: str) -> None:
    assert stage.play(running(stage.cold("-a-" + end), Plan(held=[VALUES["U"]]))) == f"-a-(U{end})"


def test_ends_and_failures_may_be_followed(stage: Stage) -> None:
    plan = Plan(Next(lambda: stage.cold("-c#")), Next(lambda: stage.cold("-d|")))
    assert stage.play(running(stage.cold("-a|"), plan)) == "-a-c-d|"


def test_what_a_course_raises_is_the_end(stage: Stage) -> None:
    plan, first = Plan(), stage.cold("-a-|")
    plan.raises = BOOM
    assert stage.play(running(first, plan)) == "-#"
    assert first.subscriptions[0].unsubscribe == 201


def test_so_is_what_the_making_of_a_stream_raises(stage: Stage) -> None:
    def broken() -> Observable[StreamToken]:
        raise BOOM

    assert stage.play(running(stage.cold("-a|"), Plan(Next(broken)))) == "-a#"


def test_whoever_leaves_during_the_wait_leaves_no_timer(stage: Stage) -> None:
    second = stage.cold("a|")
    stage.play(running(stage.cold("-#"), Plan(Next(lambda: second, wait=50))), leave=10)
    assert second.subscriptions == []
    assert all(item.is_cancelled() for item, _ in stage.scheduler._queue.items)  # pyright: ignore[reportPrivateUsage]


def test_whoever_leaves_with_the_first_tokens_of_the_next_hears_nothing_of_it() -> None:
    made: list[str] = []

    def second() -> Observable[StreamToken]:
        made.append("made")
        return rx.of(A)

    source = PushedItems()
    seen = Seen(running(source, Plan(Next(second, first=[A]))), leave_after=1)
    source.fail(BOOM)
    assert (len(seen.items), seen.ended, made) == (1, False, [])


def test_many_that_fail_at_once_do_not_pile_up_without_end() -> None:
    plan = Plan(*[Next(lambda: rx.throw(BOOM))] * 50)
    assert Seen(running(rx.throw(BOOM), plan)).error is BOOM
    assert plan.following == []


def test_a_stream_that_was_left_is_not_listened_to() -> None:
    first, second = PushedBatches(), PushedBatches()
    seen = Seen(running(first, Plan(Next(lambda: second))))
    first.push([B])
    first.push([A])
    first.complete()
    second.push([A])
    second.complete()
    first.fail(BOOM)
    assert seen.signals == [("next", A), ("completed",)]


@pytest.mark.parametrize("ending", ["dispose", "complete", "fail"])
def test_what_is_over_holds_nothing_of_its_consumer(ending: str) -> None:
    class Listener:
        def hear(self, _: object = None) -> None: ...

    first, second, listener = PushedBatches(), PushedBatches(), Listener()
    observer = BatchObserver[StreamToken](listener.hear, listener.hear, listener.hear)
    subscription = subscribe_batches(running(first, Plan(Next(lambda: second))), observer)
    first.push([B])
    second.push([A])
    match ending:
        case "dispose":
            subscription.dispose()
        case "complete":
            second.complete()
        case _:
            second.fail(BOOM)
    gone = weakref.ref(listener)
    del listener, observer
    gc.collect()
    assert gone() is None
    assert (first.live, second.live) == (0, 0)


def test_threads_of_two_streams_do_not_overlap() -> None:
    for _ in range(50):
        first, second, inside, overlaps = PushedItems(), PushedItems(), 0, 0
        ends: list[object] = []

        def on_next(_: object) -> None:
            nonlocal inside, overlaps
            inside += 1
            overlaps += inside != 1
            inside -= 1

        stream = running(first, Plan(Next(lambda second=second: second)))
        stream.subscribe(on_next, ends.append, lambda ends=ends: ends.append("completed"))
        start = threading.Barrier(3)

        def push(source: PushedItems, *items: Any, start: threading.Barrier = start) -> None:
            start.wait()
            for item in items:
                source.push(item)

        threads = [
            threading.Thread(target=push, args=(first, A, A, A, B, A, A)),
            threading.Thread(target=push, args=(first, A, A, A, A)),
            threading.Thread(target=push, args=(second, A, A, A)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        second.complete()
        assert overlaps == 0
        assert ends == ["completed"]


def test_a_prelude_holds_until_the_model_speaks() -> None:
    prelude = Prelude()
    assert prelude.phase == "before_response"
    assert prelude.feed([START]) == ()
    assert prelude.phase == "before_content"
    batch = [Raw("ping", None), TextDelta("a"), START]
    assert prelude.feed(batch) == [START, *batch]
    assert prelude.phase == "after_content"
    assert prelude.feed(batch) is batch


def test_a_prelude_is_bounded() -> None:
    prelude, ping = Prelude(), Raw("ping", None)
    for _ in range(MAX_HELD):
        assert prelude.feed([ping]) == ()
    assert len(prelude.feed([ping])) == MAX_HELD + 1
    assert prelude.phase == "after_content"


def test_a_prelude_forgets() -> None:
    prelude = Prelude()
    prelude.feed([START])
    prelude.forget()
    assert prelude.phase == "before_response"
    assert prelude.release() == []
    prelude.feed([ResponseStart("r2", "m")])
    assert prelude.release() == [ResponseStart("r2", "m")]
