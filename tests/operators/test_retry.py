from __future__ import annotations

import math
import random
from typing import Any

import pytest
import tenacity
from reactivex import operators as ops

from tests.contracts.pushing import PushedBatches
from tests.stage import ASKED, VALUES, Scripted, Stage
from tokenrill import (
    CircuitOpen,
    ConnectionLost,
    GaveUp,
    InvalidRequest,
    MalformedEvent,
    Overloaded,
    Pipeline,
    RateLimited,
    Retry,
    RetryBudget,
    StreamError,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    TextDelta,
    deadline,
    filter_content,
    retry,
)
from tokenrill.streams.batched import BatchObserver, subscribe_batches
from tokenrill.streams.recipe import recipe_of
from tokenrill.streams.types import CallOperator


def busy(after: float | None = 2) -> RateLimited:
    return RateLimited("busy", status=429, retry_after=after)


def noted(error: Exception | None) -> str:
    return " ".join(getattr(error, "__notes__", ()))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def piped(stage: Stage, source: Any, *operators: Any) -> Pipeline[StreamToken]:
    builder: Any = StreamPipelineBuilder.source(source).attach(stage.watch)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build()


def test_it_asks_again_after_the_time_that_the_provider_wants(stage: Stage) -> None:
    source = stage.in_turn(stage.cold("-#", busy(3)), stage.cold("-S-a-b-UF|"))
    assert stage.play(source.pipe(retry())) == "-------(Sa)-b-UF|"


def test_an_attempt_that_failed_leaves_no_trace(stage: Stage) -> None:
    source = stage.in_turn(stage.cold("SPP#", busy(0)), stage.cold("SPa|"))
    assert stage.play(source.pipe(retry())) == "-----(SPa)|"


def test_what_is_not_retryable_passes_at_once(stage: Stage) -> None:
    wrong = InvalidRequest("no such model", status=404)
    stream = stage.in_turn(stage.cold("-S#", wrong)).pipe(retry(), ops.do_action(on_error=keep(stage)))
    assert stage.play(stream) == "--(S#)"
    assert stage.error is wrong
    assert noted(wrong) == ""


def test_the_errors_own_word_counts_and_not_its_class(stage: Stage) -> None:
    told_not_to = Overloaded("no", status=503, retryable=False, retry_after=1)
    told_to = MalformedEvent("try again", retryable=True, retry_after=1)
    assert stage.play(stage.in_turn(stage.cold("#", told_not_to)).pipe(retry())) == "#"
    stage = Stage()
    assert stage.play(stage.in_turn(stage.cold("#", told_to), stage.cold("a|")).pipe(retry())) == "-a|"


def test_after_content_nothing_is_repeated(stage: Stage) -> None:
    lost = ConnectionLost("gone")
    source = Scripted("test", stage.cold("-a#", lost), stage.cold("-a|"))
    assert stage.run(piped(stage, source, retry())) == "-a#"
    assert len(source.asked) == 1
    assert "the answer had begun" in noted(lost)
    assert stage.decisions == []


def test_what_is_no_stream_error_is_not_ours(stage: Stage) -> None:
    source = Scripted("test", stage.cold("-S#"), stage.cold("-a|"))
    assert stage.run(piped(stage, source, retry())) == "--(S#)"
    assert len(source.asked) == 1
    assert stage.decisions == []


def test_it_never_sleeps_after_the_last_attempt(stage: Stage) -> None:
    errors = [busy(2), Overloaded("full", status=503, retry_after=3), busy(50)]
    source = Scripted("test", *(stage.cold("-#", error) for error in errors))
    assert stage.run(piped(stage, source, retry())) == "--------#"  # 1 + 2 + 1 + 3 + 1
    assert len(source.asked) == 3
    assert noted(errors[-1]) == (
        "gave up after 3 attempts in 8.0 s: RateLimited, Overloaded, RateLimited; that was the last attempt"
    )
    assert stage.decisions == [
        Retry("before_response", 2, 2.0, "RateLimited"),
        Retry("before_response", 3, 3.0, "Overloaded"),
        GaveUp("attempts", "RateLimited", 3),
    ]


def test_a_decision_says_how_far_it_had_come_and_what_it_cost(stage: Stage) -> None:
    source = Scripted("test", stage.cold("-SU#", Overloaded("full", retry_after=1)), stage.cold("a|"))
    stage.run(piped(stage, source, retry()))
    (said,) = stage.decisions
    assert isinstance(said, Retry)
    assert (said.phase, said.attempt, said.wait) == ("before_content", 2, 1.0)
    assert said.spent == VALUES["U"]


