from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Observer, abc

from tests.contracts.pushing import PushedBatches, PushedItems, Seen
from tests.marbles import BOOM, check
from tokenrill import OPENAI_CHAT, CompletionRequest, Replay, StreamPipelineBuilder, accumulate, watch
from tokenrill.streams.batched import BatchObserver, subscribe_batches
from tokenrill.streams.call import Call

VALUES = {letter: letter for letter in "abc"}
SECRET = "the prompt of a user"


class Watcher(abc.ObserverBase[Any]):
    """Write down what it sees; fail where it is told to."""

    def __init__(self, *fails_at: Any) -> None:
        self.seen: list[Any] = []
        self._fails_at = fails_at

    def note(self, signal: Any) -> None:
        self.seen.append(signal)
        if signal in self._fails_at:
            raise ValueError(SECRET)

    def on_next(self, value: Any) -> None:
        self.note(value)

    def on_error(self, error: Exception) -> None:
        self.note("error")

    def on_completed(self) -> None:
        self.note("completed")

    def on_dispose(self) -> None:
        self.note("disposed")


def test_the_stream_passes_unchanged() -> None:
    check(watch(Watcher()), "-a-b-c|", "-a-b-c|", VALUES)
    check(watch(Watcher()), "-a-b-#", "-a-b-#", VALUES, error=BOOM)


@pytest.mark.parametrize("fails_at", ["a", "b", "completed"])
def test_a_failing_watcher_changes_nothing(fails_at: str) -> None:
    check(watch(Watcher(fails_at)), "-a-b-c|", "-a-b-c|", VALUES)


def test_a_watcher_that_fails_on_the_error_does_not_replace_it() -> None:
    check(watch(Watcher("error")), "-a-#", "-a-#", VALUES, error=BOOM)


def refuses(call: Call) -> Any:
    raise ValueError(SECRET)


def has_no_methods(call: Call) -> Any:
    return 3


def watches_nothing(call: Call) -> Any:
    return None


@pytest.mark.parametrize("sink", [refuses, has_no_methods, watches_nothing])
def test_a_sink_that_makes_no_observer_changes_nothing(
    sink: Callable[[Call], Any], caplog: pytest.LogCaptureFixture
) -> None:
    wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    pipeline = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).attach(sink).pipe(accumulate()).build()
    with caplog.at_level(logging.INFO, "tokenrill"):
        assert pipeline.run(CompletionRequest(model="any", messages=SECRET)).text == "Hi"
    assert bool(caplog.records) == (sink is not watches_nothing)
    assert SECRET not in caplog.text


def test_it_sees_every_signal_before_the_consumer() -> None:
    order: list[str] = []
    watcher = Watcher()
    watcher.note = lambda signal: order.append(f"watcher {signal}")
    source = PushedItems()
    source.pipe(watch(watcher)).subscribe(
        lambda item: order.append(f"consumer {item}"), None, lambda: order.append("consumer completed")
    )
    source.push("a")
    source.complete()
    assert order == ["watcher a", "consumer a", "watcher completed", "consumer completed"]


def test_a_failure_does_not_hide_the_rest_of_a_batch() -> None:
    source, watcher = PushedBatches(), Watcher(1, 2)
    seen = Seen(source.pipe(watch(watcher)))
    source.push([1, 2, 3])
    assert watcher.seen == [1, 2, 3]
    assert seen.items == [1, 2, 3]
    seen.subscription.dispose()


def test_a_failure_is_logged_once_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    source = PushedItems()
    with caplog.at_level(logging.INFO, "tokenrill"):
        Seen(source.pipe(watch(Watcher(1, 2, 3))))
        source.push(1, 2, 3)
        source.complete()
    assert [record.getMessage() for record in caplog.records] == [
        "the sink Watcher failed with ValueError; the stream goes on"
    ]
    assert SECRET not in caplog.text


def test_it_is_told_when_the_consumer_hangs_up() -> None:
    source, watcher = PushedItems(), Watcher("disposed")
    seen = Seen(source.pipe(watch(watcher)))
    source.push(1)
    seen.subscription.dispose()
    seen.subscription.dispose()
    source.push(2)
    source.complete()
    assert watcher.seen == [1, "disposed"]


def test_it_is_not_told_of_hanging_up_after_the_end() -> None:
    for end in (PushedItems.complete, fail):
        source, watcher = PushedItems(), Watcher()
        seen = Seen(source.pipe(watch(watcher)))
        end(source)
        seen.subscription.dispose()
        assert len(watcher.seen) == 1


def fail(source: PushedItems) -> None:
    source.fail(BOOM)


def test_an_observer_without_on_dispose_is_left_in_peace() -> None:
    source = PushedItems()
    plain: Observer[Any] = Observer()
    Seen(source.pipe(watch(plain))).subscription.dispose()
    assert source.live == 0


@pytest.mark.parametrize("at", ["next", "completed"])
def test_a_watcher_may_hang_up_itself(at: str) -> None:
    source, watcher, signals = PushedBatches(), Watcher(), list[str]()
    observer: BatchObserver[Any] = BatchObserver(
        lambda _: signals.append("batch"), lambda _: signals.append("error"), lambda: signals.append("completed")
    )
    subscription = subscribe_batches(source.pipe(watch(watcher)), observer)
    watcher.note = lambda signal: subscription.dispose() if signal in (1, "completed") else None
    source.push([1] if at == "next" else [2])
    source.complete()
    assert signals == ([] if at == "next" else ["batch"])
    assert source.live == 0


def test_it_sees_nothing_after_the_end_of_a_source_that_misbehaves() -> None:
    source, watcher = PushedBatches(), Watcher()
    Seen(source.pipe(watch(watcher)))
    source.push([1])
    source.complete()
    source.push([2])
    source.fail(BOOM)
    assert watcher.seen == [1, "completed"]
