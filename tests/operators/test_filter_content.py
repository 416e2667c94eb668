from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.marbles import BOOM, check
from tokenrill import (
    Citation,
    ContentBlocked,
    Finish,
    Logprobs,
    Raw,
    ReasoningDelta,
    RefusalDelta,
    Seam,
    StreamToken,
    TextDelta,
    ToolCallStart,
    Usage,
    filter_content,
)
from tokenrill.operators._filter_content import Action, ContentFilter
from tokenrill.operators._phrases import PhraseSearch

T = TextDelta
VALUES: dict[str, Any] = {
    "t": T("the "),
    "s": T("sec"),
    "k": T("ret key"),
    "x": T(" key"),
    "m": T("****** key"),
    "c": T("and"),
    "d": T("secand"),
    "e": T("ret"),
    "P": Raw("ping", None),
    "F": Finish("stop"),
}
# Letters whose case is a trap: long s, the Kelvin sign, dotless and dotted i, micro and mu, sharp s, final sigma.
LETTERS = st.text(
    "sS\u017fkK\u212aiI\u0131\u0130\xb5\u03bc\u039c\xdf\u1e9e\u03c3\u03c2\u03a3aA\u1fd3\u0390漢😀 ", max_size=12
)


def machine(
    *phrases: str, action: Action = "drop", case_sensitive: bool = False, reasoning: bool = False
) -> ContentFilter:
    return ContentFilter(PhraseSearch(phrases, case_sensitive=case_sensitive), action, "*", reasoning=reasoning)


def fed(filtering: ContentFilter, *tokens: StreamToken) -> list[StreamToken]:
    return [*(out for token in tokens for out in filtering.feed(token)), *filtering.close()]


def text_of(tokens: list[StreamToken]) -> str:
    return "".join(token.text for token in tokens if isinstance(token, TextDelta))


def test_drops_a_phrase_that_is_cut_between_deltas() -> None:
    check(filter_content(["secret"]), "-t-s-k-F|", "-t---x-F|", VALUES)


def test_masks_each_character() -> None:
    check(filter_content(["secret"], action="mask", mask="*"), "-t-s-k-F|", "-t---m-F|", VALUES)


def test_stops_before_the_phrase() -> None:
    error = ContentBlocked("the answer holds a phrase that filter_content was told to stop at")
    check(filter_content(["secret"], action="stop"), "-t-s-k-F|", "-t---#", VALUES, error=error)


def test_lets_go_when_the_text_goes_on_otherwise() -> None:
    check(filter_content(["secret"]), "-t-s-c-F|", "-t---d-F|", VALUES)


def test_lets_go_before_the_finish() -> None:
    check(filter_content(["secret"]), "-s---F---|", "-----(sF)|", VALUES)


def test_lets_go_on_completion() -> None:
    check(filter_content(["secret"]), "-s---|", "-----(s|)", VALUES)


def test_what_need_not_wait_passes_what_waits() -> None:
    check(filter_content(["secret"]), "-s-P-e-|", "---P---|", VALUES)


def test_does_not_give_what_waits_when_the_stream_fails() -> None:
    check(filter_content(["secret"]), "-t-s-#", "-t---#", VALUES, error=BOOM)


@pytest.mark.parametrize(
    "ending",
    [ToolCallStart("c", "f"), RefusalDelta("no"), ReasoningDelta("hm"), T("x", 1), Finish("stop")],
    ids=lambda token: type(token).__name__,
)
def test_what_ends_a_text_comes_behind_it(ending: StreamToken) -> None:
    assert fed(machine("secret"), T("sec"), ending, T("ret"))[:2] == [T("sec"), ending]


@pytest.mark.parametrize(
    "passing",
    [Raw("ping", None), Logprobs(()), Usage(), Seam("b", "c"), Citation()],
    ids=lambda token: type(token).__name__,
)
def test_what_leaves_a_text_open_does_not_hide_a_phrase(passing: StreamToken) -> None:
    assert fed(machine("secret"), T("a sec"), passing, T("ret")) == [T("a "), passing]


def test_each_choice_is_a_text_of_its_own() -> None:
    tokens = fed(machine("secret"), T("sec"), T("sec", 0, 1), T("ret"), T("urity", 0, 1))
    assert tokens == [T("security", 0, 1)]


def test_the_end_of_one_choice_leaves_the_others_alone() -> None:
    tokens = fed(machine("secret"), T("sec"), T("sec", 0, 1), Finish("stop", None, 1), T("ret!"))
    assert tokens == [T("sec", 0, 1), Finish("stop", None, 1), T("!")]


def test_reasoning_is_left_alone_unless_asked_for() -> None:
    thought = ReasoningDelta("a secret")
    assert fed(machine("secret"), thought) == [thought]
    assert fed(machine("secret", reasoning=True), thought, T("sec"), T("ret")) == [ReasoningDelta("a ")]


