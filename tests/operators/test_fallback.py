from __future__ import annotations

from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

from tests.stage import ASKED, Scripted, Stage
from tokenrill import (
    Alternative,
    AuthenticationError,
    CircuitOpen,
    ContentBlocked,
    Fallback,
    Finish,
    InvalidRequest,
    Overloaded,
    StreamPipelineBuilder,
    StreamStalled,
    StreamTruncated,
    TextDelta,
    deadline,
    fallback,
    filter_content,
    race,
    retry,
)
from tokenrill.streams.types import CallOperator, Operator

FULL = "-S-ab-UF|"


def full() -> Overloaded:
    return Overloaded("You asked: Hello?", status=503, code="busy", request_id="req_1")


def noted(error: Exception | None) -> str:
    return " ".join(getattr(error, "__notes__", ()))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def asking(stage: Stage, first: Scripted, *operators: Any) -> Any:
    builder: Any = StreamPipelineBuilder.source(first).attach(stage.watch)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build()


def keep(stage: Stage) -> Operator[Any, Any]:
    def on_error(error: Exception) -> None:
        stage.error = error

    return ops.do_action(on_error=on_error)


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ("--#", full(), "error"),
        ("-S#", full(), "error"),
        ("--#", InvalidRequest("no such model", status=404), "error"),
        ("--#", AuthenticationError("wrong key", status=401), "error"),
        ("--#", CircuitOpen("open"), "error"),
        ("-S#", StreamTruncated(), "truncation"),
        ("-S#", StreamStalled("first_token", 1), "stall"),
        ("-S#", ContentBlocked("no", source="provider"), "refusal"),
        ("-SR", None, "refusal"),
        ("-SX", None, "refusal"),
    ],
)
def test_before_content_the_next_is_asked(stage: Stage, answer: str, error: Exception | None, reason: str) -> None:
    first, second = Scripted("one", stage.cold(answer, error)), Scripted("two", stage.cold(FULL))
    assert stage.run(asking(stage, first, fallback(second))) == "-----(Sa)b--(UF)|"
    (said,) = stage.decisions
    assert isinstance(said, Fallback)
    assert (said.provider, said.to, said.reason) == ("one", "two", reason)
    assert said.error == (None if error is None else type(error).__name__)
    (call,) = stage.calls
    assert (call.provider, call.attempts, call.reply.text) == ("two", 2, "ab")
    assert [request.model for request in second.asked] == ["large"]


@pytest.mark.parametrize(
    ("answer", "error", "without"),
    [
        ("-(S#)", full(), ["refusal", "truncation", "stall"]),
        ("-(S#)", StreamTruncated(), ["refusal", "error", "stall"]),
        ("-(S#)", StreamStalled("idle", 1), ["refusal", "truncation", "error"]),
        ("-(SRF|)", None, ["error", "truncation", "stall"]),
    ],
)
def test_only_for_the_reasons_that_were_given(
    stage: Stage, answer: str, error: Exception | None, without: list[Any]
) -> None:
    first, second = Scripted("one", stage.cold(answer, error)), Scripted("two", stage.cold(FULL))
    stage.run(asking(stage, first, fallback(second, on=without)))
    assert second.asked == []
    assert stage.decisions == []


