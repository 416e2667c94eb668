"""Pipelines of any shape, and what is played with them: providers that fail, operators that mend, callers who leave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from reactivex import operators as ops
from reactivex.testing import TestScheduler

from tests.stage import ASKED
from tests.worlds import ERRORS, Actor, Given, Shape
from tokenrill import (
    Alternative,
    Call,
    Decision,
    RetryBudget,
    StreamPipelineBuilder,
    TextDelta,
    accumulate,
    circuit_break,
    deadline,
    fallback,
    filter_content,
    race,
    rate_limit,
    resilient,
    resume,
    retry,
)

__all__ = ["World", "worlds"]

FAR = 5_000
NONE = st.none()
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
def guards(draw: Any, limiter: Any = None) -> list[Any]:
    """What stands around one source, without what asks somebody else."""
    chain: list[Any] = []
    if draw(st.booleans()):
        chain.append(deadline(first_token=draw(st.integers(2, 6)), idle=draw(st.integers(2, 6))))
    if draw(st.integers(0, 3)) == 0:
        chain.append(circuit_break(failures=draw(st.integers(1, 3)), reset_after=0.5))
    if limiter is not None:
        chain.append(rate_limit(limiter, max_wait=draw(st.sampled_from([None, None, 3]))))
    if draw(st.booleans()):
        chain.append(retry(draw(st.integers(1, 3)), base=1, budget=draw(budgets)))
    if draw(st.integers(0, 2)) == 0:
        chain.append(race(delay=draw(st.integers(0, 2)), at_most=draw(st.integers(2, 3)), budget=draw(budgets)))
    if draw(st.booleans()):
        chain.append(resume(attempts=draw(st.integers(1, 3)), tools=draw(st.sampled_from(["hold", "refuse"]))))
    return chain


budgets = st.sampled_from([0, math.inf]).map(lambda reserve: RetryBudget(0, reserve=reserve))


@st.composite
def worlds(draw: Any, limiters: Any = NONE) -> World:
    limiter = draw(limiters)
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
                limiter=limiter or False,
                breaker=draw(st.booleans()),
                budget=draw(budgets),
            )
        ]
    else:
        chain = draw(guards(limiter))
        other = two
        if draw(st.booleans()):
            builder: Any = StreamPipelineBuilder.source(two)
            for operator in draw(guards(limiter)):
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
        for moment in self.acts(self.scheduler):
            if moment is not None:
                self.scheduler.advance_to(moment)

    def acts(self, scheduler: Any) -> Iterator[float | None]:
        """What happens; in between the time to go on to, None for what comes of itself."""
        builder: Any = StreamPipelineBuilder.source(self.one).attach(self.watch)
        for operator in self.chain:
            builder = builder.pipe(operator)
        builder = builder.pipe(ops.do_action(self.shown.append)).pipe(filter_content(["nowhere"])).pipe(accumulate())
        stream = builder.build().stream(ASKED)
        yield 1
        subscription = stream.subscribe(
            self.replies.append, self.ends.append, lambda: self.ends.append(None), scheduler=scheduler
        )
        if self.leave is not None:
            yield self.leave + 0.5
            if self.left_early:
                self.at_leaving = self.shown_text, self.calls[0].reply.text
                seen = len(self.shown)
                subscription.dispose()
                yield None
                assert self.remains() == []
                yield FAR
                assert len(self.shown) == seen
                assert self.ends == []
                return
        yield FAR

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
        return (
            "total=" in repr(self)
            or "circuit_break" in repr(self)
            or "'breaker': True" in repr(self)
            or "max_wait" in repr(self)
        )

    def said(self, kind: type) -> list[Any]:
        return [one for one in self.decisions if isinstance(one, kind)]


class Deaf:
    """An observer that hears nothing."""

    def on_next(self, _: object) -> None: ...

    on_error = on_next

    def on_completed(self) -> None: ...