def test_of_phrases_at_one_place_the_longest_counts() -> None:
    assert text_of(fed(machine("ab", "abcd", action="mask"), T("ab"), T("c"), T("d abc"))) == "**** **c"


def test_what_is_left_is_not_searched_again() -> None:
    assert text_of(fed(machine("bad"), T("ba"), T("bad"), T("d"))) == "bad"


def test_case_counts_when_asked_for() -> None:
    assert text_of(fed(machine("Key", case_sensitive=True), T("key KEY K"), T("ey"))) == "key KEY "


def test_stop_raises_an_error_that_quotes_nothing() -> None:
    filtering = machine("secret", action="stop")
    out: list[StreamToken] = []
    with pytest.raises(ContentBlocked) as raised:
        out.extend(filtering.feed(T("my SECRET plan")))
    assert "secret" not in repr(raised.value).lower()
    assert raised.value.source == "filter"
    assert not raised.value.retryable


@settings(deadline=None, max_examples=500)
@given(
    phrases=st.lists(LETTERS.filter(bool), min_size=1, max_size=4),
    text=st.lists(LETTERS, max_size=6).map("".join),
    cuts=st.sets(st.integers(0, 60)),
    action=st.sampled_from(["drop", "mask"]),
    case_sensitive=st.booleans(),
    batched=st.booleans(),
)
def test_any_cut_gives_what_re_gives_for_the_whole(
    phrases: list[str], text: str, cuts: set[int], action: Action, case_sensitive: bool, batched: bool
) -> None:
    pattern = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    cover = "*" if action == "mask" else ""
    flags = re.NOFLAG if case_sensitive else re.IGNORECASE
    expected = re.sub(pattern, lambda match: cover * len(match[0]), text, flags=flags)
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    tokens = [T(text[start:end]) for start, end in pairwise(edges)]
    filtering = machine(*phrases, action=action, case_sensitive=case_sensitive)
    done = filtering.feed_batch(tokens) if batched else None
    out = fed(filtering, *tokens) if done is None else [*done, *filtering.close()]
    assert text_of(out) == expected


@settings(deadline=None, max_examples=500)
@given(
    phrases=st.lists(st.text("abAB", min_size=1, max_size=6), min_size=1, max_size=4),
    texts=st.lists(st.text("abAB", max_size=5), max_size=9),
)
def test_what_waits_is_the_beginning_of_a_phrase_and_nothing_else(phrases: list[str], texts: list[str]) -> None:
    filtering, given_text, passed = machine(*phrases, action="mask"), "", ""
    for text in texts:
        given_text += text
        passed += text_of(list(filtering.feed(T(text))))
        waiting = given_text[len(passed) :].lower()
        assert not waiting or any(
            phrase.lower().startswith(waiting) and phrase.lower() != waiting for phrase in phrases
        )
        assert len(waiting) < max(map(len, phrases))


def test_a_clean_delta_passes_as_the_very_object() -> None:
    token = T("fine", 3, 2)
    (passed,) = machine("secret").feed(token)
    assert passed is token


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"phrases": []}, "at least one phrase"),
        ({"phrases": "secret"}, "put the one phrase into a list"),
        ({"phrases": ["a", ""]}, r"phrases\[1\] has 0 characters; give it between 1 and 256"),
        ({"phrases": ["x" * 257]}, r"phrases\[0\] has 257 characters"),
        ({"phrases": ["a"], "mask": ""}, "one character, not 0"),
        ({"phrases": ["a"], "mask": "**"}, "one character, not 2"),
        ({"phrases": ["a"], "action": "hide"}, "'drop', 'mask' or 'stop', not 'hide'"),
    ],
)
def test_mistakes_are_told_at_once(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        filter_content(**arguments)


@settings(deadline=None, max_examples=200)
@given(
    phrases=st.lists(st.text("ab.|", min_size=1, max_size=14), min_size=4, max_size=40),
    text=st.text("ab.|", max_size=80),
)
def test_many_phrases_are_found_as_few_are(phrases: list[str], text: str) -> None:
    pattern = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    assert text_of(fed(machine(*phrases), T(text))) == re.sub(pattern, "", text)


def test_phrases_are_read_once() -> None:
    check(filter_content(phrase for phrase in ["secret"]), "-t-s-k-F|", "-t---x-F|", VALUES)


def test_a_phrase_may_have_256_characters() -> None:
    phrase = "ab" * 128
    deltas = [T(letter) for letter in f"<{phrase[:255]}{phrase}>"]
    assert text_of(fed(machine(phrase), *deltas)) == re.sub(phrase, "", f"<{phrase[:255]}{phrase}>")
