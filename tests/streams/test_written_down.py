"""Pipelines as data: written down, built again, and looked over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reactivex import operators as ops

from tokenrill import (
    OPENAI_CHAT,
    VOCABULARY,
    CompletionRequest,
    Replay,
    StreamMetrics,
    StreamPipelineBuilder,
    accumulate,
    deadline,
    decode,
    filter_content,
    recorded,
)
from tokenrill.streams.recipe import recipe_of

WIRE = b'data: {"choices":[{"delta":{"content":"a secret"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
SOURCE = Replay(WIRE, OPENAI_CHAT)
REQUEST = CompletionRequest(model="m", messages="Hi")


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


def test_what_remembers_nothing_has_no_recipe() -> None:
    assert recipe_of(ops.take(1)) is None
