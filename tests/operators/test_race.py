from __future__ import annotations

import math
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

from tests.contracts.pushing import Seen
from tests.stage import ASKED, VALUES, Scripted, Stage
from tokenrill import (
    Alternative,
    AuthenticationError,
    CircuitOpen,
    ConnectError,
    ConnectionLost,
    Hedge,
    Overloaded,
    RetryBudget,
    StreamPipelineBuilder,
    TextDelta,
    Usage,
    race,
)
from tokenrill.streams.recipe import recipe_of
from tokenrill.streams.types import CallOperator, RivalOperator


def full() -> Overloaded:
    return Overloaded("full", status=503)


def noted(error: Exception | None) -> str:
    return " ".join(getattr(error, "__notes__", ()))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def asking(stage: Stage, first: Scripted, *operators: Any) -> Any:
    builder: Any = StreamPipelineBuilder.source(first).attach(stage.sink)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.attach(stage.watch).build()


def outcomes(stage: Stage) -> list[tuple[str, str]]:
    return [(said.outcome, said.provider) for said in stage.decisions if isinstance(said, Hedge)]


def times(cold: Any) -> list[tuple[float, float]]:
    """When an answer was asked for, and when it was left, in seconds of the run."""
    return [(one.subscribe - 200, one.unsubscribe - 200) for one in cold.subscriptions]


def test_the_first_content_wins_and_the_other_is_left_at_once(stage: Stage) -> None:
    slow, fast = stage.cold("-S----a-b|"), stage.cold("-S-c-dUF|")
    first, second = Scripted("slow", slow), Scripted("fast", fast)
    assert stage.run(asking(stage, first, race(second))) == "---(Sc)-d-(UF)|"
    assert (times(slow), times(fast)) == ([(0, 3)], [(0, 8)])
    call = stage.calls[-1]
    assert (call.provider, call.attempts, call.reply.text, call.usage) == ("fast", 2, "cd", VALUES["U"])
    assert outcomes(stage) == [("started", "fast"), ("lost", "slow"), ("won", "fast")]


