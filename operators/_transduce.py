"""Lift a :class:`~tokenrill.streams.types.Transducer` into an operator: the only place a machine meets Rx."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from reactivex import Observable, abc

from ..streams.batched import NOBODY, Batched, BatchObserver, Serial
from ..streams.types import Operator, Transducer

__all__ = ["transduce"]

In = TypeVar("In")
Out = TypeVar("Out")
New: TypeAlias = Callable[[], Transducer[Any, Any]]
FeedBatch: TypeAlias = Callable[[Sequence[Any]], Sequence[Any] | None]
Stages: TypeAlias = tuple[Any, ...]
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


class Discretion(Protocol):
    """Whoever knows what no error may quote."""

    def scrub(self, error: Exception, /) -> None:
        """Take it out."""


class Fused(Batched[Out], Generic[In, Out]):
    """A source and a run of stages: one subscription for all of them, and one discretion about their errors."""

    in_turn = True

    def __init__(self, source: Observable[In], stages: tuple[New, ...], discretion: Discretion | None = None) -> None:
        super().__init__()
        if discretion is None and type(source) is Fused:
            before = cast("Fused[Any, In]", source)
            self.source: Observable[Any] = before.source
            self.stages = (*before.stages, *stages)
            self.discretion = before.discretion
        else:
            self.source = source
            self.stages = stages
            self.discretion = discretion

    def subscribe_batches(
        self, observer: BatchObserver[Out], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        run = Run((new() for new in self.stages), observer, self.discretion)
        return run.follow(self.source, scheduler)

    @property
    def on_loop(self) -> bool:
        return getattr(self.source, "on_loop", False)


class Run(Serial[Any]):
    """One subscription to a run of stages.

    An error in a stage is told after all that it had completed has gone through the stages behind it, and
    an error of theirs on the way comes first, so a fused run says the same as the same stages one by one.
    """

    __slots__ = ("_discretion", "_ended", "_failure", "_observer", "_over", "_stages")

    def __init__(
        self,
        stages: Iterable[Transducer[Any, Any]],
        observer: BatchObserver[Any],
        discretion: Discretion | None = None,
    ) -> None:
        super().__init__()
        self._discretion = discretion
        # The stages themselves and no bound methods: what a thousand streams hold, each token of theirs fetches anew.
        self._stages: Stages = tuple(stage if hasattr(stage, "feed_batch") else Single(stage) for stage in stages)
        self._observer = observer
        self._ended: int | None = None  # the stage that has ended the stream
        self._failure: Exception | None = None
        self._over = False  # nothing more will come: all are closed, or one has ended the stream, or has failed

    def on_batch(self, items: Sequence[Any]) -> None:
        if self._gate is not None or self.stopped:
            super().on_batch(items)
            return
        # What `serve` does, in one frame, for as long as each stage takes the whole batch.
        stages, observer = self._stages, self._observer
        number = 0
        try:
            try:
                for stage in stages:
                    out = stage.feed_batch(items)
                    if not out:
                        break
                    items = out
                    number += 1
                else:
                    observer.on_batch(items)
                    return
            except Exception as error:
                if number == len(stages):  # what the observer raises is not ours
                    raise
                self._over, self._failure, out = True, error, ()
            if out is None:
                out = self._go_on(stages, items, number, declined=True)
            if out or self._over:
                self._hand_on(out, observer)
        except BaseException:
            self.stop()
            raise

    def serve(self, items: Sequence[Any] | None, error: Exception | None) -> None:
        stages, observer = self._stages, self._observer
        if error is not None:
            observer.on_error(error)
        else:
            self._hand_on(self._close(stages, 0) if items is None else self._go_on(stages, items, 0), observer)

    def let_go(self) -> None:
        self._observer = NOBODY  # first: nobody is given items that have not been through the stages
        self._stages = ()
        self._failure = None  # its traceback holds who was told of it

    def _hand_on(self, out: Sequence[Any], observer: BatchObserver[Any]) -> None:
        if out:
            observer.on_batch(out)
        if self._over and not self.stopped:  # whoever took the batch may have disposed
            failure, discretion = self._failure, self._discretion
            if failure is not None and discretion is not None:
                discretion.scrub(failure)
            self.stop()
            observer.on_completed() if failure is None else observer.on_error(failure)

    def _go_on(self, stages: Stages, items: Sequence[Any], start: int, *, declined: bool = False) -> Sequence[Any]:
        out = self._feed(stages, items, start, declined=declined)
        return out if self._ended is None else [*out, *self._close(stages, self._ended + 1)]

    def _close(self, stages: Stages, start: int) -> Sequence[Any]:
        """Close the stages from ``start`` on, each after what the one before it still had to say."""
        done: list[Any] = []
        self._over, self._ended = True, None
        while start < len(stages) and self._failure is None:
            items, failure = collected(stages[start].close)
            start += 1
            if items:
                done += self._feed(stages, items, start)
            if self._ended is not None:
                start, self._ended = self._ended + 1, None
            elif self._failure is None:
                self._failure = failure
        return done

    def _feed(self, stages: Stages, items: Sequence[Any], start: int, *, declined: bool = False) -> Sequence[Any]:
        # Of an error and an end, the one further down came first to whoever is at the end.
        failure: Exception | None = None
        ended: int | None = None
        number = start - 1
        for stage in stages[start:]:
            number += 1
            error = None
            try:
                out = None if declined and number == start else stage.feed_batch(items)
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
            self._over, self._failure, self._ended = True, failure, ended
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
