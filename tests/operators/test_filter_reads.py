"""What a content filter makes of the tokens of a whole read: what it makes of them one by one, at once where it can."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from tests.operators.test_filter_content import fed, machine
from tokenrill import Citation, Finish, Raw, ReasoningDelta, StreamToken, TextDelta as T, ToolCallStart, Usage
from tokenrill.operators._filter_content import Action, ContentFilter
from tokenrill.operators._phrases import PhraseSearch
from tokenrill.streams.text_run import TextRun


def test_a_clean_batch_passes_as_the_very_object() -> None:
    batch = [T("this is "), T("all fine.")]
    assert machine("secret").feed_batch(batch) is batch
    thoughts = [ReasoningDelta("fine")]
    assert machine("secret", reasoning=True).feed_batch(thoughts) is thoughts


@pytest.mark.parametrize(
    "batch",
    [
        [T("a "), T("secret")],
        [T("a"), T("b", 1)],
        [T("a"), T("b", 0, 1)],
        [T("a"), ReasoningDelta("a")],
        [T("a"), Finish("stop")],
    ],
    ids=["match", "index", "choice", "reasoning", "finish"],
)
def test_an_unusual_batch_is_declined_and_changes_nothing(batch: list[StreamToken]) -> None:
    filtering = machine("secret")
    assert filtering.feed_batch(batch) is None
    assert fed(filtering, *batch) == fed(machine("secret"), *batch)


def test_a_batch_goes_on_with_what_waits() -> None:
    filtering = machine("secret")
    assert filtering.feed_batch([T("my sec"), T("u"), T(" or s"), T("e")]) == [T("my "), T("secu"), T(" or ")]
    assert filtering.feed_batch([T("r"), T("ies")]) == [T("ser"), T("ie")]
    assert list(filtering.feed(T("."))) == [T("s.")]


OTHERS = [f"{number:03}{'q' * 20}" for number in range(60)]  # too many beginnings for one pattern of them
WORDS = st.sampled_from(
    ["sec", "ret", "s", "e", "\0", "\n", "\u017fe", "K", "café", "🚀", "x", "SECR", "İ", "", "a\0", "\ud83d"]
)


@settings(deadline=None, max_examples=500)
@given(
    phrases=st.lists(st.sampled_from(["secret", "secs", "kk", "a\n\0x", "é🚀", "tt"]), min_size=1, max_size=4),
    reads=st.lists(
        st.lists(WORDS | st.sampled_from([Raw("ping", None), Usage(), Citation("u")]), max_size=9), max_size=4
    ),
    action=st.sampled_from(["drop", "mask", "stop"]),
    case_sensitive=st.booleans(),
    runs=st.booleans(),
    many=st.booleans(),
)
def test_reads_give_what_their_deltas_give_one_by_one(
    phrases: list[str],
    reads: list[list[str | StreamToken]],
    action: Action,
    case_sensitive: bool,
    runs: bool,
    many: bool,
) -> None:
    phrases = phrases + OTHERS * many
    by_read = machine(*phrases, action=action, case_sensitive=case_sensitive)
    one_by_one = machine(*phrases, action=action, case_sensitive=case_sensitive)
    phrase, said = re.compile("|".join(phrases), re.NOFLAG if case_sensitive else re.IGNORECASE), ""
    for read in reads:
        texts = [text for text in read if isinstance(text, str)]
        said += "".join(texts)
        batch: Sequence[StreamToken] = [T(item) if isinstance(item, str) else item for item in read if item]
        if runs:
            batch = TextRun.of(texts, 0, 0)
        out = by_read.feed_batch(batch) if batch else ()
        if out is None:
            assert phrase.search(said)
            return
        assert list(out) == [passed for token in batch for passed in one_by_one.feed(token)]
        if type(out) is TextRun:
            assert list(out.texts) == [token.text for token in out]
    assert list(by_read.close()) == list(one_by_one.close())


def test_what_holds_no_text_passes_as_it_is() -> None:
    filtering = machine("secret")
    for batch in ([Finish("stop")], [ReasoningDelta("a sec"), Finish("stop")], [ToolCallStart("a", "b", 0), Usage()]):
        assert filtering.feed_batch(batch) is batch
    filtering.feed_batch([T("sec")])
    waits = [Raw("x", None), Usage()]
    assert filtering.feed_batch(waits) is waits
    assert filtering.feed_batch([ReasoningDelta("a"), Usage()]) is None


def test_many_choices_that_wait_are_told_after_what_passes() -> None:
    filtering = machine("secret")
    for choice in range(256):
        filtering.feed_batch([T("sec", 0, choice)])
    assert filtering.feed_batch([T("a sec", 0, 256)]) is None
    assert filtering.feed_batch([T("a sec", 0, 3)]) == (T("seca ", 0, 3),)


@pytest.mark.parametrize("sensitive", [False, True], ids=["either case", "case counts"])
@pytest.mark.parametrize(
    "phrases", [["kin"], ["\u017fet"], ["K2"], ["éa"], ["ab", "cd"], ["a1", "b2", "c3", "d4", "e5"]]
)
def test_a_lone_delta_is_clean_if_one_by_one_it_would_pass_as_it_is(phrases: list[str], sensitive: bool) -> None:
    search = PhraseSearch(phrases, case_sensitive=sensitive)
    letters = ["k", "K", "\u212a", "s", "S", "\u017f", "é", "É", "a", "A", "E", "x", "5", "in", "et", "Ab", "e5", "E5"]
    for text in (first + last for first in letters for last in ("", *letters)):
        passes = fed(ContentFilter(search, "mask", "*"), T(text), T("\x01")) == [T(text), T("\x01")]
        assert search.is_clean(text) is passes, text
