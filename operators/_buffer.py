"""Items that wait for a consumer elsewhere, no more of them than is said."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from reactivex import Observable, abc
from reactivex.disposable import BooleanDisposable, CompositeDisposable, Disposable

from ..streams.batched import Batched, BatchObserver, Serial
from ..streams.call import Call
from ..streams.demand import Demand
from ..streams.errors import LimitExceeded
from ..streams.recipe import recorded
from ..streams.tokens import ReasoningDelta, RefusalDelta, StreamToken, TextDelta
from ..streams.types import Operator
from ._clock import time_of

__all__ = ["buffer"]

T = TypeVar("T")
Overflow: TypeAlias = Literal["block", "error", "drop_oldest", "drop_latest"]
PROSE: Final = (TextDelta, ReasoningDelta, RefusalDelta)


@recorded
def buffer(
    size: int = 256,
    *,
    overflow: Overflow = "block",
    scheduler: abc.SchedulerBase | None = None,
    demand: Demand | None = None,
) -> Buffer:
    """Hand items over to a consumer that runs elsewhere, and hold at most ``size`` of them until it takes them.

    .. marble::
        ---abcdef------------|
        [ buffer(2, overflow="drop_oldest"), a slow consumer ]
        ---a-----e-----f-----|

    What RxPY's ``observe_on`` is, with a bound: the source goes on while the consumer works on ``scheduler``, which
    may be a thread of its own or a user interface's loop. When ``size`` items wait and another comes:

    * ``block``: the source is read no more until half have been taken, and TCP slows the provider. What one
      read decodes to may come on top.
    * ``error``: the stream ends with :class:`~tokenrill.LimitExceeded`, after what waits.
    * ``drop_oldest``, ``drop_latest``: text, reasoning and refusal fragments give way, for a display that would
      rather be up to date than complete. Items that are no tokens, such as replies so far, may all give way;
      tool calls, usage, seams and the finish never do.

    Example:
        >>> import reactivex as rx
        >>> from reactivex import operators as ops
        >>> from reactivex.scheduler import EventLoopScheduler
        >>> rx.of(1, 2, 3).pipe(buffer(8, overflow="error", scheduler=EventLoopScheduler()), ops.to_list()).run()
        [1, 2, 3]

    Args:
        size: How many items may wait.
        overflow: What gives when there is no room.
        scheduler: Where the consumer runs; by default the next turn of the event loop, else a thread.
        demand: What ``block`` counts on; in a pipeline it is the call's own.

    Returns:
        An operator. Terminal signals come after all that waits; disposing drops it.

    Raises:
        ValueError: For a size below 1, an unknown policy, or ``block`` with no demand to count on.
    """
    if size < 1:
        raise ValueError(f"size is a number of items, 1 or more, not {size}")
    if str(overflow) not in get_args(Overflow):
        raise ValueError(f"overflow is one of {', '.join(get_args(Overflow))}, not {overflow!r}")
    return Buffer(size, overflow, scheduler, demand)


class Buffer:
    """The operator; a pipeline binds it to the call, whose demand ``block`` counts on."""

    def __init__(
        self, size: int, overflow: Overflow, scheduler: abc.SchedulerBase | None, demand: Demand | None
    ) -> None:
        self._size = size
        self._overflow: Overflow = overflow
        self._scheduler = scheduler
        self._demand = demand
        self.__qualname__ = "buffer"

    def __call__(self, source: Observable[T], /) -> Observable[T]:
        return self._buffered(source, self._demand)

    def for_call(self, call: Call, /) -> Operator[Any, Any]:
        return lambda source: self._buffered(source, self._demand or call.demand)

    def _buffered(self, source: Observable[T], demand: Demand | None) -> Observable[T]:
        size, overflow = self._size, self._overflow
        if overflow != "block":
            return Buffered(source, lambda: Shelf(size, overflow, None), self._scheduler)
        if demand is None:
            raise ValueError("buffer(overflow='block') outside a pipeline needs demand=, the one its source waits for")
        demand.narrow(size)
        return Buffered(source, lambda: Shelf(size, overflow, demand), self._scheduler)


class Shelf:
    """What waits, and what gives when it is full. Source and consumer may be in different threads."""

    __slots__ = ("_demand", "_items", "_lock", "_overflow", "_size")

    def __init__(self, size: int, overflow: Overflow, demand: Demand | None) -> None:
        self._size = size
        self._overflow: Overflow = overflow
        self._demand = demand
        self._items: deque[Any] = deque()
        self._lock = threading.Lock()

    @property
    def waits(self) -> bool:
        """Whether anything does."""
        return bool(self._items)

    def put(self, items: Sequence[Any]) -> None:
        """Store what comes.

        Raises:
            LimitExceeded: When there is no room, and nothing may give way; what fitted is stored.
        """
        if self._demand is not None:
            self._demand.buffered(len(items))
            self._items.extend(items)
            return
        with self._lock:
            for item in items:
                if len(self._items) < self._size or self._make_room(item):
                    self._items.append(item)

    def take(self) -> tuple[Any, ...]:
        """The item that has waited longest; nothing when none waits. A block's demand hears of it by :meth:`done`."""
        with self._lock:
            return (self._items.popleft(),) if self._items else ()

    def done(self, count: int = 1) -> None:
        """The consumer has dealt with what it took."""
        if self._demand is not None:
            self._demand.taken(count)

    def clear(self) -> None:
        """Drop what waits."""
        with self._lock:
            count = len(self._items)
            self._items.clear()
        self.done(count)

    def _make_room(self, item: Any) -> bool:
        if self._overflow == "drop_latest" and may_give_way(item):
            return False
        if self._overflow != "error":
            for place, waiting in enumerate(self._items):
                if may_give_way(waiting):
                    del self._items[place]
                    return True
        raise LimitExceeded("size", self._size)


