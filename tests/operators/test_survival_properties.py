"""Whatever fails, whenever, however the operators are put together: nothing is said twice, lost, or left behind."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from hypothesis import given, settings

from tests.operators.played import World, worlds
from tests.worlds import words
from tokenrill import (
    Fallback,
    Finish,
    Hedge,
    ReasoningDelta,
    ResponseStart,
    Resume,
    Retry,
    Seam,
    StreamError,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    is_content,
)


def nothing_twice_nothing_lost(world: World) -> None:
    said = words(world.shown_text)
    assert len(set(said)) == len(said)
    ledger = {one.serial: one for one in world.given}
    runs = [(serial, [number for _, number in run]) for serial, run in groupby(said, lambda word: word[0])]
    assert len({serial for serial, _ in runs}) == len(runs)
    for serial, numbers in runs:
        text = "".join(token.text for token in ledger[serial].tokens if isinstance(token, TextDelta))
        sent = [number for whose, number in words(text[text.index("[") :] if "[" in text else "") if whose == serial]
        if world.ends:
            assert numbers == sent
        else:
            assert numbers == sent[: len(numbers)]
    assert sum(isinstance(token, Seam) for token in world.shown) >= len(runs) - 1


def ends_as_it_should(world: World) -> None:
    call = world.calls[0]
    if not world.ends:
        assert any(one.live for one in world.given)  # it is the provider who is silent
        return
    (end,) = world.ends
    assert world.remains() == []
    assert call.reply.text == world.shown_text
    reasoning = "".join(token.text for token in world.shown if isinstance(token, ReasoningDelta))
    assert call.reply.reasoning == reasoning
    if isinstance(end, StreamError):
        assert end.provider
        assert (end.partial.text if end.partial else "") == world.shown_text
        assert (end.partial.reasoning if end.partial else "") == reasoning
        assert world.replies == []
    elif end is None:
        (reply,) = world.replies
        assert reply.text == world.shown_text
        kinds: list[Any] = [type(token) for token in world.shown]
        assert kinds.count(Finish) == kinds.count(Usage) == 1, kinds
        assert kinds[-2:] == [Usage, Finish]
        assert reply.usage == call.usage
        costs_what_it_should(world)
        started = [token.index for token in world.shown if isinstance(token, ToolCallStart)]
        assert sorted(started) == sorted(token.index for token in world.shown if isinstance(token, ToolCallEnd)) or (
            any(token for one in world.given for token in one.tokens if isinstance(token, ToolCallStart))
        )


def told_as_it_was(world: World) -> None:
    retried, seams = world.said(Retry), [token for token in world.shown if isinstance(token, Seam)]
    resumed = [one for one in world.said(Resume) if one.outcome == "resumed"]
    tried = [one for one in world.said(Resume) if one.outcome == "failed"] + resumed
    started = [one for one in world.said(Hedge) if one.outcome == "started"]
    assert sum("message after" in seam.reason for seam in seams) == sum(one.strategy == "message" for one in resumed)
    assert sum("fallback after" in seam.reason for seam in seams) <= len(world.said(Fallback))
    asked = 1 + len(retried) + len(world.said(Fallback)) + len(started) + len(tried)
    sent = sum(one.asked for one in world.given)
    assert sent <= asked + 1  # what broke a try, and is no StreamError, is nowhere told
    if world.ends and not started and not world.limited():  # one that loses may be waiting to ask again
        assert sent >= asked


def costs_what_it_should(world: World) -> None:
    usage = next(token for token in world.shown if isinstance(token, Usage))
    shown = {repr(token) for token in world.shown}
    standing = [one for one in world.given if any(repr(token) in shown for token in one.tokens if is_content(token))]
    told = [[token for token in one.tokens if isinstance(token, Usage)][-1:] for one in standing]
    if all(told):
        least = sum(tokens[0].input_tokens for tokens in told)
        assert usage.input_tokens in (least, least + 100)  # the last may have had nothing to add


@settings(max_examples=300)
@given(worlds())
def test_whatever_fails(world: World) -> None:
    world.play()
    nothing_amiss(world)


def nothing_amiss(world: World) -> None:
    nothing_twice_nothing_lost(world)
    assert sum(isinstance(token, ResponseStart) for token in world.shown) <= 1
    if world.left_early:
        shown, kept = world.at_leaving
        assert kept == shown
        return
    ends_as_it_should(world)
    told_as_it_was(world)
