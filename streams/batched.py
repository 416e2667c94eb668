"""Observables that can hand over all the items of one network read at once.

Between operators of ours the item is a list, the tokens of one read: one when the model is slow, hundreds
when it is fast; nothing ever waits for a list to fill. To everyone else such an observable is an ordinary
one, an item at a time, and nobody can tell but the clock. (Project Reactor calls this operator fusion.)
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeAlias, TypeVar, cast

from reactivex import Observable, abc

from .loops import running_loop
from .subscriber import Subscriber, in_trampoline

__all__ = ["NOBODY", "BatchObserver", "Batched", "Serial", "subscribe_batches"]

T = TypeVar("T")
R = TypeVar("R")
OnBatch: TypeAlias = Callable[[Sequence[T]], None]
Serve: TypeAlias = Callable[[Sequence[T] | None, Exception | None], None]


class BatchObserver(Generic[T]):
    """Three callbacks; ``on_batch`` takes at least one item, in order."""

    __slots__ = ("on_batch", "on_completed", "on_error")

    def __init__(self, on_batch: OnBatch[T], on_error: abc.OnError, on_completed: abc.OnCompleted) -> None:
        self.on_batch = on_batch
        self.on_error = on_error
        self.on_completed = on_completed


def ignore(*_: object) -> None:
    """For whom nobody listens any more."""


NOBODY: Final[BatchObserver[Any]] = BatchObserver(ignore, ignore, ignore)


class Subscribing(threading.local):
    """Whether a subscription is being made in this thread now, in RxPY's trampoline: asked once for a whole chain."""

    now = False


subscribing: Final = Subscribing()


