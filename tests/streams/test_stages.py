"""A batch with something odd in it: what is not odd still goes the fast way, where a stage knows how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import pytest

from tests.contracts.pushing import PushedBatches, Seen
from tokenrill import transduce


class SomeEven:
    """Even numbers go the fast way, as many as come one after the other; 9 fails, and after 7 it has ended."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.ended = False

    def feed(self, item: int, /) -> Iterator[int]:
        self.log.append(f"feed {item}")
        yield item
        if item == 9:
            raise ValueError("nine")
        self.ended = self.ended or item == 7

    def feed_batch(self, items: Sequence[int], /) -> Sequence[int] | None:
        return None if any(item % 2 for item in items) else items

    def feed_some(self, items: Sequence[int], /) -> tuple[Sequence[int], int]:
        even = [*takewhile(lambda item: item % 2 == 0, items)]
        self.log.append(f"some {len(even)} of {len(items)}")
        return even, len(even)

    def close(self) -> Iterator[int]:
        yield from ()


@pytest.mark.parametrize(
    ("items", "end", "log"),
    [
        ((2, 4, 6), None, []),
        ((2, 4, 1, 6, 8), None, ["some 2 of 5", "feed 1", "some 2 of 2"]),
        ((1, 3, 2), None, ["some 0 of 3", "feed 1", "some 0 of 2", "feed 3", "some 1 of 1"]),
        ((2, 1), None, ["some 1 of 2", "feed 1"]),
        ((2, 9), ("error", ValueError, ("nine",)), ["some 1 of 2", "feed 9"]),
        ((2, 7), ("completed",), ["some 1 of 2", "feed 7"]),
        ((1,), None, ["feed 1"]),
    ],
)
def test_an_odd_item_costs_the_others_of_its_batch_nothing(items: Any, end: Any, log: list[str]) -> None:
    source, called = PushedBatches(), list[str]()
    seen = Seen(source.pipe(transduce(lambda: SomeEven(called))))
    source.push(items)
    assert seen.signals == [*(("next", item) for item in items), *([] if end is None else [end])]
    assert called == log


def test_nothing_behind_a_failure_is_fed() -> None:
    source, called = PushedBatches(), list[str]()
    seen = Seen(source.pipe(transduce(lambda: SomeEven(called))))
    source.push((2, 9, 4))
    assert seen.signals == [("next", 2), ("next", 9), ("error", ValueError, ("nine",))]
    assert called == ["some 1 of 3", "feed 9"]
