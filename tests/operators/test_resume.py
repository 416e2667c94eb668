"""An answer that broke off goes on, and is one answer."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from tests.operators.breaking import (
    REQUEST,
    SEAM,
    VALUES,
    A,
    B,
    C,
    Scripted,
    Way,
    broken,
    notes,
    run,
    text_in,
    whole,
)
from tokenrill import (
    ConnectionLost,
    Finish,
    InvalidRequest,
    Overloaded,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    StreamTruncated,
    TextDelta,
    Usage,
    accumulate,
    resume,
)
from tokenrill.streams.decisions import Resume


def test_the_rest_follows_what_came_and_is_one_answer() -> None:
    source = Scripted(broken(A), whole(SEAM, B), ways=[Way()])
    tokens, error, decisions = run(source)
    assert error is None
    assert tokens[:3] == [A, SEAM, B]
    assert [type(token) for token in tokens[3:]] == [Usage, Finish]
    assert source.resumed == [None, "message"]
    assert [(told.outcome, told.strategy, told.error) for told in decisions if isinstance(told, Resume)] == [
        ("resumed", "message", "ConnectionLost")
    ]
    assert source.calls[0].reply.text == "ab"
    assert source.calls[0].resuming is None


def test_the_accumulated_reply_is_what_was_shown_and_its_cost_is_the_sum() -> None:
    source = Scripted(broken(A, B), whole(SEAM, C, Usage(10, 5)), ways=[Way()])
    pipeline = StreamPipelineBuilder.source(source).pipe(resume(wait=[0])).pipe(accumulate()).build()
    reply = pipeline.stream(REQUEST).run()
    assert reply.text == "abc"
    # Two characters of a prompt of six, counted as four a token, and then what the provider says.
    assert (reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.kind)) == (
        12,
        6,
        "partial",
    )


def test_what_is_gapless_is_one_response_that_is_paid_for_once() -> None:
    source = Scripted(broken(VALUES["S"], A), whole(B, Usage(10, 2)), ways=[Way("sequence", gapless=True)])
    tokens, error, _ = run(source)
    assert (error, tokens) == (None, [VALUES["S"], A, B, Usage(10, 2), Finish("stop")])
    assert source.calls[0].usage == Usage(10, 2)


@pytest.mark.parametrize(
    "error",
    [ConnectionLost("gone"), StreamTruncated(), Overloaded("busy", status=529), StreamStalled("idle", 5)],
    ids=lambda error: type(error).__name__,
)
def test_every_fault_that_may_pass_is_mended(error: Exception) -> None:
    tokens, left, _ = run(Scripted(broken(A, error=error), whole(SEAM, B), ways=[Way()]))
    assert (left, text_in(tokens)) == (None, "ab")


@pytest.mark.parametrize(
    "error",
    [InvalidRequest("no"), StreamStalled("total", 5), ValueError("ours"), RuntimeError("theirs")],
    ids=lambda error: f"{type(error).__name__}",
)
def test_what_will_not_pass_is_passed_on_untouched(error: Exception) -> None:
    way = Way()
    tokens, left, decisions = run(Scripted(broken(A, error=error), ways=[way]))
    assert (tokens, left, decisions, way.asked, notes(left)) == ([A], error, [], [], "")


def test_before_the_first_word_it_is_for_retry() -> None:
    way = Way()
    tokens, error, decisions = run(Scripted(broken(VALUES["S"]), ways=[way]))
    assert isinstance(error, ConnectionLost)
    assert (len(tokens), decisions, way.asked, notes(error)) == (1, [], [], "")


def test_before_the_first_word_what_is_gapless_goes_on_all_the_same() -> None:
    ways = [Way("sequence", gapless=True), Way()]
    tokens, error, _ = run(Scripted(broken(VALUES["S"]), whole(A), ways=ways))
    assert (error, text_in(tokens), ways[1].asked) == (None, "a", [])


def test_an_error_after_the_finish_is_nothing_to_mend() -> None:
    way = Way(gapless=True)
    _, error, decisions = run(Scripted(broken(A, Finish("stop")), ways=[way]))
    assert isinstance(error, ConnectionLost)
    assert (way.asked, decisions) == ([], [])


def test_a_rest_that_breaks_again_is_mended_again_as_long_as_something_comes() -> None:
    rests = [broken(SEAM, TextDelta(str(number))) for number in range(7)]
    source = Scripted(broken(A), *rests, whole(SEAM, B), ways=[Way()])
    tokens, error, decisions = run(source, attempts=1)
    assert (error, text_in(tokens)) == (None, "a0123456b")
    assert [told.outcome for told in decisions if isinstance(told, Resume)] == ["resumed"] * 8


def test_tries_without_progress_are_counted_and_the_error_says_so() -> None:
    source = Scripted(broken(A), *[broken(error=Overloaded("busy", status=529))] * 9, ways=[Way()])
    tokens, error, decisions = run(source, attempts=3)
    assert isinstance(error, ConnectionLost), "what broke the stream, not what kept it from being mended"
    assert notes(error) == "not resumed: " + ", ".join(["message failed with Overloaded"] * 3)
    assert [told.outcome for told in decisions if isinstance(told, Resume)] == ["failed"] * 3
    assert (tokens, len(source.resumed)) == ([A], 4)
    assert error.partial is not None
    assert error.partial.text == "a"
    assert source.calls[0].resuming is None


def test_a_way_that_is_refused_for_good_gives_place_to_the_next() -> None:
    no = InvalidRequest("this model takes no prefill", status=400)
    source = Scripted(broken(A), broken(error=no), whole(SEAM, B), ways=[Way("prefill"), Way("message")])
    tokens, error, decisions = run(source)
    assert (error, text_in(tokens)) == (None, "ab")
    assert source.resumed == [None, "prefill", "message"]
    assert [(told.outcome, told.strategy) for told in decisions if isinstance(told, Resume)] == [
        ("failed", "prefill"),
        ("resumed", "message"),
    ]


def test_a_way_that_was_refused_for_good_is_not_tried_again_later() -> None:
    no = InvalidRequest("no", status=400)
    streams = broken(A), broken(error=no), broken(SEAM, B), whole(SEAM, C)
    source = Scripted(*streams, ways=[Way("prefill"), Way("message")])
    assert text_in(run(source)[0]) == "abc"
    assert source.resumed == [None, "prefill", "message", "message"]


def test_nothing_of_it_is_left_when_it_is_over() -> None:
    source = Scripted(broken(A), whole(SEAM, B), ways=[Way()])
    run(source)
    call = weakref.ref(source.calls.pop())
    gc.collect()
    assert call() is None


def test_without_a_pipeline_there_is_no_way_and_it_says_so() -> None:
    errors: list[Exception] = []
    tokens: list[StreamToken] = []
    broken(A).pipe(resume()).subscribe(tokens.append, errors.append)
    assert tokens == [A]
    assert "the source has no way" in notes(errors[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts must be 1 or more"),
        ({"wait": []}, "wait holds seconds"),
        ({"wait": [-1]}, "wait holds seconds"),
        ({"wait": [61]}, "wait holds seconds"),
        ({"tools": "drop"}, "tools is 'refuse' or 'hold'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resume(**options)


def test_it_can_be_written_down() -> None:
    described = StreamPipelineBuilder.source(Scripted(ways=[])).pipe(resume(strategies=["sequence"])).build().to_dict()
    assert described["steps"] == [{"pipe": "resume", "with": {"strategies": ["sequence"]}}]