def test_each_attempt_is_one_of_the_calls(stage: Stage) -> None:
    source = Scripted("test", stage.cold("S#", busy(1)), stage.cold("SabUF|"))
    assert stage.run(piped(stage, source, retry())) == "---(Sa)b-(UF)|"
    (call,) = stage.calls
    assert (call.attempts, call.reply.text, call.usage) == (2, "ab", VALUES["U"])


def test_a_wait_beyond_the_time_that_is_left_fails_at_once(stage: Stage) -> None:
    error = busy(30)
    source = Scripted("test", stage.cold("--#", error))
    assert stage.run(piped(stage, source, retry(within=10))) == "--#"
    assert noted(error) == "not asked again: the wait is 30.0 s, and 8.0 s are left"
    assert stage.decisions == [GaveUp("deadline", "RateLimited", 1)]


def test_a_minute_is_waited_for_and_no_longer(stage: Stage) -> None:
    source = Scripted("test", stage.cold("#", busy(60)), stage.cold("a|"))
    assert stage.run(piped(stage, source, retry())) == "-" * 60 + "a|"
    stage, error = Stage(), busy(61)
    assert stage.run(piped(stage, Scripted("test", stage.cold("#", error)), retry())) == "#"
    assert "asks to wait 61.0 s, which is too long" in noted(error)


@pytest.mark.parametrize(("after", "drawn"), [(1.0, "-a|"), (1.1, "#"), (None, "#")])
def test_a_circuit_that_opens_soon_is_waited_for(stage: Stage, after: float | None, drawn: str) -> None:
    source = stage.in_turn(stage.cold("#", CircuitOpen("open", retry_after=after)), stage.cold("a|"))
    assert stage.play(source.pipe(retry())) == drawn


def waits(policy: Any, seed: int) -> list[float]:
    random.seed(seed)
    stage = Stage()
    source = Scripted("test", stage.cold("#", Overloaded("full")))
    stage.run(piped(stage, source, policy), leave=10_000)
    return [said.wait for said in stage.decisions if isinstance(said, Retry)]


def test_the_jitter_is_full() -> None:
    found = [waits(retry(6, base=1, longest=8), seed) for seed in range(200)]
    assert all(len(one) == 5 for one in found)
    for number, most in enumerate((1, 2, 4, 8, 8)):
        column = sorted(one[number] for one in found)
        assert 0 <= column[0] < 0.1 * most
        assert 0.9 * most < column[-1] <= most
        assert 0.4 * most < sum(column) / len(column) < 0.6 * most  # even between nothing and all, not around a middle
    assert waits(retry(6), 7) == waits(retry(6), 7) != waits(retry(6), 8)


def test_tenacitys_own_policies_may_be_given() -> None:
    wait = tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(5))
    assert waits(retry(4, wait=wait), 0) == [1, 5, 5]
    assert waits(retry(wait=tenacity.wait_fixed(3), stop=tenacity.stop_after_attempt(5)), 0) == [3] * 4
    assert waits(retry(wait=tenacity.wait_fixed(3), stop=tenacity.stop_before_delay(10)), 0) == [3] * 3
    assert waits(retry(wait=tenacity.wait_incrementing(1, 1), stop=tenacity.stop_after_delay(5)), 0) == [1, 2, 3]
    assert waits(retry(3, wait=by_name), 0) == [10, 20]


def by_name(state: tenacity.RetryCallState) -> float:
    assert state.outcome is not None
    return state.idle_for + len(type(state.outcome.exception()).__name__)


def test_a_storm_is_stopped_by_the_budget() -> None:
    budget = RetryBudget(0.2, reserve=0, clock=lambda: 0.0)
    operator, requests, told = retry(3, budget=budget), 0, set[str]()
    for _ in range(1000):
        stage, error = Stage(), busy(1)
        source = Scripted("test", stage.cold("#", error))
        stage.run(piped(stage, source, operator))
        requests += len(source.asked)
        told |= {said.reason for said in stage.decisions if isinstance(said, GaveUp)}
    assert requests == 1200  # and not 3000
    assert "budget" in told


