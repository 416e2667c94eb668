"""Every machine, one contract: where the input is cut does not matter, and what it may hold is bounded."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.contracts.cases import MACHINES
from tests.contracts.inputs import cut_bytes, cut_texts
from tokenrill import LimitExceeded
from tokenrill.streams.types import Transducer

CUTTABLE = [name for name, case in MACHINES.items() if case.cut in (cut_bytes, cut_texts)]
BATCHED = [name for name, case in MACHINES.items() if hasattr(case.new(), "feed_batch")]
BOUNDED = [name for name, case in MACHINES.items() if case.bound is not None]
EVERYWHERE = range(1, 1000)
places = st.sets(st.integers(0, 1000)) | st.sets(st.integers(0, 100), min_size=20)


def fed(machine: Transducer[Any, Any], items: Iterable[Any]) -> list[Any]:
    return [*(out for item in items for out in machine.feed(item)), *machine.close()]


def fed_by_batches(machine: Any, batches: Iterable[Sequence[Any]]) -> list[Any]:
    out: list[Any] = []
    for batch in batches:
        before = getattr(machine, "ended", False)
        done = machine.feed_batch(batch)
        if done is None:
            done = [one for item in batch for one in machine.feed(item)]
        else:
            assert getattr(machine, "ended", False) == before  # what ends a stream goes through feed
        out.extend(done)
    return [*out, *machine.close()]


@pytest.mark.parametrize("name", CUTTABLE)
@settings(deadline=None, max_examples=300)
@given(cuts=places)
def test_any_cut_gives_the_same(name: str, cuts: set[int]) -> None:
    case = MACHINES[name]
    whole = fed(case.new(), case.cut(case.whole, ()))
    assert case.settle(fed(case.new(), case.cut(case.whole, cuts))) == case.settle(whole)


@pytest.mark.parametrize("name", CUTTABLE)
def test_the_smallest_pieces_give_the_same(name: str) -> None:
    case = MACHINES[name]
    pieces = case.cut(case.whole, EVERYWHERE)
    assert len(pieces) > len(case.cut(case.whole, ()))
    whole = fed(case.new(), case.cut(case.whole, ()))
    assert whole
    assert case.settle(fed(case.new(), pieces)) == case.settle(whole)


@pytest.mark.parametrize("name", BATCHED)
@settings(deadline=None, max_examples=300)
@given(cuts=places, edges=places)
def test_batches_give_the_same_as_single_items(name: str, cuts: set[int], edges: set[int]) -> None:
    case = MACHINES[name]
    items = case.cut(case.whole, cuts)
    bounds = [0, *sorted(edge for edge in edges if 0 < edge < len(items)), len(items)]
    batches = [items[start:end] for start, end in pairwise(bounds)]
    assert fed_by_batches(case.new(), batches) == fed(case.new(), items)


@pytest.mark.parametrize("name", MACHINES)
def test_closing_twice_adds_nothing(name: str) -> None:
    case = MACHINES[name]
    machine = case.new()
    fed(machine, case.cut(case.whole, ()))
    once = list(machine.close())
    assert list(machine.close()) == once


@pytest.mark.parametrize("name", MACHINES)
def test_never_closing_is_harmless(name: str) -> None:
    case = MACHINES[name]
    machine: Any = case.new()
    for item in case.cut(case.whole, range(0, 1000, 7)):
        list(machine.feed(item))
    del machine
    gc.collect()  # a warning from here is an error


@pytest.mark.parametrize("name", MACHINES)
def test_two_machines_share_nothing(name: str) -> None:
    case = MACHINES[name]
    pieces = case.cut(case.whole, range(0, 1000, 5))
    first, second = case.new(), case.new()
    both = [(list(first.feed(item)), list(second.feed(item))) for item in pieces]
    ends = list(first.close()), list(second.close())
    alone = fed(case.new(), pieces)
    assert [out for fed_to, _ in both for out in fed_to] + ends[0] == alone
    assert [out for _, fed_to in both for out in fed_to] + ends[1] == alone


@pytest.mark.parametrize("name", BOUNDED)
def test_past_its_bound_it_says_which(name: str) -> None:
    bound = MACHINES[name].bound
    assert bound is not None
    machine = MACHINES[name].new()
    with pytest.raises(LimitExceeded) as raised:
        fed(machine, islice(bound[1](), 100_000))
    assert raised.value.name == bound[0]
    assert f"{bound[0]}={raised.value.limit}" in str(raised.value)
