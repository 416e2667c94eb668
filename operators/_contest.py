"""A race as it is run: who may start when, who has won, and what becomes of the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from reactivex import abc
from reactivex.disposable import SerialDisposable

from ..streams.batched import BatchObserver, Serial, subscribe_batches
from ..streams.call import Call
from ..streams.decisions import Hedge
from ..streams.errors import StreamError
from ..streams.tokens import StreamToken
from ._alternatives import described
from ._clock import time_of
from ._runner import Entry, Runner, most_telling

if TYPE_CHECKING:
    from ._race import Racing

__all__ = ["Contest"]

Signal: TypeAlias = tuple[Runner | None, Sequence[StreamToken] | None, Exception | None]
NEXT: Final[Signal] = (None, None, None)
EMPTY: Final = "an answer without a word"


class Contest:
    """One subscription. What the runners say, and the clock, is dealt with one thing at a time.

    Runners are subscribed to outside of that turn, so that one that says all it has at once waits nowhere.

    Args:
        options: The operator.
        entries: Who may run, the source first.
        call: The call that the winner takes over.
        won: Told who won.
    """

    def __init__(
        self,
        options: Racing,
        entries: Sequence[Entry],
        call: Call | None,
        observer: BatchObserver[StreamToken],
        scheduler: abc.SchedulerBase | None,
        won: Callable[[Runner], None],
    ) -> None:
        self._options = options
        self._call = call
        self._observer: BatchObserver[StreamToken] | None = observer
        self._scheduler = scheduler
        self._won = won
        self._timekeeper, self._now = time_of(scheduler)
        self._began = self._now()
        self._waiting = deque(entries)
        self._starting: deque[tuple[Runner, Entry]] = deque()
        self._runners: list[Runner] = []
        self._winner: Runner | None = None
        self._timer = SerialDisposable()
        self._serial: Serial[Signal] = Serial(self._serve)

    def run(self) -> None:
        """Start the first, and those that start with it."""
        if self._options.budget is not None:
            self._options.budget.deposit()
        self._enlist()
        self._launch()
        while not self._options.delay and self._has_room:
            self._signal(NEXT)

    def leave(self) -> None:
        """Stop them all: the consumer has gone, or it is over."""
        self._observer = None
        self._serial.stop()
        self._timer.dispose()
        self._waiting.clear()
        self._starting.clear()
        for runner in tuple(self._runners):
            runner.slot.dispose()

    @property
    def _has_room(self) -> bool:
        running = sum(not runner.ended for runner in tuple(self._runners))
        return bool(self._waiting) and self._winner is None and running < self._options.at_most

    def _signal(self, signal: Signal) -> None:
        self._serial.on_batch((signal,))
        while self._starting:
            self._launch()

    def _launch(self) -> None:
        try:
            runner, entry = self._starting.popleft()
        except IndexError:  # another thread was faster
            return
        if self._winner is not None or self._observer is None:
            return
        if runner.number:
            self._decide(Hedge("started", runner.name))
        if self._options.delay and self._has_room:
            self._timer.disposable = self._timekeeper.schedule_relative(self._options.delay, self._wake)
        try:
            runner.call, runner.stream = entry.make()
        except Exception as error:
            self._signal((runner, None, error))
            return
        observer = BatchObserver[StreamToken](
            lambda items: self._signal((runner, items, None)),
            lambda error: self._signal((runner, None, error)),
            lambda: self._signal((runner, None, None)),
        )
        runner.slot.disposable = subscribe_batches(runner.stream, observer, self._scheduler)

    def _wake(self, *_: object) -> None:
        self._signal(NEXT)

    def _serve(self, signals: Sequence[Signal] | None, _: Exception | None) -> None:
        try:
            for runner, items, error in signals or ():
                self._take(runner, items, error)
        except BaseException:
            self.leave()
            raise

    def _take(self, runner: Runner | None, items: Sequence[StreamToken] | None, error: Exception | None) -> None:
        observer = self._observer
        if observer is None:
            return
        if runner is None:
            self._admit()
        elif self._winner is runner:
            if runner.call is not None and self._call is not None and runner.call.attempt is not self._call.attempt:
                self._call.give_way(runner.call)  # it has turned to another attempt itself, as when it resumes
            observer.on_batch(items) if items is not None else self._end(observer, error)
        elif self._winner is None and not runner.ended:
            if items is None:
                self._failed(runner, error, observer)
            elif said := runner.held.feed(items):
                self._win(runner)
                observer.on_batch(said)

    def _admit(self) -> None:
        """Let the next one start, if there is room, and the budget has something left."""
        if not self._has_room:
            return
        budget = self._options.budget
        if budget is None or budget.withdraw():
            self._enlist()
            return
        self._decide(Hedge("skipped", self._waiting[0].name))
        self._waiting.clear()

    def _enlist(self) -> None:
        entry = self._waiting.popleft()
        runner = Runner(len(self._runners), entry.name)
        self._runners.append(runner)
        self._starting.append((runner, entry))

    def _win(self, winner: Runner) -> None:
        self._winner = winner
        self._timer.dispose()
        self._waiting.clear()
        self._starting.clear()
        decided = self._now()
        losers = [runner for runner in self._runners if runner is not winner and not runner.ended]
        for loser in losers:
            loser.slot.dispose()
        closing = self._now() - decided
        for loser in losers:
            if loser.stream is not None:  # else it had no time to start
                self._decide(Hedge("lost", loser.name, closing, loser.spent))
        if len(self._runners) > 1:
            self._decide(Hedge("won", winner.name, decided - self._began))
        self._runners = [winner]
        self._hand_over(winner)

    def _failed(self, runner: Runner, error: Exception | None, observer: BatchObserver[StreamToken]) -> None:
        runner.ended, runner.error = True, error
        if runner.call is not None and isinstance(error, StreamError):
            runner.call.blame(error)
        if len(self._runners) > 1 or self._waiting:
            spent = None if runner.call is None else runner.call.usage
            self._decide(Hedge("failed", runner.name, None, spent, None if error is None else type(error).__name__))
        self._admit()
        if all(one.ended for one in self._runners):
            self._all_failed(observer)

    def _all_failed(self, observer: BatchObserver[StreamToken]) -> None:
        empty = next((runner for runner in self._runners if runner.error is None), None)
        told = empty or most_telling(self._runners)
        others = [runner for runner in self._runners if runner is not told]
        if told.error is not None and others:
            told.error.add_note(f"raced against {'; '.join(described(one.name, one.error or EMPTY) for one in others)}")
        self._hand_over(told)
        if held := told.held.release():
            observer.on_batch(held)
        if self._observer is not None:
            self._end(observer, told.error)

    def _end(self, observer: BatchObserver[StreamToken], error: Exception | None) -> None:
        self.leave()
        observer.on_completed() if error is None else observer.on_error(error)

    def _hand_over(self, runner: Runner) -> None:
        self._won(runner)
        if self._call is not None and runner.call is not None and runner.call is not self._call:
            self._call.give_way(runner.call)

    def _decide(self, decision: Hedge) -> None:
        if self._call is not None:
            self._call.decide(decision)
