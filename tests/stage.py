"""Providers whose answers are marble diagrams, for pipelines in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import reactivex as rx
from reactivex import Observable, Observer, abc
from reactivex.testing import TestScheduler

from tests.marbles import messages, readable
from tokenrill import (
    Call,
    CompletionRequest,
    Decision,
    Finish,
    Pipeline,
    Raw,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    Usage,
)
from tokenrill.operators import transduce
from tokenrill.streams.call import Account

__all__ = ["ASKED", "VALUES", "Scripted", "Stage"]

ASKED: Final = CompletionRequest(model="large", messages="Hello?")
VALUES: Final[dict[str, Any]] = {
    "S": ResponseStart("r", "m"),
    "P": Raw("ping", None),
    "R": RefusalDelta("No."),
    "U": Usage(3, 4),
    "F": Finish("stop"),
    "X": Finish("content_filter"),
    **{letter: TextDelta(letter) for letter in "abcdefgh"},
}


class Stage:
    """One run in virtual time; it begins at 200, as RxPY's schedulers have it, and seconds are counted from there."""

    def __init__(self) -> None:
        self.scheduler = TestScheduler()
        self.decisions: list[Decision] = []
        self.error: Exception | None = None
        self.calls: list[Call] = []
        self.bound: list[Call] = []

    def cold(self, diagram: str, error: Exception | None = None) -> Any:
        """An answer; ``#`` is the error."""
        return self.scheduler.create_cold_observable(messages(diagram, VALUES, error or RuntimeError("boom")))

    def in_turn(self, *answers: Observable[StreamToken]) -> Observable[StreamToken]:
        """Another answer at each subscription."""
        coming = iter(answers)
        return rx.defer(lambda _: next(coming))

    def play(self, stream: Observable[Any], leave: float = 800) -> str:
        """What came out, as a diagram: a letter or a bracket for each second; ``<Usage>`` is one of another value."""
        seen: Any = self.scheduler.start(lambda: stream, disposed=leave + 200)
        return self.drawn([readable(message, 200) for message in seen.messages])

    def run(self, pipeline: Pipeline[Any], leave: float = 800) -> str:
        """The same for a pipeline; its decisions and its call are kept."""
        return self.play(pipeline.stream(ASKED), leave)

    def watch(self, call: Call) -> abc.ObserverBase[Any]:
        """A sink: attach it first, and the call's decisions are kept."""
        self.calls.append(call)
        call.decisions.subscribe(self.decisions.append)
        return Observer(on_error=lambda _: None)

    def sink(self, call: Call) -> abc.ObserverBase[Any]:
        """A sink that only notes which calls it was bound to."""
        self.bound.append(call)
        return Observer(on_error=lambda _: None)

    def drawn(self, said: list[tuple[float, Any]]) -> str:
        letters = {repr(value): letter for letter, value in VALUES.items()}
        columns: dict[int, str] = {}
        for at, what in said:
            kind = type(what).__name__  # a string that says it is completed, or an error as a tuple
            letter = {"str": "|", "tuple": "#"}.get(kind) or letters.get(repr(what), f"<{kind}>")
            columns[int(at)] = columns.get(int(at), "") + letter
        drawn = {at: f"({text})" if len(text) > 1 else text for at, text in columns.items()}
        return "".join(drawn.get(second, "-") for second in range(max(drawn, default=-1) + 1))


class Scripted:
    """A provider: each request gets the next answer, the last one ever after. A :class:`tokenrill.Source`.

    Attributes:
        asked: The requests.
    """

    def __init__(self, name: str, *answers: Observable[StreamToken]) -> None:
        self.name = name
        self.asked: list[CompletionRequest] = []
        self.closed = 0
        self._answers = list(answers)

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        def answer(_: object) -> Observable[StreamToken]:
            self.asked.append(call.request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

        account: Callable[[], Account] = lambda: Account(call)  # noqa: E731
        return rx.defer(answer).pipe(transduce(account))

    async def aclose(self) -> None:
        self.closed += 1