def test_our_own_filter_is_not_the_providers_fault(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-abF|")), Scripted("two", stage.cold(FULL))
    stop = filter_content(["ab"], action="stop")
    blocked = ContentBlocked("ours")
    assert stage.run(asking(stage, Scripted("one", stage.cold("-#", blocked)), fallback(second))) == "-#"
    Stage().run(asking(stage, first, stop, fallback(second)))
    assert second.asked == []


def test_a_mistake_of_the_program_passes_at_once(stage: Stage) -> None:
    second = Scripted("two", stage.cold(FULL))
    assert stage.run(asking(stage, Scripted("one", stage.cold("-S#")), fallback(second))) == "--(S#)"
    assert second.asked == []


def test_the_request_is_changed_for_the_other(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("#", full())), Scripted("two", stage.cold("a|"))
    stage.run(asking(stage, first, fallback(Alternative(second, model="small", max_tokens=9))))
    (request,) = second.asked
    assert (request.model, request.max_tokens, request.messages) == ("small", 9, ASKED.messages)
    assert first.asked == [ASKED]


def test_one_after_the_other_and_the_last_error_passes_on(stage: Stage) -> None:
    last = InvalidRequest("You asked: Hello?", status=400)
    first, second = Scripted("one", stage.cold("-#", full())), Scripted("two", stage.cold("-SR"))
    third = Scripted("three", stage.cold("-S#", last))
    stream = asking(stage, first, fallback(second, third)).stream(ASKED).pipe(keep(stage))
    assert stage.play(stream) == "-----(S#)"
    assert stage.error is last
    assert last.provider == "three"
    assert noted(last) == "it was the turn of three, after one: Overloaded 503 busy (request req_1); two: refusal"


def test_the_last_ones_refusal_is_the_answer(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-SR")), Scripted("two", stage.cold("-SRF|"))
    assert stage.run(asking(stage, first, fallback(second))) == "----(SR)(<Usage>F)|"
    assert [type(said) for said in stage.decisions] == [Fallback]


def test_the_one_that_refused_is_hung_up_on(stage: Stage) -> None:
    cold = stage.cold("-SR--------")
    stage.run(asking(stage, Scripted("one", cold), fallback(Scripted("two", stage.cold("a|")))))
    assert [(one.subscribe, one.unsubscribe) for one in cold.subscriptions] == [(200, 202)]


def test_an_observable_may_be_the_last_resort(stage: Stage) -> None:
    sorry = rx.of(TextDelta("a"), Finish("stop"))
    assert stage.run(asking(stage, Scripted("one", stage.cold("-#", full())), fallback(sorry))) == "-(a<Usage>F|)"
    (call,) = stage.calls
    assert (call.provider, call.reply.text) == ("observable", "a")


def test_a_pipeline_brings_its_own_retries(stage: Stage) -> None:
    busy = Overloaded("full", retry_after=2)
    second = Scripted("two", stage.cold("#", busy), stage.cold("a|"))
    backup = StreamPipelineBuilder.source(second).pipe(retry()).build()
    drawn = stage.run(asking(stage, Scripted("one", stage.cold("-#", full())), fallback(backup)))
    assert drawn == "---a|"
    assert [type(said).__name__ for said in stage.decisions] == ["Fallback", "Retry"]


def test_a_retry_around_it_begins_with_the_first(stage: Stage) -> None:
    busy = Overloaded("full", retry_after=3)
    first = Scripted("one", stage.cold("#", full()), stage.cold("a|"))
    second = Scripted("two", stage.cold("#", busy))
    drawn = stage.run(asking(stage, first, fallback(Alternative(second, model="small")), retry()))
    assert drawn == "---a|"
    assert [request.model for request in first.asked] == ["large", "large"]
    assert stage.calls[0].provider == "one"


def test_a_retry_inside_it_has_its_turn_first(stage: Stage) -> None:
    busy = Overloaded("full", retry_after=1)
    first, second = Scripted("one", stage.cold("#", busy)), Scripted("two", stage.cold("a|"))
    assert stage.run(asking(stage, first, retry(2), fallback(second))) == "-a|"
    assert len(first.asked) == 2


def test_a_stall_is_what_a_deadline_before_it_says(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-S------------a|")), Scripted("two", stage.cold("a|"))
    assert stage.run(asking(stage, first, deadline(first_token=5), fallback(second))) == "-----a|"
    assert [said.reason for said in stage.decisions if isinstance(said, Fallback)] == ["stall"]


def test_a_race_may_be_fallen_back_from(stage: Stage) -> None:
    slow, fast = Scripted("slow", stage.cold("--#", full())), Scripted("fast", stage.cold("-#", full()))
    last = Scripted("last", stage.cold("a|"))
    assert stage.run(asking(stage, slow, race(fast), fallback(last))) == "--a|"
    assert stage.calls[0].provider == "last"


@pytest.mark.parametrize("leave", range(1, 9))
def test_whoever_leaves_is_gone_from_all(leave: int) -> None:
    stage = Stage()
    colds = [stage.cold("-S#", full()), stage.cold("-S-ab|")]
    drawn = stage.run(asking(stage, Scripted("one", colds[0]), fallback(Scripted("two", colds[1]))), leave)
    assert "-----(Sa)b|".startswith(drawn.rstrip("|"))
    for cold in colds:
        assert all(one.unsubscribe <= 200 + leave for one in cold.subscriptions)


async def test_a_pipeline_closes_its_alternatives() -> None:
    first, second = Scripted("one"), Scripted("two")
    await StreamPipelineBuilder.source(first).pipe(fallback(second)).pipe(race(second)).build().aclose()
    assert (first.closed, second.closed) == (1, 2)


def test_a_plain_chain_takes_observables(stage: Stage) -> None:
    stream = stage.cold("-S#", full()).pipe(fallback(stage.cold("-#", full()), stage.cold("-a|")))
    assert stage.play(stream) == "----a|"
    with pytest.raises(ValueError, match=r"cannot ask 'two' here, where no request is known: put fallback"):
        rx.never().pipe(fallback(Scripted("two")))
    with pytest.raises(ValueError, match="needs the request"):
        rx.never().pipe(fallback(rx.never(), mid_stream=True))


def test_mistakes_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="at least one alternative"):
        fallback()
    with pytest.raises(ValueError, match="fallback takes sources, pipelines and observables, not a str"):
        fallback("openai")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="on holds some of error, refusal, truncation, stall, not boredom"):
        fallback(rx.never(), on=["boredom"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="a request has no modell"):
        Alternative(Scripted("two"), modell="m")


def test_it_asks_to_be_bound_to_the_call() -> None:
    assert isinstance(fallback(rx.never()), CallOperator)