class Batched(Observable[T]):
    """An observable of items that arrive in batches; subclasses say how in :meth:`subscribe_batches`.

    Attributes:
        in_turn: Whether its signals come in turn whatever its own source does, as after a :class:`Serial`.
        composes: Whether all that it does when it is subscribed to is to subscribe to another, batch-wise.
    """

    in_turn: ClassVar[bool] = False
    composes: ClassVar[bool] = False

    # RxPY makes observables look like lists that never end.
    __iter__ = None

    # As Observable.__init__ does, but for its lock, which RxPY's operators alone ask for: it is made when they do.
    _subscribe = None  # pyright: ignore[reportAssignmentType]

    def __init__(self) -> None:
        pass

    def __aiter__(self) -> NoReturn:
        raise TypeError("an observable is read in a block, which hangs up: async with pipeline.open(request) as tokens")

    @property
    def lock(self) -> threading.RLock:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What RxPY's own operators serialize on: one for all who ask, from whatever thread."""
        return vars(self).setdefault("lock", threading.RLock())

    @property
    def on_loop(self) -> bool:
        """Whether its signals come on the event loop that runs where it is subscribed, if one does."""
        return False

    @abstractmethod
    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        """Subscribe to whole batches; call the function of this name rather than this method.

        Signals come one after another, with one terminal, the last, and none after disposing; going through
        :class:`Serial` makes it so. A batch that is being handed over when its consumer disposes is not recalled.
        """

    def subscribe(
        self,
        on_next: abc.ObserverBase[T] | abc.OnNext[T] | None = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        """Subscribe to one item after another, with an observer or with callbacks, as to any observable."""
        subscriber: Subscriber[T] = Subscriber(on_next, on_error, on_completed)  # Subscriber[T](…) costs a microsecond

        if subscribing.now or self.composes:
            subscriber.begin(self.subscribe_batches, scheduler)
        else:
            beginning(self, lambda: subscriber.begin(self.subscribe_batches, scheduler))
        return subscriber


def subscribe_batches(
    source: Observable[T], observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
) -> abc.DisposableBase:
    """Subscribe to any observable, batch-wise where it can, else with batches of one."""
    if not isinstance(source, Batched):
        on_batch = observer.on_batch
        return source.subscribe(
            lambda item: on_batch((item,)), observer.on_error, observer.on_completed, scheduler=scheduler
        )
    if subscribing.now or source.composes:
        return source.subscribe_batches(observer, scheduler)
    return beginning(source, lambda: source.subscribe_batches(observer, scheduler))


def beginning(source: Batched[Any], subscribe: Callable[[], R]) -> R:
    """Subscribe to a whole chain, whose last is ``source``; what it answers.

    As ``Observable.subscribe`` does, in the trampoline: a source that emits at once begins when every stage can
    dispose it. One whose signals come on the loop that runs here begins later in any case.
    """
    answers = list[R]()

    def subscribe_all() -> None:
        subscribing.now = True
        try:
            answers.append(subscribe())
        finally:
            subscribing.now = False

    if source.on_loop and running_loop() is not None:
        subscribe_all()
    else:
        in_trampoline(subscribe_all)
    return answers[0]


NONE_WAIT: Final[list[Any]] = []  # nobody puts anything in it: most servers never keep a signal waiting
making: Final = threading.Lock()


class Serial(abc.DisposableBase, Generic[T]):
    """Hand signals on one after another, whoever sends them, from whatever thread (Reactive Streams §1.3).

    Whoever comes while another is being served leaves the signal in the queue and goes; who serves,
    serves until the queue is empty. The first terminal signal is the last of all (§1.7). When it is over,
    by a terminal, by :meth:`stop` or because ``serve`` raised, the upstream is disposed, and nothing that
    was held is kept, not even by a source that never lets go of its observer (§3.13).

    Give it a function, or make a subclass with :meth:`serve`, and a :meth:`let_go` that drops what it holds. It is
    its own disposable: with a thousand streams taking turns, it is the number of objects a token touches that costs.
    """

    __slots__ = ("_gate", "_queue", "_serve", "_upstream", "stopped")

    def __init__(self, serve: Serve[T] | None = None) -> None:
        self._serve = serve
        self._gate = threading.Lock()
        self._queue: list[tuple[Sequence[T] | None, Exception | None]] = NONE_WAIT
        self._upstream: abc.DisposableBase | None = None
        self.stopped = False

    def connect(self, source: Observable[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        """Subscribe to ``source``, and serve its signals; disposing what this answers stops it all."""
        observer = cast("BatchObserver[T]", self)  # it has the three methods, and one object less is touched
        upstream = self._upstream = subscribe_batches(source, observer, scheduler)
        if self.stopped:
            self._upstream = None
            upstream.dispose()
        return self

    def on_batch(self, items: Sequence[T]) -> None:
        if self.stopped:
            return
        gate = self._gate
        if self._queue or not gate.acquire(False):
            self._leave(items, None)
        else:
            try:
                self._pass(items)
            finally:
                gate.release()
        if self._queue:
            self._drain(gate)

    def on_error(self, error: Exception) -> None:
        self._end(error)

    def on_completed(self) -> None:
        self._end(None)

    def stop(self) -> None:
        """Hand on nothing more, let go of what waits, and dispose the upstream."""
        self.stopped = True  # before the look: who is just subscribing looks at it after setting the upstream
        self.let_go()
        self._queue.clear()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.dispose()

    def dispose(self) -> None:
        """The consumer has left."""
        self.stop()

    def serve(self, items: Sequence[T] | None, error: Exception | None) -> None:
        """Deal with a batch, or with a terminal: then ``items`` is None."""
        serve = self._serve
        if serve is not None:
            serve(items, error)

    def let_go(self) -> None:
        """It is over: hold nothing that came from downstream. Whoever is being served goes on to its end."""
        self._serve = None

    def _pass(self, items: Sequence[T]) -> None:
        if not self.stopped:
            try:
                self.serve(items, None)
            except BaseException:
                self.stop()
                raise

    def _end(self, error: Exception | None) -> None:
        if self.stopped:
            return
        self._leave(None, error)
        self._drain(self._gate)

    def _leave(self, items: Sequence[T] | None, error: Exception | None) -> None:
        if self._queue is NONE_WAIT:
            with making:
                if self._queue is NONE_WAIT:
                    self._queue = []
        self._queue.append((items, error))

    def _drain(self, gate: threading.Lock) -> None:
        queue = self._queue
        # Whoever finds the gate shut has left its signal first, and who opens it looks once more: none is lost.
        while queue and gate.acquire(False):
            try:
                self._serve_waiting()
            except BaseException:
                self.stop()
                raise
            finally:
                gate.release()

    def _serve_waiting(self) -> None:
        queue = self._queue
        while queue:
            if self.stopped:
                queue.clear()
                return
            try:
                items, error = queue.pop(0)
            except IndexError:  # another thread has stopped us since we looked
                return
            self.serve(items, error)
            if items is None:
                self.stop()
