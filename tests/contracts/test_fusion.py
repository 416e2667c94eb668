"""Batches are a secret: operators fed by batches, and fused with each other, say what they say one item at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
import reactivex as rx
from hypothesis import given, settings, strategies as st
from reactivex import Observable, operators as ops

from tests.contracts.cases import OPERATORS, OperatorCase
from tests.contracts.pushing import PushedBatches, Seen
from tokenrill.streams.types import Operator

Signals = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Script:
    """What a source does: its items, where they are cut into batches, and how it ends, if it does."""

    items: list[Any]
    cuts: set[int]
    end: str
    leave_after: int | None

    @property
    def batches(self) -> list[Sequence[Any]]:
        edges = [0, *sorted(cut for cut in self.cuts if 0 < cut < len(self.items)), len(self.items)]
        return [self.items[start:end] for start, end in pairwise(edges) if end > start]

    def play(self, *operators: Operator[Any, Any], batches: Sequence[Sequence[Any]]) -> Signals:
        source = PushedBatches()
        stream: Observable[Any] = reduce(lambda stream, operator: operator(stream), operators, source)
        seen = Seen(stream, self.leave_after)
        for batch in batches:
            source.push(batch)
        if self.end == "completed":
            source.complete()
        elif self.end == "error":
            source.fail(RuntimeError("boom"))
        if self.leave_after is not None and len(seen.items) >= self.leave_after:
            assert source.live == 0
        seen.subscription.dispose()
        assert source.live == 0
        return seen.signals


def scripts(case: OperatorCase) -> st.SearchStrategy[Script]:
    """A part of the healthy stream, with a poisoned item in it now and then."""
    poisons = st.none() if case.poison is None else st.none() | st.integers(0, len(case.items))
    lengths = st.just(len(case.items)) | st.integers(0, len(case.items))

    def script(length: int, poison: int | None, cuts: set[int], end: str, leave_after: int | None) -> Script:
        items = list(case.items[:length])
        if poison is not None:
            items.insert(poison, case.poison)
        return Script(items, cuts, end, leave_after)

    cuts = st.sets(st.integers(1, len(case.items)))
    ends = st.sampled_from(["completed", "error", "never"])
    return st.builds(script, lengths, poisons, cuts, ends, st.none() | st.integers(1, 12))


@pytest.mark.parametrize("name", OPERATORS)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_batches_give_the_same_signals_as_single_items(name: str, data: st.DataObject) -> None:
    case = OPERATORS[name]
    script = data.draw(scripts(case))
    one_by_one = script.play(case.new(), batches=[(item,) for item in script.items])
    assert script.play(case.new(), batches=script.batches) == one_by_one


def follows(second: OperatorCase, first: OperatorCase) -> bool:
    return "any" in (first.gives, second.takes) or first.gives == second.takes


PAIRS = [(a, b) for a in OPERATORS for b in OPERATORS if follows(OPERATORS[b], OPERATORS[a])]


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_two_operators_say_the_same_fused_and_parted(names: tuple[str, str], data: st.DataObject) -> None:
    first, second = (OPERATORS[name] for name in names)
    script = data.draw(scripts(second if first.takes == "any" else first))
    fused = script.play(first.new(), second.new(), batches=script.batches)
    parting: Operator[Any, Any] = ops.map(lambda item: item)
    one_by_one = [(item,) for item in script.items]
    assert fused == script.play(first.new(), parting, second.new(), batches=one_by_one)


RUN = ("filter_content", "watch", "deadline", "filter_content.stop", "watch", "transduce", "filter_content.mask")


@settings(deadline=None, max_examples=200)
@given(data=st.data(), parted=st.sets(st.integers(0, len(RUN))))
def test_a_long_run_says_the_same_wherever_it_is_parted(data: st.DataObject, parted: set[int]) -> None:
    script = data.draw(scripts(OPERATORS["filter_content.stop"]))
    fused = script.play(*(OPERATORS[name].new() for name in RUN), batches=script.batches)
    apart: list[Operator[Any, Any]] = []
    for number, name in enumerate(RUN):
        apart += [ops.map(lambda item: item)] if number in parted else []
        apart.append(OPERATORS[name].new())
    assert fused == script.play(*apart, batches=[(item,) for item in script.items])
    assert fused == script.play(*apart, batches=script.batches)


def test_pairs_cover_every_operator() -> None:
    assert {name for pair in PAIRS for name in pair} == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_stock_source_is_a_source_of_single_items(name: str) -> None:
    case = OPERATORS[name]
    script = Script(list(case.items), set(), "completed", None)
    stock = Seen(rx.from_iterable(case.items).pipe(case.new()))
    assert stock.signals == script.play(case.new(), batches=script.batches)
