"""One subscription to a run of stages: what the items of a read go through, in one frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, cast

from reactivex import Observable, abc

from .batched import NOBODY, BatchObserver, Serial, subscribe_batches
from .stages import Single, Stages, collected, feed
from .witness import Sentinel, Witness

__all__ = ["Discretion", "Run"]

ALARM: Final = ()


class Discretion(Protocol):
    """Whoever knows what no error may quote."""

    def scrub(self, error: Exception, /) -> None:
        """Take it out."""


class Run(abc.DisposableBase):
    """One subscription to a run of stages, which are transducers and witnesses.

    An error in a stage is told after all that it had completed has gone through the stages behind it, and
    an error of theirs on the way comes first, so a fused run says the same as the same stages one by one.

    Signals must come in turn: where the source does not see to it, a :class:`.Serial` stands in front.
    """

    __slots__ = ("_discretion", "_gate", "_observer", "_sentinel", "_stages", "_upstream", "stopped")

    def __init__(
        self,
        stages: Iterable[Any],
        observer: BatchObserver[Any],
        discretion: Discretion | None = None,
    ) -> None:
        self._discretion = discretion
        # The stages themselves and no bound methods: what a thousand streams hold, each token of theirs fetches anew.
        self._stages: Stages = tuple([stage if hasattr(stage, "feed_batch") else Single(stage) for stage in stages])
        self._sentinel: Sentinel | None = None
        self._observer = observer
        self._gate: Serial[Any] | None = None
        self._upstream: abc.DisposableBase | None = None
        self.stopped = False
        for stage in self._stages:
            if isinstance(stage, Sentinel):
                self._sentinel = stage

    def follow(self, source: Observable[Any], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Subscribe to the source; disposing what this answers stops it all."""
        sentinel = self._sentinel
        in_turn = getattr(source, "in_turn", False)
        if sentinel is not None:
            on_loop = sentinel.begin(self, scheduler)
            in_turn = in_turn and on_loop and getattr(source, "on_loop", False)
        gate = self._gate = None if in_turn else Serial(self._serve)
        if sentinel is not None:
            sentinel.start()
        if gate is None:
            upstream = subscribe_batches(source, cast("BatchObserver[Any]", self), scheduler)  # it has its methods
        else:
            upstream = gate.connect(source, scheduler)
        self._upstream = upstream
        if self.stopped:
            self._upstream = None
            upstream.dispose()
        return self

    def on_batch(self, items: Sequence[Any]) -> None:
        if self.stopped:
            return
        stages = self._stages
        number = 0
        out: Sequence[Any] | None = items
        failure: Exception | None = None
        try:
            try:
                for stage in stages:
                    out = stage.feed_batch(items)
                    if not out:
                        break
                    items = out
                    number += 1
            except Exception as error:
                out, failure = (), error
            if out:
                self._observer.on_batch(items)
            elif failure is not None:
                self._end((), number + 1, failure)
                failure = None  # its traceback holds this frame
            elif out is None:
                self._go_on(*feed(stages, items, number, declined=True))
            sentinel = self._sentinel
            if sentinel is not None and sentinel.stirred:
                sentinel.stirred = False
                sentinel.last = sentinel.now()
        except BaseException:
            self.stop()
            raise

    def on_error(self, error: Exception) -> None:
        if not self.stopped:
            try:
                self._tell(0, error)
            finally:
                self.stop()

    def on_completed(self) -> None:
        if not self.stopped:
            try:
                self._close([], 0)
            finally:
                self.stop()

    def alarm(self) -> None:
        """Look for what is wrong, in turn with the stream's own signals."""
        if self._gate is None:
            self._serve(ALARM, None)
        else:
            self._gate.on_batch(ALARM)

    def stop(self) -> None:
        """Hand on nothing more, hold nothing that came from downstream, and leave everybody who is upstream."""
        self.stopped = True  # before the look: who is just subscribing looks at it after setting the upstream
        stages, self._stages = self._stages, ()
        self._observer = NOBODY
        self._sentinel = None
        self._leave(stages)

    def dispose(self) -> None:
        """The consumer has left."""
        self.stop()

    def _serve(self, items: Sequence[Any] | None, error: Exception | None) -> None:
        if items:
            self.on_batch(items)
        elif items is None:
            self.on_completed() if error is None else self.on_error(error)
        elif self._sentinel is not None and (failure := self._sentinel.look()) is not None:
            try:
                self._end((), self._stages.index(self._sentinel) + 1, failure)
            finally:
                self.stop()

    def _go_on(self, items: Sequence[Any], over: int, failure: Exception | None) -> None:
        if failure is not None:
            self._end(items, over, failure)
        elif over:
            self._close([*items], over)
        elif items:
            self._observer.on_batch(items)

    def _close(self, done: list[Any], number: int) -> None:
        """Close the stages from ``number`` on, each after what the one before it still had to say."""
        stages = self._stages
        failure: Exception | None = None
        while number < len(stages) and failure is None:
            stage = stages[number]
            number += 1
            if isinstance(stage, Witness):
                if not self._hand_over(done, number - 1):
                    return
                done = []
                stage.over(None)
                continue
            items, failure = collected(stage.close)
            if items:
                out, end, error = feed(stages, items, number)
                done += out
                if end:
                    number, failure = end, error
        self._end(done, number, failure)

    def _end(self, done: Sequence[Any], number: int, failure: Exception | None) -> None:
        """Stage ``number - 1`` has failed, or all have completed."""
        if self._hand_over(done, number):
            if failure is not None and self._discretion is not None:
                self._discretion.scrub(failure)
            self._tell(number, failure)
            self.stop()

    def _hand_over(self, done: Sequence[Any], number: int) -> bool:
        """Before an end passes stage ``number``: hand on what came before, and leave those who are upstream of it."""
        if done:
            self._observer.on_batch(done)
        if not self.stopped:  # whoever took the batch may have disposed
            self._leave(self._stages[:number])
        return not self.stopped

    def _tell(self, number: int, error: Exception | None) -> None:
        for stage in self._stages[number:]:
            if isinstance(stage, Witness):
                stage.over(error)
        observer = self._observer  # nobody, when one of them has hung up
        observer.on_completed() if error is None else observer.on_error(error)

    def _leave(self, stages: Stages) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.dispose()
        for stage in stages:
            if isinstance(stage, Witness):
                stage.left()