def test_the_source_wins_a_tie(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-a|")), Scripted("two", stage.cold("-b|"))
    assert stage.run(asking(stage, first, race(second))) == "-a|"
    assert stage.calls[-1].provider == "one"


def test_an_error_cannot_win(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("S#", full())), Scripted("two", stage.cold("----a|"))
    assert stage.run(asking(stage, first, race(second))) == "----a|"
    assert outcomes(stage) == [("started", "two"), ("failed", "one"), ("won", "two")]


@pytest.mark.parametrize("empty", ["SF|", "SX|", "|", "SPU|"])
def test_an_answer_without_a_word_cannot_win(stage: Stage, empty: str) -> None:
    first, second = Scripted("one", stage.cold(empty)), Scripted("two", stage.cold("----a|"))
    assert stage.run(asking(stage, first, race(second))) == "----a|"


def test_a_rival_starts_after_the_delay(stage: Stage) -> None:
    slow, fast = stage.cold("-S-------a|"), stage.cold("-b|")
    drawn = stage.run(asking(stage, Scripted("slow", slow), race(Scripted("fast", fast), delay=4)))
    assert drawn == "-----b|"
    assert (times(slow), times(fast)) == ([(0, 5)], [(4, 6)])


def test_no_rival_starts_once_somebody_speaks(stage: Stage) -> None:
    second = Scripted("two", stage.cold("b|"))
    assert (
        stage.run(asking(stage, Scripted("one", stage.cold("-S-a--b---c|")), race(second, delay=4)))
        == "---(Sa)--b---c|"
    )
    assert second.asked == []
    assert outcomes(stage) == []


def test_a_failure_starts_the_next_at_once(stage: Stage) -> None:
    answers = stage.cold("--#", full()), stage.cold("-#", full()), stage.cold("-c|")
    sources = [Scripted(name, answer) for name, answer in zip(("one", "two", "three"), answers, strict=True)]
    assert stage.run(asking(stage, sources[0], race(*sources[1:], delay=60))) == "----c|"
    assert [times(answer) for answer in answers] == [[(0, 2)], [(2, 3)], [(3, 5)]]


def test_at_most_so_many_run_at_a_time(stage: Stage) -> None:
    answers = [stage.cold("-----#", full()), stage.cold("---------a|"), stage.cold("---------b|"), stage.cold("c|")]
    sources = [Scripted(str(number), answer) for number, answer in enumerate(answers)]
    assert stage.run(asking(stage, sources[0], race(*sources[1:], delay=1))) == "----------a|"
    assert [times(answer) for answer in answers] == [[(0, 5)], [(1, 11)], [(5, 10)], []]


def test_with_room_each_starts_a_delay_after_the_one_before(stage: Stage) -> None:
    answers = [stage.cold("----------#", full()) for _ in range(4)]
    sources = [Scripted(str(number), answer) for number, answer in enumerate(answers)]
    stage.run(asking(stage, sources[0], race(*sources[1:], delay=2, at_most=3)))
    assert [times(answer)[0][0] for answer in answers] == [0, 2, 4, 10]


def test_one_provider_can_be_hedged_with_itself(stage: Stage) -> None:
    source = Scripted("one", stage.cold("-S-------a|"), stage.cold("-S-bUF|"))
    assert stage.run(asking(stage, source, race(delay=2))) == "-----(Sb)-(UF)|"
    assert source.asked == [ASKED, ASKED]
    call = stage.calls[-1]
    assert (call.attempts, call.reply.text, call.usage) == (2, "b", VALUES["U"])
    assert len({id(one) for one in stage.bound}) == 2  # each runner had a call of its own


def test_what_the_losers_cost_is_told(stage: Stage) -> None:
    slow = Scripted("slow", stage.cold("-SU-----a|"))
    silent = Scripted("silent", stage.cold("----------"))
    stage.run(asking(stage, slow, race(silent, Scripted("fast", stage.cold("---a|")), at_most=3)))
    spent = {
        said.provider: said.spent for said in stage.decisions if isinstance(said, Hedge) and said.outcome == "lost"
    }
    assert spent == {"slow": VALUES["U"], "silent": Usage(2, 0, kind="estimated")}
    assert all(
        said.seconds is not None for said in stage.decisions if isinstance(said, Hedge) and said.outcome == "lost"
    )


def test_the_request_is_changed_for_the_rival(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("---a|")), Scripted("two", stage.cold("b|"))
    stage.run(asking(stage, first, race(Alternative(second, model="small"))))
    assert [request.model for request in (*first.asked, *second.asked)] == ["large", "small"]
    assert stage.calls[-1].request.model == "small"


def test_when_all_fail_the_most_telling_error_passes_on(stage: Stage) -> None:
    errors = [CircuitOpen("open"), ConnectError("nobody"), AuthenticationError("no", status=401), full()]
    sources = [Scripted(str(n), stage.cold("-" * (n + 1) + "#", error)) for n, error in enumerate(errors)]
    stream = asking(stage, sources[0], race(*sources[1:], at_most=4)).stream(ASKED)
    errors_seen: list[Exception] = []
    assert stage.play(stream.pipe(ops.do_action(on_error=errors_seen.append))) == "----#"
    assert errors_seen == [errors[3]]
    assert noted(errors[3]) == "raced against 0: CircuitOpen; 1: ConnectError; 2: AuthenticationError 401"
    assert (errors[3].provider, stage.calls[-1].provider) == ("3", "3")


def test_of_the_like_the_first_in_order(stage: Stage) -> None:
    errors = [full(), full()]
    first, second = Scripted("one", stage.cold("--#", errors[0])), Scripted("two", stage.cold("-#", errors[1]))
    seen: list[Exception] = []
    stage.play(asking(stage, first, race(second)).stream(ASKED).pipe(ops.do_action(on_error=seen.append)))
    assert seen == [errors[0]]


def test_a_mistake_of_the_program_is_never_hidden(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("--#", full())), Scripted("two", stage.cold("-#", KeyError("mine")))
    seen: list[Exception] = []
    stage.play(asking(stage, first, race(second)).stream(ASKED).pipe(ops.do_action(on_error=seen.append)))
    assert type(seen[0]) is KeyError


def test_an_empty_answer_is_better_than_an_error(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("--#", full())), Scripted("two", stage.cold("-SUX|"))
    assert stage.run(asking(stage, first, race(second))) == "----(SUX|)"
    assert stage.calls[-1].provider == "two"


def test_what_becomes_of_the_winner_becomes_of_the_answer(stage: Stage) -> None:
    lost = ConnectionLost("gone")
    first, second = Scripted("one", stage.cold("-a#", lost)), Scripted("two", stage.cold("------b|"))
    assert stage.run(asking(stage, first, race(second))) == "-a#"
    assert lost.provider == "one"


def test_a_budget_is_not_passed(stage: Stage) -> None:
    budget = RetryBudget(0, reserve=0.1, clock=lambda: 0.0)
    operator, started = race(delay=1, budget=budget), 0
    for _ in range(5):
        stage = Stage()
        source = Scripted("one", stage.cold("---a|"))
        assert stage.run(asking(stage, source, operator)) == "---a|"
        started += len(source.asked) - 1
    assert started == 1
    assert outcomes(stage) == [("skipped", "one")]


def test_hedging_has_a_budget_by_default_and_racing_has_none() -> None:
    assert race(delay=1).budget is not None
    assert race(rx.never()).budget is None


@pytest.mark.parametrize("leave", range(1, 9))
def test_whoever_leaves_is_gone_from_all(leave: int) -> None:
    stage = Stage()
    colds = [stage.cold("-S---a-b|"), stage.cold("-S---c-d|"), stage.cold("-S---e-f|")]
    sources = [Scripted(str(number), cold) for number, cold in enumerate(colds)]
    stage.run(asking(stage, sources[0], race(*sources[1:], delay=1, at_most=3)), leave)
    for cold in colds:
        assert all(left <= leave for _, left in times(cold))
    assert not [item for item, _ in stage.scheduler._queue.items if not item.is_cancelled()]  # pyright: ignore[reportPrivateUsage]


def test_one_that_says_all_at_once_waits_nowhere() -> None:
    seen = Seen(rx.from_iterable([TextDelta("x")] * 1000).pipe(race(rx.never())))
    assert len(seen.items) == 1000
    assert seen.ended


def test_a_plain_chain_takes_observables(stage: Stage) -> None:
    assert stage.play(stage.cold("---a|").pipe(race(stage.cold("-b|")))) == "-b|"
    with pytest.raises(ValueError, match=r"race cannot ask 'two' here, where no request is known"):
        rx.never().pipe(race(Scripted("two")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delay": -1}, "delay is a time in seconds, from 0 to 3600, not -1"),
        ({"delay": math.nan}, "delay is a time"),
        ({"at_most": 1}, "at_most must be 2 or more, not 1"),
    ],
)
def test_mistakes_are_told_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        race(**options)


def test_what_is_no_source_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="race takes sources, pipelines and observables, not a str"):
        race("openai")  # pyright: ignore[reportArgumentType]


def test_it_asks_for_the_way_to_bind_what_stands_before_it() -> None:
    assert isinstance(race(), RivalOperator)
    assert not isinstance(race(), CallOperator)
    recipe = recipe_of(race(delay=0.8))
    assert recipe is not None
    assert recipe.to_dict() == {"delay": 0.8}
