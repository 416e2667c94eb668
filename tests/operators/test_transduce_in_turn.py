"""A run behind a source whose signals come in turn has no lock and a shorter way; it must say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from reactivex import operators as ops

from tests.contracts.pushing import InTurn, PushedBatches, Seen
from tokenrill import transduce, watch
from tokenrill.streams.fused import Fused
from tokenrill.streams.types import Operator


class Stage:
    """Passes items on; declines batches with an odd one, ends after 7, fails at 8 and, for a batch, at 9."""

    def __init__(self) -> None:
        self.ended = False

    def feed(self, item: int, /) -> Iterable[int]:
        if item == 8:
            raise ValueError("eight")
        self.ended = item == 7
        return (item, -item) if item % 2 else (item,)

    def feed_batch(self, items: Sequence[int], /) -> Sequence[int] | None:
        if 9 in items:
            raise ValueError("nine")
        return None if any(item % 2 or item == 8 for item in items) else [item for item in items if item]

    def close(self) -> Iterable[int]:
        return (100,)


class Alone:
    """Takes its items one by one."""

    def feed(self, item: int, /) -> Iterable[int]:
        if item == -5:
            raise ValueError("minus five")
        return (item,)

    def close(self) -> Iterable[int]:
        return (200,)


class Watcher:
    """Sees items one by one, and fails at 6."""

    def on_next(self, value: int) -> None:
        if value == 6:
            raise ValueError("six")

    def on_error(self, error: Exception) -> None: ...

    def on_completed(self) -> None: ...


OPERATORS: dict[str, tuple[Operator[Any, Any], ...]] = {
    "a stage": (transduce(Stage),),
    "two": (transduce(Stage), transduce(Alone)),
    "the other way round": (transduce(Alone), transduce(Stage)),
    "watched": (transduce(Stage), watch(Watcher()), transduce(Stage)),  # pyright: ignore[reportArgumentType]
}
SCRIPTS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((2,), (4,), (6,)),
    ((0,), (2, 4), (0, 6)),
    ((2,), (1,), (2, 3, 4)),
    ((2,), (7,), (4,)),
    ((2, 7, 4),),
    ((8,), (2,)),
    ((2, 8, 4),),
    ((2, 4), (9,), (2,)),
    ((5,), (2,)),
    ((2, 5, 8),),
)


@pytest.mark.parametrize("operators", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("script", SCRIPTS, ids=repr)
@pytest.mark.parametrize("leave_after", [None, 1, 2])
def test_it_says_the_same(operators: tuple[Any, ...], script: Any, leave_after: int | None) -> None:
    said = list[Any]()
    for source in (InTurn(), PushedBatches()):
        seen = Seen(source.pipe(*operators), leave_after)
        for batch in script:
            source.push(batch)
        over = source.live
        source.complete()
        said.append((seen.signals, over, source.live))
    assert said[0] == said[1]
    assert said[0][2] == 0


@pytest.mark.parametrize("kind", [InTurn, PushedBatches])
def test_what_the_observer_raises_is_not_the_streams_error(kind: type[PushedBatches]) -> None:
    source, errors = kind(), list[Exception]()

    def refuse(_: object) -> None:
        raise ValueError("mine")

    source.pipe(transduce(Stage), watch(Watcher())).subscribe(refuse, errors.append)  # pyright: ignore
    with pytest.raises(ValueError, match="mine"):
        source.push((2,))
    assert source.live == 0
    assert errors == []


class Discreet:
    def scrub(self, error: Exception, /) -> None:
        error.args = ("***",)


@pytest.mark.parametrize("kind", [InTurn, PushedBatches])
@pytest.mark.parametrize("last", [(8,), (9,), (2, 8), (2, 9)], ids=repr)
@pytest.mark.parametrize("behind", [ops.map(abs), transduce(Alone), watch(Watcher())])  # pyright: ignore
def test_an_error_of_a_run_with_a_secret_is_scrubbed(
    kind: type[PushedBatches], last: tuple[int, ...], behind: Callable[[Any], Any]
) -> None:
    source = kind()
    seen = Seen(behind(Fused(source, (Stage,), Discreet())))
    source.push((2,))
    source.push(last)
    assert seen.signals[0] == ("next", 2)
    assert seen.signals[-1] == ("error", ValueError, ("***",))


def test_an_error_of_the_source_is_its_own() -> None:
    source = InTurn()
    seen = Seen(Fused(source, (Stage,), Discreet()))
    source.fail(ValueError("whole"))
    assert seen.signals == [("error", ValueError, ("whole",))]
