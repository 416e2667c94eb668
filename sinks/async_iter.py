"""Leave Rx: any observable with ``async for``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

from ..streams.demand import Demand
from ..streams.reader import Reader

__all__ = ["async_iter"]

T = TypeVar("T")


def async_iter(
    source: Observable[T] | Callable[[Demand], Observable[T]], *, high: int = 256, low: int | None = None
) -> Reader[T]:
    """Read an observable with ``async for``; leaving the ``async with`` around it hangs up.

    ``Pipeline.open`` does this for a pipeline. Here the observable may have any operators behind it::

        async with async_iter(lambda demand: pipeline.stream(request, demand).pipe(ops.take(10))) as tokens:
            async for token in tokens:
                print(token)

    Example:
        >>> import asyncio
        >>> import reactivex as rx
        >>> async def read():
        ...     async with async_iter(rx.of(1, 2, 3)) as numbers:
        ...         return [number async for number in numbers]
        >>> asyncio.run(read())
        [1, 2, 3]

    Args:
        source: An observable, or a function that makes one from the demand to share with its source. Only the
            second is read at the reader's pace: an observable that knows no demand sends when it likes, and
            all that has not been read waits in memory.
        high: How many items may wait before the source is asked to stop.
        low: How few must wait before it is asked to go on; by default a quarter of ``high``.

    Returns:
        A reader, subscribed when it is entered or first read. It raises what the observable errors with.

    Raises:
        ValueError: Unless ``0 <= low < high``.
    """

    def connect(demand: Demand) -> Observable[T]:
        return source(demand) if callable(source) else source

    return Reader(connect, Demand(high=high, low=low))
