"""The seams: what a transducer, an operator, a source, a sink and a call are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from reactivex import Observable, abc

from .call import Call
from .tokens import StreamToken

__all__ = ["BatchTransducer", "CallOperator", "Operator", "RivalOperator", "Sink", "Source", "Transducer", "Upstream"]

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Transducer(Protocol[In_contra, Out_co]):
    """A stage without I/O: feed it items, take what they complete, then close it.

    One instance serves one subscription. Either method may raise: what it had yielded is still
    delivered, then the stream errors. One that can tell the end of the stream from its items has an
    attribute ``ended``: once that is true, the stream completes without waiting for the source to.
    """

    def feed(self, item: In_contra, /) -> Iterable[Out_co]: ...

    def close(self) -> Iterable[Out_co]: ...


class BatchTransducer(Protocol[In_contra, Out_co]):
    """A transducer that also has a fast way for all the items of one network read.

    ``feed_batch`` answers what feeding the items one by one would have given, or ``None``, *having
    changed nothing*, when they hold something it does not handle: it is then asked for each item by itself,
    and ``feed`` gets those that it still declines. What ends the stream must be among these.

    Where one odd item should not cost the others their fast way, it has ``feed_some(items)`` too: what as many items
    as it can take give, from the first on, and how many these are. It is asked instead, and ``feed`` gets the next.
    """

    def feed(self, item: In_contra, /) -> Iterable[Out_co]: ...

    def feed_batch(self, items: Sequence[In_contra], /) -> Sequence[Out_co] | None: ...

    def close(self) -> Iterable[Out_co]: ...


Operator: TypeAlias = Callable[[Observable[In]], Observable[Out]]
Sink: TypeAlias = Callable[[Call], abc.ObserverBase[In]]
Upstream: TypeAlias = Callable[[Call], Observable[Any]]


@runtime_checkable
class CallOperator(Protocol):
    """An operator that wants to know the call it serves; the pipeline binds it at each subscription."""

    def __call__(self, source: Observable[Any], /) -> Observable[Any]: ...

    def for_call(self, call: Call, /) -> Operator[Any, Any]: ...


@runtime_checkable
class RivalOperator(Protocol):
    """An operator that may subscribe to what comes before it for several calls at once, each with its own."""

    def __call__(self, source: Observable[Any], /) -> Observable[Any]: ...

    def for_rivals(self, call: Call, upstream: Upstream, /) -> Observable[Any]: ...


class Source(Protocol):
    """Where streams of tokens come from: a provider, a recording, another pipeline."""

    @property
    def name(self) -> str: ...

    def stream(self, call: Call, /) -> Observable[StreamToken]: ...

    async def aclose(self) -> None: ...
