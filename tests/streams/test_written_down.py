"""Pipelines as data: written down, built again, and looked over."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from reactivex import operators as ops

from tokenrill import (
    OPENAI_CHAT,
    VOCABULARY,
    Alternative,
    CompletionRequest,
    Replay,
    StreamMetrics,
    StreamPipelineBuilder,
    accumulate,
    buffer,
    circuit_break,
    compose,
    deadline,
    decode,
    fallback,
    filter_content,
    openai,
    race,
    rate_limit,
    recorded,
    resilient,
    resume,
    retry,
)
from tokenrill.streams.recipe import recipe_of

WIRE = b'data: {"choices":[{"delta":{"content":"a secret"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
SOURCE = Replay(WIRE, OPENAI_CHAT)
REQUEST = CompletionRequest(model="m", messages="Hi")
OTHER: Any = Replay(WIRE, OPENAI_CHAT, name="other")
TIMED = deadline(first_token=5, idle=5)


def built() -> StreamPipelineBuilder[Any]:
    return (
        StreamPipelineBuilder.source(SOURCE)
        .pipe(deadline(first_token=5, idle=2.5))
        .attach(StreamMetrics(keep=10))
        .pipe(filter_content((word for word in ["secret"]), action="mask"))
        .pipe(accumulate())
    )


def test_what_is_written_down_builds_the_same_pipeline() -> None:
    written = built().build().to_dict()
    assert written == {
        "source": "replay",
        "steps": [
            {"pipe": "deadline", "with": {"first_token": 5, "idle": 2.5}},
            {"attach": "StreamMetrics", "with": {"keep": 10, "max_series": 256}},
            {"pipe": "filter_content", "with": {"phrases": ["secret"], "action": "mask"}},
            {"pipe": "accumulate"},
        ],
    }
    again = StreamPipelineBuilder.from_dict(json.loads(json.dumps(written)), SOURCE, VOCABULARY).build()
    assert again.to_dict() == written
    assert again.run(REQUEST).text == built().build().run(REQUEST).text == "a ██████"


def test_steps_of_ones_own_join_by_recorded_and_the_vocabulary() -> None:
    @recorded
    def first(count: int = 1) -> Any:
        return ops.take(count)

    pipeline = StreamPipelineBuilder.source(SOURCE).pipe(first(count=2)).build()
    assert pipeline.to_dict()["steps"] == [{"pipe": "first", "with": {"count": 2}}]
    assert str(pipeline).splitlines()[1].strip() == "│ first"
    again = StreamPipelineBuilder.from_dict(pipeline.to_dict(), SOURCE, {**VOCABULARY, "first": first}).build()
    assert again.to_dict() == pipeline.to_dict()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (ops.take(1), "take does not know how it was made: put @recorded"),
        (decode(OPENAI_CHAT), r"decode\(dialect=\) holds a Dialect"),
    ],
)
def test_what_cannot_be_written_down_is_named(step: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamPipelineBuilder.source(SOURCE).pipe(step).build().to_dict()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"pipe": "filter_contents"}, "step 1: there is no 'filter_contents'; there are .*filter_content"),
        ({"pipe": "filter_content", "with": {"phrases": ["x"], "words": 1}}, "step 1: .*words"),
        ({"pipe": "filter_content", "with": {"phrases": []}}, "at least one phrase"),
        ({"pip": "accumulate"}, "step 1 is not"),
        ({"pipe": "accumulate", "wiht": {}}, "step 1 is not"),
        ("accumulate", "step 1 is not"),
    ],
)
def test_a_description_that_cannot_be_built_says_where_and_why(step: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamPipelineBuilder.from_dict({"steps": [step]}, SOURCE, VOCABULARY)


def rules(builder: StreamPipelineBuilder[Any]) -> list[tuple[str, int]]:
    return [(finding.rule, finding.step) for finding in builder.build().lint()]


def test_a_sound_pipeline_has_no_findings() -> None:
    assert rules(built()) == []


def test_lint_finds_what_will_surprise() -> None:
    source = StreamPipelineBuilder.source(SOURCE)
    timed = source.pipe(deadline(idle=1))
    assert rules(source) == [("no-deadline", 0)]
    assert rules(timed.pipe(ops.delay(1.0))) == [("unbounded", 2)]
    whole: StreamPipelineBuilder[Any] = timed.pipe(accumulate())
    assert rules(whole.attach(StreamMetrics())) == [("after-the-end", 3)]
    shown = timed.attach(lambda call: StreamMetrics()(call), name="console")
    assert rules(shown.pipe(filter_content(["x"]))) == [("shown-unfiltered", 3)]
    assert rules(source.pipe(filter_content(["x"])).pipe(deadline(idle=1))) == [("late-deadline", 2)]


@pytest.mark.parametrize(
    ("operators", "found"),
    [
        ([resilient()], []),
        ([resilient(), accumulate()], []),
        ([resilient(first_token=None, idle=None)], [("no-deadline", 0)]),
        ([compose(TIMED, retry())], []),
        ([TIMED, circuit_break(), rate_limit(), retry(), race(delay=1), resume(), deadline(total=60)], []),
        ([TIMED, retry(), race(OTHER), resume(), fallback(OTHER), resume()], []),
        ([TIMED, circuit_break(), rate_limit(), circuit_break().ahead, retry()], []),
        ([TIMED, resilient(), filter_content(["x"]), buffer(8)], []),
        ([TIMED, filter_content(["x"]), fallback(OTHER)], [("early-filter", 3)]),
        ([TIMED, filter_content(["x"]), resume()], [("early-filter", 3)]),
        ([TIMED, filter_content(["x"]), race(OTHER)], [("early-filter", 3)]),
        ([TIMED, filter_content(["x"]), race(delay=1)], []),
        ([TIMED, retry(), retry()], [("asked-twice", 3)]),
        ([retry(), resilient()], [("asked-twice", 2)]),
        ([TIMED, resume(), retry()], [("early-resume", 3)]),
        ([TIMED, retry(), rate_limit()], [("late-guard", 3)]),
        ([TIMED, race(OTHER), circuit_break()], [("late-guard", 3)]),
        ([retry(), TIMED], [("outer-deadline", 2)]),
        ([TIMED, rate_limit(), deadline(first_token=9, total=60)], [("outer-deadline", 3)]),
        ([TIMED, accumulate(), retry()], [("after-the-end", 3)]),
    ],
)
def test_lint_knows_the_order_in_which_streams_survive(operators: list[Any], found: list[tuple[str, int]]) -> None:
    builder: StreamPipelineBuilder[Any] = StreamPipelineBuilder.source(SOURCE)
    for operator in operators:
        builder = builder.pipe(operator)
    assert rules(builder) == found


def openai_with(**options: Any) -> Any:
    return partial(openai, api_key="one")(**options)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([openai_with()], True),
        ([Alternative(openai_with())], True),
        ([StreamPipelineBuilder.source(openai_with()).pipe(retry()).build()], True),
        ([OTHER, openai_with()], True),
        ([OTHER, OTHER], True),
        ([Alternative(openai_with(), model="small")], False),
        ([openai_with(api_key="two")], False),
        ([openai_with(base_url="https://proxy.test/v1")], False),
        ([openai_with(api="responses")], False),
        ([OTHER, SOURCE], False),
    ],
)
@pytest.mark.parametrize("turning", [fallback, resilient])
def test_lint_tells_of_an_alternative_that_is_none(turning: Any, others: list[Any], found: bool) -> None:
    builder: StreamPipelineBuilder[Any] = StreamPipelineBuilder.source(openai_with())
    steps = [("same-again", 2)] if found else []
    assert rules(builder.pipe(TIMED).pipe(turning(*others))) == steps


def test_lint_leaves_a_hedge_alone() -> None:
    builder: StreamPipelineBuilder[Any] = StreamPipelineBuilder.source(SOURCE)
    assert rules(builder.pipe(TIMED).pipe(race(SOURCE, delay=1))) == []
    assert rules(builder.pipe(TIMED).pipe(fallback(SOURCE))) == [("same-again", 2)]


def test_what_remembers_nothing_has_no_recipe() -> None:
    assert recipe_of(ops.take(1)) is None
