"""One of those that race."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable

from ..streams.call import Call
from ..streams.errors import ApiError, CircuitOpen, ContentBlocked, ProtocolError, StreamError
from ..streams.tokens import StreamToken, Usage
from ._prelude import Prelude

__all__ = ["Entry", "Runner", "most_telling"]


class Entry(Struct):
    """Who may run: ``make`` answers the call, if it is for one, and the stream."""

    name: str
    make: Callable[[], tuple[Call | None, Observable[StreamToken]]]


class Runner:
    """One that has started.

    Attributes:
        number: 0 for the source itself.
        name: Who is asked.
        call: Its own call; None in a chain without one.
        ended: Whether it is over, with an error or without a word.
        error: What it failed with; None as long as it has not.
        held: What it has said that is no content.
        slot: Its subscription.
        stream: What is subscribed to.
    """

    __slots__ = ("call", "ended", "error", "held", "name", "number", "slot", "stream")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.call: Call | None = None
        self.ended = False
        self.error: Exception | None = None
        self.held = Prelude()
        self.slot = SingleAssignmentDisposable()
        self.stream: Observable[StreamToken] | None = None

    @property
    def spent(self) -> Usage | None:
        """What it has cost; a provider that was asked has read the question, though it may not have said so."""
        if self.call is None or not self.call.attempt.begun:
            return None
        return self.call.usage or self.call.attempt.estimate()


def most_telling(runners: Sequence[Runner]) -> Runner:
    """Of those that have failed the one whose error is worth most to whoever gets it."""
    return min((runner for runner in runners if runner.error is not None), key=rank)


def rank(runner: Runner) -> tuple[bool, bool, int, int]:
    error = runner.error
    if not isinstance(error, StreamError):
        return False, False, 0, runner.number
    match error:
        case ApiError() | ContentBlocked():
            kind = 0
        case ProtocolError():
            kind = 1
        case CircuitOpen():
            kind = 3
        case _:
            kind = 2
    return True, not error.retryable, kind, runner.number
