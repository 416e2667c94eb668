"""What items go through between one signal and the next: the stages of a run, without a subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast

from .types import Transducer

__all__ = ["Single", "Stages", "collected", "feed"]

Feed: TypeAlias = Callable[[Any], Iterable[Any]]
FeedBatch: TypeAlias = Callable[[Sequence[Any]], Sequence[Any] | None]
Stages: TypeAlias = tuple[Any, ...]


class Single:
    """A stage that takes its items one by one."""

    __slots__ = ("_stage", "close", "feed")

    def __init__(self, stage: Transducer[Any, Any]) -> None:
        self._stage = stage
        self.feed = stage.feed
        self.close = stage.close

    @property
    def ended(self) -> bool:
        """Whether it has had its last item."""
        return getattr(self._stage, "ended", False)

    def feed_batch(self, items: Sequence[Any]) -> None:
        """Declined."""


def feed(
    stages: Stages, items: Sequence[Any], start: int, *, declined: bool = False
) -> tuple[Sequence[Any], int, Exception | None]:
    """Through the stages from ``start`` on: what comes out, the number of stages that are over (0: none), and why.

    Of an error and an end, the one further down came first to whoever is at the end.
    """
    failure: Exception | None = None
    over = 0
    number = start
    for stage in stages[start:]:
        error = None
        try:
            out = None if declined and number == start else stage.feed_batch(items)
        except Exception as raised:
            out, error = (), raised
        number += 1
        if out is None:
            out, error = feed_each(stage, items)
            if error is None and getattr(stage, "ended", False):
                failure, over = None, number
        if error is not None:
            failure, over = error, number
        items = out
        if not items:
            break
    return items, over, failure


def feed_each(stage: Any, items: Sequence[Any]) -> tuple[Sequence[Any], Exception | None]:
    """One by one: of a batch with a single odd item in it, the others still go the fast way.

    A stage may have a way for it, ``feed_some``: it takes as many of some items as it can, from the first, and answers
    what they give, and how many they are. The next one is then odd.
    """
    out: list[Any] = []
    feed: Feed = stage.feed
    feed_batch: FeedBatch | None = None if type(stage) is Single else stage.feed_batch
    try:
        if len(items) == 1:
            given = feed(items[0])
            if type(given) is list or type(given) is tuple:
                return cast("Sequence[Any]", given), None
            out.extend(given)
            return out, None
        if (feed_some := getattr(stage, "feed_some", None)) is not None:
            at = 0
            while at < len(items):
                given, count = feed_some(items[at:] if at else items)
                out.extend(given)
                at += count
                if at < len(items):
                    out.extend(feed(items[at]))
                    at += 1
            return out, None
        for item in items:
            given = None if feed_batch is None else feed_batch((item,))
            out.extend(feed(item) if given is None else given)
    except Exception as error:
        return out, error
    return out, None


def collected(close: Callable[[], Iterable[Any]]) -> tuple[list[Any], Exception | None]:
    out: list[Any] = []
    try:
        out.extend(close())
    except Exception as error:
        return out, error
    return out, None