def may_give_way(item: Any) -> bool:
    return isinstance(item, PROSE) or not isinstance(item, StreamToken)


class Buffered(Batched[T]):
    """A source whose consumer runs on a scheduler."""

    def __init__(self, source: Observable[T], new: Callable[[], Shelf], scheduler: abc.SchedulerBase | None) -> None:
        super().__init__()
        self._source = source
        self._new = new
        self._scheduler = scheduler

    def subscribe_batches(
        self, observer: BatchObserver[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        shelf, gone = self._new(), BooleanDisposable()
        elsewhere = self._scheduler or time_of(scheduler)[0]
        lock = threading.Lock()
        asleep, end = True, list[Exception | None]()

        def serve(items: Sequence[T] | None, error: Exception | None) -> None:
            try:
                if items is None:
                    end.append(error)
                else:
                    shelf.put(items)
            except LimitExceeded as overflown:
                serial.stop()
                end.append(overflown)
            wake()

        def wake() -> None:
            nonlocal asleep
            with lock:
                if not asleep:
                    return
                asleep = False
            elsewhere.schedule(drain)

        def drain(*_: object) -> None:
            nonlocal asleep
            while not gone.is_disposed:
                over = bool(end)  # before the look: what was put before the end is then seen
                if item := shelf.take():
                    try:
                        observer.on_batch(item)
                    except BaseException:
                        serial.stop()
                        gone.dispose()
                        shelf.clear()
                        raise
                    finally:
                        shelf.done()
                elif over:
                    observer.on_completed() if end[0] is None else observer.on_error(end[0])
                    return
                else:
                    with lock:
                        asleep = True
                    # Whoever came between our look and our falling asleep found us awake, and left.
                    if not (end or shelf.waits):
                        return
                    with lock:
                        if not asleep:
                            return
                        asleep = False
            shelf.clear()

        serial: Serial[T] = Serial(serve)
        return CompositeDisposable(serial.connect(self._source, scheduler), gone, Disposable(shelf.clear))
