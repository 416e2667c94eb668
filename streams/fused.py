"""A source and a run of stages as one observable: adjacent operators of ours are one subscription."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast

from reactivex import Observable, abc

from .batched import Batched, BatchObserver
from .run import Discretion, Run
from .types import Transducer
from .witness import Witness

__all__ = ["Fused", "New"]

In = TypeVar("In")
Out = TypeVar("Out")
New: TypeAlias = Callable[[], Transducer[Any, Any] | Witness]


class Fused(Batched[Out], Generic[In, Out]):
    """A source and a run of stages: one subscription for all of them, and one discretion about their errors.

    Args:
        source: Its own stages come first, if it has any; but a discretion is about no errors but those after it.
        stages: Each makes one stage for a subscription.
        discretion: What their errors are told to, before anybody else.
        guarded: Whether one of them is a :class:`.Sentinel`; a run has one, and a second begins another run.
    """

    in_turn = True

    def __init__(
        self,
        source: Observable[In],
        stages: tuple[New, ...],
        discretion: Discretion | None = None,
        *,
        guarded: bool = False,
    ) -> None:
        super().__init__()
        self.source: Observable[Any] = source
        self.stages = stages
        self.discretion = discretion
        self.guarded = guarded
        if discretion is None and type(source) is Fused:
            before = cast("Fused[Any, In]", source)
            if not (guarded and before.guarded):
                self.source = before.source
                self.stages = (*before.stages, *stages)
                self.discretion = before.discretion
                self.guarded = guarded or before.guarded

    def subscribe_batches(
        self, observer: BatchObserver[Out], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        run = Run([new() for new in self.stages], observer, self.discretion)
        return run.follow(self.source, scheduler)

    @property
    def on_loop(self) -> bool:
        return getattr(self.source, "on_loop", False)
