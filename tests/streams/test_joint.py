"""What was cut and what comes after make one text, however the rest is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tokenrill import Finish, Raw, ReasoningDelta, ResponseStart, Seam, StreamToken, TextDelta, ToolCallStart, Usage
from tokenrill.streams.joint import Echo, Joint, Nothing, Overlap, Repeat, WhiteSpace

SEAM = Seam("any", "message after ConnectionLost")
TAIL = "and so they lived happily"


class Tokens:
    """A decoder of what is tokens already."""

    def feed(self, token: StreamToken, /) -> Iterator[StreamToken]:
        yield token

    def feed_batch(self, tokens: Any, /) -> Any:
        return tokens

    def close(self) -> Iterator[StreamToken]:
        return iter(())


def joined(tokens: list[StreamToken], repeat: Repeat) -> list[StreamToken]:
    joint = Joint(Tokens(), repeat, SEAM)
    out: list[StreamToken] = []
    for token in tokens:
        batch = joint.feed_batch([token])
        out += joint.feed(token) if batch is None else batch
    return [*out, *joint.close()]


def text_in(tokens: list[StreamToken]) -> str:
    return "".join(token.text for token in tokens if isinstance(token, TextDelta))


def words(text: str, cuts: list[int]) -> list[StreamToken]:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [TextDelta(text[start:end]) for start, end in pairwise(places)]


RESTS = st.sampled_from(
    [
        " ever after.",
        "happily ever after.",
        "they lived happily ever after.",
        "and so they lived happily",
        "and so they lived sadly.",
        "lived happilyand so they lived happily ever after.",
        "d happily",
        "",
        "y",
        " \n so",
    ]
)


@given(RESTS, st.lists(st.integers(0, 40), max_size=12), st.sampled_from(["overlap", "white space", "echo"]))
def test_what_comes_of_a_rest_does_not_depend_on_how_it_is_cut(rest: str, cuts: list[int], kind: str) -> None:
    new: Callable[[], Repeat] = {
        "overlap": lambda: Overlap(TAIL),
        "white space": lambda: WhiteSpace(" \n"),
        "echo": lambda: Echo(TAIL, WhiteSpace(" ")),
    }[kind]
    finish = Finish("stop")
    whole, cut = joined([TextDelta(rest), finish], new()), joined([*words(rest, cuts), finish], new())
    assert text_in(whole) == text_in(cut)
    assert whole[-1] == cut[-1] == finish
    assert [token for token in cut if isinstance(token, Seam)] == [SEAM]


@pytest.mark.parametrize(
    ("rest", "new"),
    [
        (" ever after", " ever after"),
        ("happily ever after", "happily ever after"),  # seven letters may be chance
        (" happily ever after", " ever after"),
        ("and so they lived happily ever after", " ever after"),
        ("and so they lived happily", ""),
        ("and so they lived sadly", "and so they lived sadly"),
        ("so they lived happil", "so they lived happil"),
        ("HAPPILY", "HAPPILY"),
    ],
)
def test_a_repeated_end_is_left_out_and_nothing_else(rest: str, new: str) -> None:
    assert text_in(joined([TextDelta(rest), Finish("stop")], Overlap(TAIL))) == new


def test_the_longest_repetition_counts() -> None:
    assert text_in(joined([TextDelta("abcabcabcabc!"), Finish("stop")], Overlap("abcabcabcabc"))) == "!"
    assert text_in(joined([TextDelta("abcabcabcX")], Overlap("abcabcabcabc"))) == "X"


def test_no_more_is_held_back_than_the_tail_is_long() -> None:
    joint = Joint(Tokens(), Overlap("a" * 240), SEAM)
    out = [token for _ in range(241) for token in joint.feed(TextDelta("a"))]
    assert text_in(out) == "a"


def test_the_seam_comes_before_the_first_word_and_once() -> None:
    tokens: list[StreamToken] = [ResponseStart("r", "m"), Raw("ping", {}), TextDelta("a"), TextDelta("b"), Usage(1, 1)]
    assert joined(tokens, Nothing()) == [Raw("ping", {}), SEAM, TextDelta("a"), TextDelta("b"), Usage(1, 1)]


def test_a_model_that_thinks_first_may_still_repeat_the_end() -> None:
    tokens: list[StreamToken] = [ReasoningDelta("hm"), TextDelta(TAIL), TextDelta("!")]
    assert joined(tokens, Overlap(TAIL)) == [SEAM, ReasoningDelta("hm"), TextDelta("!")]


@pytest.mark.parametrize("last", [Finish("stop"), ToolCallStart("c1", "add"), ReasoningDelta("hm")])
def test_what_is_held_comes_before_anything_else_that_is_said(last: StreamToken) -> None:
    assert joined([TextDelta("and so"), last], Overlap(TAIL)) == [SEAM, TextDelta("and so"), last]


def test_what_is_held_is_told_when_the_answer_ends_without_a_word() -> None:
    assert joined([TextDelta("and so", 3)], Overlap(TAIL)) == [SEAM, TextDelta("and so", 3)]


@given(st.text(max_size=30), st.text(" \n\t", max_size=4), st.text(max_size=20), st.lists(st.integers(0, 60)))
def test_white_space_that_was_not_sent_is_there_once(said: str, left: str, rest: str, cuts: list[int]) -> None:
    """Whether the server gives the prefill back or not."""
    said = said.rstrip() + "."
    for echo, answer in ((False, left + rest), (True, said + left + rest)):
        repeat: Repeat = Echo(said, WhiteSpace(left)) if echo else WhiteSpace(left)
        assert text_in(joined([*words(answer, cuts), Finish("stop")], repeat)) == rest
