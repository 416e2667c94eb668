"""Lift a :class:`~tokenrill.streams.types.Transducer` into an operator: the only place a machine meets Rx."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..streams.fused import Fused
from ..streams.types import Operator, Transducer

__all__ = ["transduce"]

In = TypeVar("In")
Out = TypeVar("Out")


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
