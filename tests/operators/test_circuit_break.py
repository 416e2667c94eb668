"""A provider that keeps failing is left alone, and tried again with a few probes."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

from tests.marbles import check
from tokenrill import (
    ApiError,
    BreakerState,
    Call,
    CircuitBreaker,
    CircuitOpen,
    CompletionRequest,
    ConnectError,
    ConnectionLost,
    ContentBlocked,
    Decision,
    Finish,
    InvalidRequest,
    MalformedEvent,
    MissingCredential,
    Overloaded,
    RateLimited,
    StreamStalled,
    StreamToken,
    StreamTruncated,
    TextDelta,
    circuit_break,
)
from tokenrill.streams.circuit import Circuit, Rules

DOWN = ConnectError("nobody there")
VALUES = {"a": TextDelta("a"), "b": TextDelta("b"), "f": Finish("stop")}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(error: Exception) -> Observable[StreamToken]:
    return rx.throw(error)


def outcome(stream: Observable[Any]) -> list[Any]:
    """What comes, and how it ends, of a stream that needs no loop."""
    seen: list[Any] = []
    stream.subscribe(seen.append, seen.append, lambda: seen.append("|"))
    return seen


def call(provider: str = "openai", model: str = "gpt") -> Call:
    return Call(provider, CompletionRequest(model=model, messages="Hi"))


@pytest.mark.parametrize("diagram", ["-a-b-|", "-a-#", "#", "|", "(ab)|", "---"])
def test_what_is_let_through_is_left_as_it_is(diagram: str) -> None:
    check(circuit_break(), diagram, diagram, VALUES)


def test_so_many_failures_in_a_row_open_it_and_a_success_begins_anew() -> None:
    breaker = CircuitBreaker(failures=3, clock=Clock())
    operator = circuit_break(breaker)
    for source in (failing(DOWN), failing(DOWN), rx.of(TextDelta("a")), failing(DOWN), failing(DOWN)):
        outcome(source.pipe(operator))
    assert breaker.state("") == "closed"
    assert outcome(failing(DOWN).pipe(operator)) == [DOWN]
    assert breaker.state("") == "open"


def test_an_open_one_does_not_ask_the_source_and_says_until_when() -> None:
    clock = Clock()
    operator = circuit_break(CircuitBreaker(failures=1, reset_after=30, clock=clock))
    outcome(failing(DOWN).pipe(operator))
    clock.now = 12.0
    asked: list[int] = []
    [error] = outcome(rx.defer(lambda _: asked.append(1) or rx.empty()).pipe(operator))
    assert isinstance(error, CircuitOpen)
    assert error.retry_after == 18.0
    assert asked == []


@pytest.mark.parametrize("probes", [1, 3])
def test_half_open_admits_exactly_so_many_probes(probes: int) -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, probes=probes, clock=clock)
    operator = circuit_break(breaker)
    outcome(failing(DOWN).pipe(operator))
    clock.now = 30.0
    subjects: list[Subject[StreamToken]] = [Subject() for _ in range(50)]
    results = [outcome(subject.pipe(operator)) for subject in subjects]
    assert [len(subject.observers) for subject in subjects] == [1] * probes + [0] * (50 - probes)
    assert all(isinstance(result[0], CircuitOpen) and result[0].retry_after is None for result in results[probes:])
    assert breaker.state("") == "half_open"
    subjects[0].on_completed()
    assert breaker.state("") == "closed"
    for subject in subjects[1:probes]:
        subject.on_error(DOWN)  # began before it closed: says nothing now
    assert breaker.state("") == "closed"


def test_a_probe_that_fails_opens_it_again_for_the_whole_time() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, clock=clock)
    operator = circuit_break(breaker)
    outcome(failing(DOWN).pipe(operator))
    clock.now = 31.0
    assert outcome(failing(DOWN).pipe(operator)) == [DOWN]
    with pytest.raises(CircuitOpen) as caught:
        breaker.check("")
    assert caught.value.retry_after == 30.0


def test_so_many_probes_must_succeed() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, successes=2, clock=clock)
    breaker.admit("").failed(DOWN)
    clock.now = 30.0
    breaker.admit("").succeeded()
    assert breaker.state("") == "half_open"
    breaker.admit("").succeeded()
    assert breaker.state("") == "closed"


def test_a_probe_whose_consumer_leaves_gives_back_its_place_and_counts_nothing() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, clock=clock)
    operator = circuit_break(breaker)
    outcome(failing(DOWN).pipe(operator))
    clock.now = 30.0
    for _ in range(3):
        subject: Subject[StreamToken] = Subject()
        subscription = subject.pipe(operator).subscribe()
        subject.on_next(TextDelta("a"))
        subscription.dispose()
        assert not subject.observers
        assert breaker.state("") == "half_open"
    breaker.check("")


def test_who_leaves_with_the_whole_answer_proves_that_the_provider_lives() -> None:
    clock = Clock()
    breaker = CircuitBreaker(failures=1, clock=clock)
    breaker.admit("").failed(DOWN)
    clock.now = 30.0
    subject: Subject[StreamToken] = Subject()
    subscription = subject.pipe(circuit_break(breaker)).subscribe()
    subject.on_next(Finish("stop"))
    subscription.dispose()
    assert breaker.state("") == "closed"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConnectError("refused"), "open"),
        (ConnectionLost("reset"), "open"),
        (StreamTruncated(), "open"),
        (MalformedEvent("nonsense"), "open"),
        (StreamStalled("idle", 5), "open"),
        (Overloaded("529", status=529), "open"),
        (Overloaded("in the stream"), "open"),
        (ApiError("server_error, in the stream"), "open"),
        (TimeoutError(), "open"),
        (InvalidRequest("no such model", status=404), "closed"),
        (Overloaded("conflict", status=409), "closed"),
        (ContentBlocked("by the provider", source="provider"), "closed"),
        (RateLimited("slower", status=429), "half_open"),
        (ContentBlocked("by a filter"), "half_open"),
        (StreamStalled("total", 5), "half_open"),
        (CircuitOpen("another's"), "half_open"),
        (MissingCredential("no key"), "half_open"),
        (ValueError("a bug of ours"), "half_open"),
    ],
    ids=repr,
)
def test_what_counts(error: Exception, state: str) -> None:
    """Told by a probe: a failure opens, a proof of life closes, and what says nothing leaves it half open."""
    clock = Clock()
    breaker = CircuitBreaker(failures=1, clock=clock)
    breaker.admit("").failed(DOWN)
    clock.now = 30.0
    assert outcome(rx.concat(rx.of(TextDelta("a")), failing(error)).pipe(circuit_break(breaker)))[-1] is error
    assert breaker.state("") == state


def test_each_provider_has_its_own_and_models_if_asked() -> None:
    operator, by_model = circuit_break(failures=1), circuit_break(failures=1, per="model")
    for each in (operator, by_model):
        outcome(each.for_call(call())(failing(DOWN)))
        assert outcome(each.for_call(call("anthropic"))(rx.empty())) == ["|"]
    assert isinstance(outcome(operator.for_call(call(model="mini"))(rx.empty()))[0], CircuitOpen)
    assert outcome(by_model.for_call(call(model="mini"))(rx.empty())) == ["|"]


def test_changes_and_refusals_are_told_to_the_call_and_to_whoever_watches() -> None:
    changes: list[BreakerState] = []
    operator = circuit_break(CircuitBreaker("main", failures=1, clock=Clock()))
    operator.breaker.changes.subscribe(changes.append)
    for expected in (DOWN, CircuitOpen):
        told: list[Decision] = []
        mine = call()
        mine.decisions.subscribe(told.append)
        [error] = outcome(operator.for_call(mine)(failing(DOWN)))
        assert error is expected or (isinstance(error, CircuitOpen) and error.provider == "openai")
        assert told == [BreakerState("main:openai", "open")]
    assert changes == [BreakerState("main:openai", "open")]


def test_virtual_time_of_a_scheduler_is_a_clock() -> None:
    scheduler = TestScheduler()
    breaker = CircuitBreaker(failures=1, reset_after=30, clock=lambda: scheduler.to_seconds(scheduler.now))
    breaker.admit("").failed(DOWN)
    scheduler.advance_by(29)
    with pytest.raises(CircuitOpen):
        breaker.check("")
    scheduler.advance_by(1)
    breaker.check("")


def test_many_threads_get_exactly_so_many_probes() -> None:
    clock = Clock()
    circuit = Circuit("all", Rules(failures=1, probes=5), clock, lambda _: None)
    circuit.leave(*circuit.enter(), DOWN)
    clock.now = 30.0
    admitted: list[tuple[int, bool]] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        for _ in range(100):
            with suppress(CircuitOpen):
                admitted.append(circuit.enter())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == [(admitted[0][0], True)] * 5


def test_while_many_are_on_their_way_a_few_failures_prove_little() -> None:
    breaker = CircuitBreaker(failures=2, clock=Clock())
    going = [breaker.admit("") for _ in range(10)]
    for admission in going[:4]:
        admission.failed(DOWN)
    assert breaker.state("") == "closed"
    going[4].failed(DOWN)  # five have failed, five are left
    assert breaker.state("") == "open"


def test_an_outcome_is_told_once() -> None:
    breaker = CircuitBreaker(failures=2, clock=Clock())
    admission = breaker.admit("")
    for _ in range(5):
        admission.failed(DOWN)
    assert breaker.state("") == "closed"


@pytest.mark.parametrize("options", [{"failures": 0}, {"probes": 0}, {"successes": 0}, {"reset_after": 0}])
def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        circuit_break(**options)
    with pytest.raises(ValueError, match="a breaker has its own numbers"):
        circuit_break(CircuitBreaker(), failures=3)
    with pytest.raises(ValueError, match="per is"):
        circuit_break(per="key")  # pyright: ignore[reportArgumentType]
