"""Ask several at once, and listen to whoever speaks first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ..streams.batched import Batched, BatchObserver
from ..streams.call import Call
from ..streams.recipe import recorded
from ..streams.request import CompletionRequest
from ..streams.retry_budget import RetryBudget
from ..streams.tokens import StreamToken
from ..streams.types import Upstream
from ._alternatives import Asked, Given, asked, close_all, observables
from ._contest import Contest
from ._runner import Entry, Runner

__all__ = ["race"]


@recorded
def race(*alternatives: Given, delay: float = 0.0, at_most: int = 2, budget: RetryBudget | None = None) -> Racing:
    """Ask several providers, or one several times, and listen to whoever says something first.

    .. marble::
        --------a-b--|
        [ race(---c--d--|, delay=1) ]
        ----c--d--|

    The first *content* wins: an error cannot, nor can an answer that ends without a word; its ``ResponseStart`` comes
    with it. The others are closed at once, and what they have cost is told on ``call.decisions``
    (:class:`~tokenrill.Hedge`), by estimate where the provider had not said it. From then on the winner's stream is
    the answer, whatever becomes of it.

    The next one starts ``delay`` seconds after the one before it, or at once when one fails. A ``delay`` of about
    the 95th percentile of your times to the first token asks twice for one request in twenty only, and cuts off the
    slow end ("The Tail at Scale", https://doi.org/10.1145/2408776.2408794). Without alternatives it is the same
    provider that is asked again; everything that stands before this operator is then done for each.

    When all fail, the most telling error passes on: a mistake of the program before all, then an error that is
    ``retryable`` before others, what a provider said before what the network did, and of the like the first in
    order; a note on it tells the others. If one had ended without a word, its empty answer is the answer instead.

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import TextDelta
        >>> rx.never().pipe(race(rx.of(TextDelta("Hello")))).run().text
        'Hello'

    Args:
        alternatives: Whom to ask beside the source: sources, pipelines, :class:`~tokenrill.Alternative`,
            observables of tokens. None of them asks the source itself again.
        delay: Seconds before the next one starts; 0 starts them together.
        at_most: How many may run at the same time; without alternatives, how many there are in all.
        budget: Each rival that starts is a retry to it; shared with other operators. By default, with a delay, one
            for all calls through this operator, so that a slow provider is not asked everything twice; without a
            delay none.

    Returns:
        An operator. It errors when all have failed, or the winner fails.

    Raises:
        ValueError: When a number is out of range; in a chain of your own, where no request is known, for an
            alternative that is no observable.
    """
    if not 0 <= delay <= 3600:
        raise ValueError(f"delay is a time in seconds, from 0 to 3600, not {delay!r}")
    if at_most < 2:
        raise ValueError(f"at_most must be 2 or more, not {at_most!r}")
    return Racing(asked(alternatives, "race"), delay, at_most, budget or (RetryBudget() if delay else None))


class Racing:
    """The operator. A pipeline gives it the way to bind what stands before it to the call of each rival."""

    def __init__(self, alternatives: tuple[Asked, ...], delay: float, at_most: int, budget: RetryBudget | None) -> None:
        self.alternatives = alternatives
        self.delay = delay
        self.at_most = at_most
        self.budget = budget
        self.__qualname__ = "race"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        streams = [source, *(observables(self.alternatives, "race") or [source] * (self.at_most - 1))]
        entries = [Entry(f"stream {number}", partial(plainly, stream)) for number, stream in enumerate(streams, 1)]
        return Raced(self, entries, None)

    def for_rivals(self, call: Call, upstream: Upstream, /) -> Observable[StreamToken]:
        stream, provider, request = upstream(call), call.provider, call.request

        def first() -> tuple[Call, Observable[StreamToken]]:
            if call.attempt.begun and call.resuming is None:
                call.attempt = call.attempt.anew(provider, request)
            return call, stream

        def again() -> tuple[Call, Observable[StreamToken]]:
            rival = beside(call, provider, request)
            return rival, upstream(rival)

        def other(alternative: Asked) -> tuple[Call, Observable[StreamToken]]:
            rival = beside(call, alternative.name, alternative.request(request))
            return rival, alternative.stream(rival)

        rivals = [Entry(one.name, partial(other, one)) for one in self.alternatives]
        if not rivals:
            rivals = [Entry(provider, again)] * (self.at_most - 1)
        return Raced(self, [Entry(provider, first), *rivals], call)

    async def aclose(self) -> None:
        """Let go of the alternatives' connections."""
        await close_all(self.alternatives)


def beside(call: Call, provider: str, request: CompletionRequest) -> Call:
    """A call for a rival, which goes on with the text that the call goes on with, if it does."""
    rival = call.beside(provider, request)
    rival.attempt = call.attempt.anew(provider, request)
    return rival


def plainly(stream: Observable[StreamToken]) -> tuple[None, Observable[StreamToken]]:
    return None, stream


class Raced(Batched[StreamToken]):
    """A stream and its rivals. Each subscription is a race, but one that resumes goes on with who had won."""

    in_turn = True

    def __init__(self, options: Racing, entries: Sequence[Entry], call: Call | None) -> None:
        super().__init__()
        self._options = options
        self._entries = entries
        self._call = call
        self._winner: Runner | None = None

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        call, winner, entries = self._call, self._winner, self._entries
        if call is not None and call.resuming is not None:
            entries = entries[:1] if winner is None else [Entry(winner.name, partial(resumed, call, winner))]
        contest = Contest(self._options, entries, call, observer, scheduler, self._remember)
        contest.run()
        return Disposable(contest.leave)

    def _remember(self, winner: Runner) -> None:
        self._winner = winner


def resumed(call: Call, winner: Runner) -> tuple[Call, Observable[StreamToken]]:
    """The winner's stream once more, with what whoever resumes has made ready on the call."""
    rival, stream = winner.call, winner.stream
    assert rival is not None
    assert stream is not None
    if rival is not call:
        rival.resuming, rival.attempt, rival.attempts = call.resuming, call.attempt, 0
    return rival, stream
