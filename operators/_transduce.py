"""Lift a :class:`~tokenrill.streams.types.Transducer` into an operator: the only place a machine meets Rx."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from reactivex import Observable, abc

from ..streams.batched import NOBODY, Batched, BatchObserver, Serial
from ..streams.types import Operator, Transducer

__all__ = ["transduce"]

In = TypeVar("In")
Out = TypeVar("Out")
New: TypeAlias = Callable[[], Transducer[Any, Any]]
FeedBatch: TypeAlias = Callable[[Sequence[Any]], Sequence[Any] | None]
Feed: TypeAlias = Callable[[Any], Iterable[Any]]


def transduce(new: Callable[[], Transducer[In, Out]]) -> Operator[In, Out]:
    """Run every item through a fresh transducer, and emit whatever it completes.

    .. marble::
        ---a--b-----c---|
        [ transduce(Pairs) ]
        ------(ab)------(c|)

    Operators made this way fuse: a run of them is one subscription over all the items of a network read.

    Example:
        >>> import reactivex as rx
        >>> class Pairs:
        ...     def __init__(self):
        ...         self.held = []
        ...     def feed(self, item):
        ...         self.held.append(item)
        ...         if len(self.held) == 2:
        ...             yield "".join(self.held)
        ...             self.held.clear()
        ...     def close(self):
        ...         yield from self.held
        >>> from reactivex import operators as ops
        >>> rx.of("a", "b", "c").pipe(transduce(Pairs), ops.to_list()).run()
        ['ab', 'c']

    Args:
        new: Makes one transducer per subscription, so subscribers share no state.

    Returns:
        An operator. It errors with whatever ``feed`` or ``close`` raises, after
        emitting what that call had completed. A transducer with a true ``ended`` has
        had its last item: the stream completes, and its source is disposed.
    """
    return lambda source: Fused(source, (new,))


class Fused(Batched[Out], Generic[In, Out]):
    """A source and a run of stages: one subscription for all of them."""

    in_turn = True

    def __init__(self, source: Observable[In], stages: tuple[New, ...]) -> None:
        super().__init__()
        if type(source) is Fused:
            before = cast("Fused[Any, In]", source)
            self.source: Observable[Any] = before.source
            self.stages = (*before.stages, *stages)
        else:
            self.source = source
            self.stages = stages

    def subscribe_batches(
        self, observer: BatchObserver[Out], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Run(Chain(new() for new in self.stages), observer).follow(self.source, scheduler)


class Run(Serial[Any]):
    """One subscription to a run of stages."""

    __slots__ = ("_chain", "_observer")

    def __init__(self, chain: Chain, observer: BatchObserver[Any]) -> None:
        super().__init__()
        self._chain = chain
        self._observer = observer

    def serve(self, items: Sequence[Any] | None, error: Exception | None) -> None:
        chain, observer = self._chain, self._observer
        if items is not None:
            out = chain.feed(items)
        elif error is None:
            out = chain.close()
        else:
            observer.on_error(error)
            return
        if out:
            observer.on_batch(out)
        if chain.over and not self.stopped:  # whoever took the batch may have disposed
            self.stop()
            observer.on_completed() if chain.failure is None else observer.on_error(chain.failure)

    def let_go(self) -> None:
        self._chain = OVER
        self._observer = NOBODY


class Chain:
    """Stages in a row. Each call answers what came out at the end.

    An error in a stage is told after all that it had completed has gone through the stages behind it, and
    an error of theirs on the way comes first, so a fused run says the same as the same stages one by one.

    Attributes:
        over: Whether nothing more will come: all are closed, or one has ended the stream, or has failed.
        failure: The error, if one has.
    """

    __slots__ = ("_ended", "_stages", "failure", "over")

    def __init__(self, stages: Iterable[Transducer[Any, Any]]) -> None:
        # The stages themselves and no bound methods: what a thousand streams hold, each token of theirs fetches anew.
        self._stages: tuple[Any, ...] = tuple(
            stage if hasattr(stage, "feed_batch") else Single(stage) for stage in stages
        )
        self._ended: int | None = None
        self.failure: Exception | None = None
        self.over = False

    def feed(self, items: Sequence[Any]) -> Sequence[Any]:
        """Feed the first stage."""
        out = self._feed(items, 0)
        return out if self._ended is None else [*out, *self.close(self._ended + 1)]

    def close(self, start: int = 0) -> Sequence[Any]:
        """Close the stages from ``start`` on, each after what the one before it still had to say."""
        done: list[Any] = []
        self.over, self._ended = True, None
        while start < len(self._stages) and self.failure is None:
            items, failure = collected(self._stages[start].close)
            start += 1
            if items:
                done += self._feed(items, start)
            if self._ended is not None:
                start, self._ended = self._ended + 1, None
            elif self.failure is None:
                self.failure = failure
        return done

    def _feed(self, items: Sequence[Any], start: int) -> Sequence[Any]:
        # Of an error and an end, the one further down came first to whoever is at the end.
        failure: Exception | None = None
        ended: int | None = None
        number = start - 1
        for stage in self._stages[start:] if start else self._stages:
            number += 1
            error = None
            try:
                out = stage.feed_batch(items)
            except Exception as raised:
                out, error = (), raised
            if out is None:
                out, error = feed_each(stage, items)
                if error is None and getattr(stage, "ended", False):
                    failure, ended = None, number
            if error is not None:
                failure, ended = error, None
            items = out
            if not items:
                break
        if failure is not None or ended is not None:
            self.over, self.failure, self._ended = True, failure, ended
        return items


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


OVER: Final = Chain(())


def feed_each(stage: Any, items: Sequence[Any]) -> tuple[Sequence[Any], Exception | None]:
    """One by one: of a batch with a single odd item in it, the others still go the fast way."""
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
