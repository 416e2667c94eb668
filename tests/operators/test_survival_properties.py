"""Whatever fails, whenever, however the operators are put together: nothing is said twice, lost, or left behind."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

from hypothesis import given, settings, strategies as st
from reactivex import operators as ops
from reactivex.testing import TestScheduler

from tests.stage import ASKED
from tests.worlds import ERRORS, Actor, Given, Shape, words
from tokenrill import (
    Alternative,
    Call,
    Decision,
    Fallback,
    Finish,
    Hedge,
    ReasoningDelta,
    ResponseStart,
    Resume,
    Retry,
    RetryBudget,
    Seam,
    StreamError,
    StreamPipelineBuilder,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    accumulate,
    circuit_break,
    deadline,
    fallback,
    filter_content,
    is_content,
    race,
    resilient,
    resume,
    retry,
)

FAR = 5_000
STEPS = st.tuples(st.integers(0, 3), st.sampled_from("tttttttttSPrRchuu"))
SHAPES = st.builds(
    Shape,
    st.lists(STEPS, max_size=5).map(tuple),
    st.sampled_from(["lost", "lost", *ERRORS, "silence", "done"]),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
LAST = st.builds(
    Shape, st.just(((0, "S"), (1, "t"), (1, "t"))), st.just("done"), st.just(0), st.booleans(), st.booleans()
)
ANSWERS = st.tuples(st.lists(SHAPES, min_size=1, max_size=4), LAST).map(lambda both: [*both[0], both[1]])


@st.composite
def guards(draw: Any) -> list[Any]:
    """What stands around one source, without what asks somebody else."""
    chain: list[Any] = []
    if draw(st.booleans()):
        chain.append(deadline(first_token=draw(st.integers(2, 6)), idle=draw(st.integers(2, 6))))
    if draw(st.integers(0, 3)) == 0:
        chain.append(circuit_break(failures=draw(st.integers(1, 3)), reset_after=0.5))
    if draw(st.booleans()):
        chain.append(retry(draw(st.integers(1, 3)), base=1, budget=draw(budgets)))
    if draw(st.integers(0, 2)) == 0:
        chain.append(race(delay=draw(st.integers(0, 2)), at_most=draw(st.integers(2, 3)), budget=draw(budgets)))
    if draw(st.booleans()):
        chain.append(resume(attempts=draw(st.integers(1, 3)), tools=draw(st.sampled_from(["hold", "refuse"]))))
    return chain


budgets = st.sampled_from([0, math.inf]).map(lambda reserve: RetryBudget(0, reserve=reserve))


@st.composite
def worlds(draw: Any) -> World:
    one, two = (
        Actor(name, draw(ANSWERS), draw(st.sampled_from([("message",), ("sequence", "message"), ()]))) for name in "xy"
    )
    if draw(st.integers(0, 3)) == 0:
        others = [Alternative(two, model="small")] if draw(st.booleans()) else []
        chain: list[Any] = [
            resilient(
                *others,
                attempts=draw(st.integers(1, 3)),
                resumes=draw(st.integers(0, 2)),
                base=1,
                hedge_after=draw(st.sampled_from([None, 1])),
                mid_stream=draw(st.booleans()),
                tools=draw(st.sampled_from(["hold", "refuse"])),
                first_token=4,
                idle=3,
                total=draw(st.sampled_from([None, 9])),
                limiter=False,
                breaker=draw(st.booleans()),
                budget=draw(budgets),
            )
        ]
    else:
        chain = draw(guards())
        other = two
        if draw(st.booleans()):
            builder: Any = StreamPipelineBuilder.source(two)
            for operator in draw(guards()):
                builder = builder.pipe(operator)
            other = builder.build()
        last = draw(st.sampled_from(["fallback", "fallback", "race", "nothing"]))
        if last == "fallback":
            chain.append(fallback(other, mid_stream=draw(st.booleans())))
        elif last == "race":
            chain.append(race(other, delay=draw(st.integers(0, 2)), budget=draw(budgets)))
        if draw(st.integers(0, 2)) == 0:
            chain.append(resume())
        if draw(st.integers(0, 2)) == 0:
            chain.append(deadline(total=draw(st.integers(3, 12))))
    leave = draw(st.sampled_from([None, None, *range(1, 12)]))
    return World(one, two, chain, leave)


class World:
    """A pipeline, played to its end, or until the consumer leaves."""

    def __init__(self, one: Actor, two: Actor, chain: list[Any], leave: int | None) -> None:
        self.one, self.two, self.chain, self.leave = one, two, chain, leave
        self.shown: list[Any] = []
        self.replies: list[Any] = []
        self.ends: list[Exception | None] = []
        self.decisions: list[Decision] = []
        self.calls: list[Call] = []
        self.scheduler = TestScheduler()

    def __repr__(self) -> str:
        names = [getattr(operator, "recipe", operator) for operator in self.chain]
        return f"World({self.one.shapes}, {self.two.shapes}, {names}, leave={self.leave})"

    def watch(self, call: Call) -> Any:
        self.calls.append(call)
        call.decisions.subscribe(self.decisions.append)
        return Deaf()

    def play(self) -> None:
        builder: Any = StreamPipelineBuilder.source(self.one).attach(self.watch)
        for operator in self.chain:
            builder = builder.pipe(operator)
        builder = builder.pipe(ops.do_action(self.shown.append)).pipe(filter_content(["nowhere"])).pipe(accumulate())
        stream = builder.build().stream(ASKED)
        self.scheduler.advance_to(1)
        subscription = stream.subscribe(
            self.replies.append, self.ends.append, lambda: self.ends.append(None), scheduler=self.scheduler
        )
        if self.leave is not None:
            self.scheduler.advance_to(self.leave + 0.5)
            if self.left_early:
                self.at_leaving = self.shown_text, self.calls[0].reply.text
                seen = len(self.shown)
                subscription.dispose()
                assert self.remains() == []
                self.scheduler.advance_to(FAR)
                assert len(self.shown) == seen
                assert self.ends == []
                return
        self.scheduler.advance_to(FAR)

    @property
    def left_early(self) -> bool:
        return self.leave is not None and not self.ends

    @property
    def given(self) -> list[Given]:
        return self.one.ledger + self.two.ledger

    def remains(self) -> list[Any]:
        """Subscriptions that live, and timers that wait."""
        queue: Any = vars(self.scheduler)["_queue"]
        timers = [item for item, *_ in queue.items if not item.is_cancelled()]
        return [one.serial for one in self.given if one.live] + timers

    @property
    def shown_text(self) -> str:
        return "".join(token.text for token in self.shown if isinstance(token, TextDelta))

    def limited(self) -> bool:
        """Whether something may keep from being sent what was decided to be sent."""
        return "total=" in repr(self) or "circuit_break" in repr(self) or "'breaker': True" in repr(self)

    def said(self, kind: type) -> list[Any]:
        return [one for one in self.decisions if isinstance(one, kind)]


class Deaf:
    """An observer that hears nothing."""

    def on_next(self, _: object) -> None: ...

    on_error = on_next

    def on_completed(self) -> None: ...


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
    nothing_twice_nothing_lost(world)
    assert sum(isinstance(token, ResponseStart) for token in world.shown) <= 1
    if world.left_early:
        shown, kept = world.at_leaving
        assert kept == shown
        return
    ends_as_it_should(world)
    told_as_it_was(world)
