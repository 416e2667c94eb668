"""When an answer that broke off does not go on, and what becomes of calls of tools."""

from __future__ import annotations

import pytest

from tests.operators.breaking import (
    CALL,
    REQUEST,
    SEAM,
    A,
    B,
    Scripted,
    Way,
    broken,
    notes,
    run,
    whole,
)
from tokenrill import (
    CompletionRequest,
    ConnectionLost,
    ReasoningDelta,
    ResponseFormat,
    StreamToken,
    TextDelta,
)
from tokenrill.streams.decisions import Resume


@pytest.mark.parametrize(("strategies", "taken"), [(None, "prefill"), (["message"], "message"), (["sequence"], None)])
def test_the_user_picks_by_name(strategies: list[str] | None, taken: str | None) -> None:
    source = Scripted(broken(A), whole(SEAM, B), ways=[Way("prefill"), Way("message")])
    _, error, decisions = run(source, strategies=strategies)
    if taken is None:
        assert isinstance(error, ConnectionLost)
        assert isinstance(decisions[0], Resume)
        assert (decisions[0].outcome, decisions[0].why) == ("refused", "the source has no way that may be used")
    else:
        assert source.resumed == [None, taken]


def test_no_strategies_at_all_refuse() -> None:
    way = Way(gapless=True)
    _, error, _ = run(Scripted(broken(A), ways=[way]), strategies=())
    assert "refused" in notes(error)
    assert way.asked == []


def test_a_closed_way_says_why() -> None:
    ways = [Way("prefill", why="this model takes none"), Way("message", why="nor this")]
    _, error, decisions = run(Scripted(broken(A), ways=ways))
    assert isinstance(decisions[0], Resume)
    assert decisions[0].why == "prefill: this model takes none; message: nor this"
    assert notes(error) == f"not resumed: refused: {decisions[0].why}"


@pytest.mark.parametrize(
    ("request_", "said", "why"),
    [
        (CompletionRequest(model="m", messages="x", choice_count=2), (A,), "several choices"),
        (CompletionRequest(model="m", messages="x", response_format=ResponseFormat()), (A,), "structured output"),
        (REQUEST, (ReasoningDelta("hm"),), "reasoning cannot be gone on with"),
        (REQUEST, (A, *CALL[:2]), "cut in its arguments"),
        (REQUEST, (A, *CALL), "nobody has answered"),
        (REQUEST, (TextDelta("x" * 300_000),), "longer than what is kept"),
    ],
    ids=["choices", "format", "reasoning", "cut call", "whole call", "long"],
)
def test_what_no_model_can_go_on_with_is_refused(
    request_: CompletionRequest, said: tuple[StreamToken, ...], why: str
) -> None:
    way = Way()
    _, error, decisions = run(Scripted(broken(*said), ways=[way]), request_)
    assert isinstance(error, ConnectionLost)
    assert isinstance(decisions[0], Resume)
    assert why in (decisions[0].why or "")
    assert way.asked == []


@pytest.mark.parametrize("said", [(A, *CALL[:2]), (ReasoningDelta("hm"),), (A, *CALL)])
def test_what_is_gapless_needs_no_such_care(said: tuple[StreamToken, ...]) -> None:
    tokens, error, _ = run(Scripted(broken(*said), whole(B), ways=[Way("sequence", gapless=True)]))
    assert error is None
    assert tokens[: len(said) + 1] == [*said, B]


def test_a_call_that_is_held_back_was_never_shown_and_is_asked_for_again() -> None:
    source = Scripted(broken(A, *CALL[:2]), whole(SEAM, *CALL), ways=[Way()])
    tokens, error, _ = run(source, tools="hold")
    assert error is None
    assert tokens[: 2 + len(CALL)] == [A, SEAM, *CALL]
    assert [(call.name, call.arguments) for call in source.calls[0].reply.tool_calls] == [("add", '{"x":1}')]


def test_a_held_call_is_passed_on_when_it_is_whole_and_then_nothing_can_be_asked() -> None:
    way = Way()
    tokens, error, _ = run(Scripted(broken(A, *CALL), ways=[way]), tools="hold")
    assert tokens == [A, *CALL]
    assert "nobody has answered" in notes(error)


def test_a_held_call_goes_on_where_it_was_cut_when_that_is_possible() -> None:
    source = Scripted(broken(A, *CALL[:2]), whole(*CALL[2:]), ways=[Way("sequence", gapless=True)])
    tokens, error, _ = run(source, tools="hold")
    assert error is None
    assert tokens[: 1 + len(CALL)] == [A, *CALL]


def test_a_held_call_of_a_healthy_stream_is_whole_at_its_finish() -> None:
    tokens, error, _ = run(Scripted(whole(A, *CALL[:3]), ways=[]), tools="hold")
    assert error is None
    assert tokens[:4] == [A, *CALL[:3]]


def test_a_cut_call_that_was_held_is_not_shown_by_the_error_either() -> None:
    source = Scripted(broken(A, *CALL[:2]), ways=[Way(why="closed")])
    tokens, error, _ = run(source, tools="hold")
    assert (tokens, isinstance(error, ConnectionLost)) == ([A], True)
