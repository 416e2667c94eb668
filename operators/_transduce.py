"""Lift a :class:`~tokenrill.streams.types.Transducer` into an operator: the only place a machine meets Rx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast

from reactivex import Observable, abc

from ..streams.batched import Batched, BatchObserver, Serial
from ..streams.types import Operator, Transducer

__all__ = ["transduce"]

In = TypeVar("In")
Out = TypeVar("Out")
New: TypeAlias = Callable[[], Transducer[Any, Any]]
FeedBatch: TypeAlias = Callable[[Sequence[Any]], Sequence[Any] | None]
# A stage, its fast way, and whether it is one that can end the stream.
Step: TypeAlias = tuple[Transducer[Any, Any], FeedBatch | None, bool]


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
        chain = Chain([new() for new in self.stages])

        def serve(items: Sequence[Any] | None, error: Exception | None) -> None:
            if error is not None:
                observer.on_error(error)
                return
            if items is None:
                out, failure, complete = (*chain.close(), True)
            else:
                out, failure, complete = chain.pass_on(items)
            if out:
                observer.on_batch(out)
            if serial.stopped:  # whoever took the batch has disposed
                return
            if failure is not None:
                serial.stop()
                observer.on_error(failure)
            elif complete:
                serial.stop()
                observer.on_completed()

        serial: Serial[Any] = Serial(serve)
        return serial.connect(self.source, scheduler)


class Chain:
    """Stages in a row. Each call answers what came out at the end, and the error that stopped it, if one did.

    An error in a stage is told after all that it had completed has gone through the stages behind it, and
    an error of theirs on the way comes first, so a fused run says the same as the same stages one by one.
    """

    __slots__ = ("_steps",)

    def __init__(self, stages: list[Transducer[Any, Any]]) -> None:
        self._steps: list[Step] = [
            (stage, getattr(stage, "feed_batch", None), hasattr(stage, "ended")) for stage in stages
        ]

    def pass_on(self, items: Sequence[Any]) -> tuple[Sequence[Any], Exception | None, bool]:
        """Feed the first stage: what came out at the end, the error, and whether a stage has ended the stream."""
        out, failure, ended = self._feed(items, 0)
        if ended is None:
            return out, failure, False
        rest, failure = self.close(ended + 1)
        return [*out, *rest], failure, True

    def close(self, start: int = 0) -> tuple[Sequence[Any], Exception | None]:
        """Close the stages from ``start`` on, each after what the one before it still had to say."""
        done: list[Any] = []
        while start < len(self._steps):
            items, failure = collect(self._steps[start][0].close)
            start += 1
            if items:
                out, later, ended = self._feed(items, start)
                done.extend(out)
                failure = failure if later is None else later
                if ended is not None:
                    start, failure = ended + 1, None
            if failure is not None:
                return done, failure
        return done, None

    def _feed(self, items: Sequence[Any], start: int) -> tuple[Sequence[Any], Exception | None, int | None]:
        # Of an error and an end, the one further down came first to whoever is at the end.
        failure: Exception | None = None
        ended: int | None = None
        for number, (stage, feed_batch, can_end) in enumerate(self._steps[start:] if start else self._steps, start):
            out, error = None, None
            if feed_batch is not None:
                try:
                    out = feed_batch(items)
                except Exception as raised:
                    return (), raised, None
            if out is None:
                out, error = feed_each(stage, items)
            if error is not None:
                failure, ended = error, None
            elif can_end and stage.ended:  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                failure, ended = None, number
            if not out:
                return (), failure, ended
            items = out
        return items, failure, ended


def feed_each(stage: Transducer[Any, Any], items: Sequence[Any]) -> tuple[list[Any], Exception | None]:
    out: list[Any] = []
    feed = stage.feed
    try:
        for item in items:
            for one in feed(item):
                out.append(one)
    except Exception as error:
        return out, error
    return out, None


def collect(close: Callable[[], Any]) -> tuple[list[Any], Exception | None]:
    out: list[Any] = []
    try:
        for one in close():
            out.append(one)
    except Exception as error:
        return out, error
    return out, None
