"""Stages of a run that change nothing: they see what passes, and are told what becomes of the stream."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from reactivex import abc

__all__ = ["Alarm", "Sentinel", "Witness"]


class Witness:
    """A stage that lets everything pass.

    It is told of an end after all that came before the end has been handed on, and before whoever is behind it is
    told. It may be told that it was left after that, and more than once. Neither may raise.
    """

    __slots__ = ()

    def feed_batch(self, items: Sequence[Any], /) -> Sequence[Any]:
        """See them; none go on when the consumer has left meanwhile."""
        return items

    def over(self, error: Exception | None) -> None:
        """What is before it has completed, or failed."""

    def left(self) -> None:
        """Nobody behind it wants to know any more."""


class Alarm(Protocol):
    """Who is to be told that it is time to :meth:`Sentinel.look`."""

    def alarm(self) -> None:
        """It will look, in turn with the stream's own signals."""


class Sentinel(Witness):
    """A witness that may end the stream from outside.

    Attributes:
        stirred: Set by itself, when what it is fed is of the kind whose moments it wants to know.
        last: The moment at which everybody was done with the last such batch: not when it came, since the time
            that a consumer takes does not count. Set by the run; None before the first.
        now: The clock for it.
    """

    __slots__ = ("last", "now", "stirred")

    now: Callable[[], float]

    def __init__(self) -> None:
        self.last: float | None = None
        self.stirred = False

    @abstractmethod
    def begin(self, whom: Alarm, scheduler: abc.SchedulerBase | None) -> bool:
        """Get ready to alarm; whether that will be on the event loop that runs here, and not in other threads."""

    def start(self) -> None:
        """The subscription begins."""

    def look(self) -> Exception | None:
        """What is wrong, if anything is."""