def test_by_default_all_calls_share_a_budget() -> None:
    operator, retries = retry(2, base=0), 0
    for _ in range(300):
        stage = Stage()
        source = Scripted("test", stage.cold("#", busy(1)))
        stage.run(piped(stage, source, operator))
        retries += len(source.asked) - 1
    assert 100 <= retries < 200  # ten a second for ten seconds, and one in five
    assert isinstance(operator.budget, RetryBudget)


def test_inside_a_deadline_that_is_the_attempts_own(stage: Stage) -> None:
    source = Scripted("test", stage.cold("-S------a|"), stage.cold("-Sa|"))
    policy = retry(wait=tenacity.wait_fixed(2))
    assert stage.run(piped(stage, source, deadline(first_token=4), policy)) == "--------(Sa)|"
    assert [said.error for said in stage.decisions if isinstance(said, Retry)] == ["StreamStalled"]


def test_inside_a_deadline_for_all_attempts_the_wait_is_left(stage: Stage) -> None:
    source = Scripted("test", stage.cold("-#", busy(20)), stage.cold("a|"))
    stream = piped(stage, source, retry(), deadline(total=10)).stream(ASKED).pipe(ops.do_action(on_error=keep(stage)))
    assert stage.play(stream) == "----------#"
    assert isinstance(stage.error, StreamStalled)
    assert len(source.asked) == 1


def test_a_filter_before_it_may_hold_what_is_asked_again(stage: Stage) -> None:
    source = Scripted("test", stage.cold("-#", busy(1)), stage.cold("abcd|"))
    assert stage.run(piped(stage, source, filter_content(["bc"]), retry())) == "--a--d|"


@pytest.mark.parametrize("leave", range(1, 13))
def test_whoever_leaves_hears_nothing_more_and_nothing_is_asked(leave: int) -> None:
    stage = Stage()
    colds = [stage.cold("-S#", busy(3)), stage.cold("-S#", busy(1)), stage.cold("-Sab|")]
    drawn = stage.play(stage.in_turn(*colds).pipe(retry()), leave=leave)
    assert drawn == {11: "----------(Sa)", 12: "----------(Sa)b"}.get(leave, "")
    for cold in colds:
        assert all(one.unsubscribe <= 200 + leave for one in cold.subscriptions)
    assert not [item for item, _ in stage.scheduler._queue.items if not item.is_cancelled()]  # pyright: ignore[reportPrivateUsage]


def test_batches_stay_batches() -> None:
    source, batches = PushedBatches(), list[Any]()
    observer: BatchObserver[StreamToken] = BatchObserver(batches.append, lambda _: None, lambda: None)
    subscription = subscribe_batches(source.pipe(retry()), observer)
    source.push([VALUES["S"]])
    source.push([TextDelta("a"), TextDelta("b")])
    batch = [TextDelta("c"), TextDelta("d")]
    source.push(batch)
    assert batches == [[VALUES["S"], TextDelta("a"), TextDelta("b")], batch]
    assert batches[1] is batch
    subscription.dispose()


def test_a_policy_that_raises_is_the_end(stage: Stage) -> None:
    def wrong(_: object) -> float:
        raise ZeroDivisionError

    stream = stage.in_turn(stage.cold("-#", Overloaded("full"))).pipe(
        retry(wait=wrong), ops.do_action(on_error=keep(stage))
    )
    assert stage.play(stream) == "-#"
    assert isinstance(stage.error, ZeroDivisionError)


def test_it_asks_to_be_bound_to_the_call() -> None:
    assert isinstance(retry(), CallOperator)
    assert str(StreamPipelineBuilder.source(Scripted("test")).pipe(retry()).build()).endswith("retry")
    recipe = recipe_of(retry(5, base=1))
    assert recipe is not None
    assert recipe.to_dict() == {"attempts": 5, "base": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attempts": 0}, "attempts must be 1 or more, not 0"),
        ({"base": -1}, "base and longest are seconds"),
        ({"base": 9}, "0 <= base <= longest"),
        ({"longest": math.inf}, "longest <= 3600"),
        ({"within": 0}, "within is a time in seconds, more than 0, not 0"),
    ],
)
def test_mistakes_are_told_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        retry(**options)


def keep(stage: Stage) -> Any:
    def on_error(error: Exception) -> None:
        stage.error = error

    return on_error


def test_errors_in_the_stream_are_errors_like_others(stage: Stage) -> None:
    error = StreamError("in the stream", retryable=True, retry_after=1)
    assert stage.play(stage.in_turn(stage.cold("S#", error), stage.cold("Sa|")).pipe(retry())) == "---(Sa)|"
