"""Streams that keep to a quota."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from reactivex import Observable

from ..streams.attempt import Attempt
from ..streams.call import Call
from ..streams.decisions import Queued
from ..streams.errors import CircuitOpen, ConnectError, RateLimited, StreamError
from ..streams.local_limiter import LocalLimiter
from ..streams.rate_lane import LOCAL
from ..streams.rate_limiter import Cost, Key, Pending, RateLimiter, Reservation
from ..streams.recipe import recorded
from ..streams.tokens import RateLimits, ResponseStart, StreamToken, TextDelta, Usage
from ..streams.types import Operator
from ._guarded import Guarded, Permit, Wait

__all__ = ["rate_limit"]

USUAL_ANSWER: Final = 500.0
NEWEST: Final = 0.1
MAX_KEYS: Final = 1_000
NOBODY: Final = Key("", "", "")


@recorded
def rate_limit(
    limiter: RateLimiter | None = None,
    *,
    requests_per_second: float | None = None,
    tokens_per_minute: float | None = None,
    adaptive: bool = True,
    max_wait: float | None = None,
    max_waiting: int = 1_000,
) -> RateLimit:
    """Wait for a place in the quota before the request is sent, first come, first served.

    .. marble::
        -a-b-c-|
        [ rate_limit(requests_per_second=1) ]
        ----a-b-c-|

    In a pipeline the quota is that of ``provider · key · model``; all calls of all pipelines that hold this operator,
    or the same ``limiter``, share it. It is learned from the provider's headers and its 429s, unless ``adaptive`` is
    false; numbers given are ceilings. A request counts as sent once the source is subscribed to: a consumer who
    leaves before gives everything back, as do a refused connection and an open breaker. Tokens are estimated before
    (the text that is sent; ``max_tokens``, else the mean of the answers so far) and set right by the usage.

    A 429 is passed on: ``retry`` outside decides whether to ask again, and every attempt takes a new place.

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import TextDelta
        >>> rx.of(TextDelta("Hi")).pipe(rate_limit(requests_per_second=10)).run()
        TextDelta(text='Hi', index=0, choice=0)

    Args:
        limiter: Shared with other operators, or one for a fleet; by default one of its own, from the numbers.
        requests_per_second: At most so many.
        tokens_per_minute: At most so many, read and written.
        adaptive: Whether to follow what the provider says.
        max_wait: Seconds; a wait that is known to be longer fails at once.
        max_waiting: How many may wait for each key.

    Returns:
        An operator. It errors with :class:`~tokenrill.RateLimited`, which nobody sent (``kind="local_limit"``, not
        retryable, ``retry_after`` says how long the wait would be), when the wait passes ``max_wait`` or too many wait.

    Raises:
        ValueError: For numbers that are not more than 0, or numbers beside a ``limiter``, which has its own.
    """
    if max_wait is not None and not max_wait >= 0:
        raise ValueError(f"max_wait is a time in seconds, not {max_wait!r}")
    if limiter is None:
        limiter = LocalLimiter(
            requests_per_second=requests_per_second,
            tokens_per_minute=tokens_per_minute,
            adaptive=adaptive,
            max_waiting=max_waiting,
        )
    elif requests_per_second is not None or tokens_per_minute is not None:
        raise ValueError("a limiter has its own numbers: give it them, or give them here without a limiter")
    return RateLimit(limiter, max_wait)


class RateLimit:
    """The operator; a pipeline binds it to the call, which says whose quota it is.

    Attributes:
        limiter: Keeps the quota; its ``changes`` tell how the rates move.
    """

    def __init__(self, limiter: RateLimiter, max_wait: float | None) -> None:
        self.limiter = limiter
        self._max_wait = max_wait
        self._answers: dict[Key, float] = {}
        self.__qualname__ = "rate_limit"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return Guarded(source, lambda: self._enter(None))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Guarded(source, lambda: self._enter(call))

    def _enter(self, call: Call | None) -> Permit | Wait:
        key = NOBODY if call is None else Key(call.provider, call.credential, call.request.model)
        cost = Cost() if call is None else self._cost(key, call)
        answer = self.limiter.acquire(key, cost, self._max_wait)
        if not isinstance(answer, Pending):
            return Admitted(self, key, call, answer)

        def admit(reservation: Reservation) -> Permit:
            if call is not None and reservation.waited > 0:
                call.decide(Queued(self.limiter.name, reservation.waited))
            return Admitted(self, key, call, reservation)

        return Wait(answer.arrive, admit, give_back)

    def _cost(self, key: Key, call: Call) -> Cost:
        written = call.request.max_tokens or self._answers.get(key, USUAL_ANSWER)
        request = Attempt(call.provider, call.request)
        return Cost(1.0, float(request.estimate().input_tokens), float(written))

    def learn(self, key: Key, usage: Usage) -> None:
        """Take note of how long answers are."""
        answers = self._answers
        mean = answers.get(key)
        if mean is None and len(answers) >= MAX_KEYS:
            answers.pop(next(iter(answers)))
        answers[key] = usage.output_tokens if mean is None else mean + NEWEST * (usage.output_tokens - mean)


class Admitted:
    """One request with its place in the quota: what the stream says of it is told to the limiter. A permit."""

    __slots__ = ("_call", "_key", "_operator", "_reported", "_reservation", "_usage")

    def __init__(self, operator: RateLimit, key: Key, call: Call | None, reservation: Reservation) -> None:
        self._operator = operator
        self._key = key
        self._call = call
        self._reservation = reservation
        self._reported = False
        self._usage: Usage | None = None

    def see(self, tokens: Sequence[StreamToken]) -> None:
        if not self._reported:
            self._reported = True
            with self._telling():
                self._reservation.report(self._limits(tokens))
        if self._call is None and type(tokens[-1]) is not TextDelta:
            for token in tokens:
                if type(token) is Usage:
                    self._usage = token

    def completed(self) -> None:
        usage = self._used()
        if usage is not None:
            self._operator.learn(self._key, usage)
        self._reservation.finished(usage)

    def failed(self, error: Exception) -> None:
        reservation = self._reservation
        with self._telling():
            if isinstance(error, RateLimited) and error.kind != LOCAL:
                reservation.limited(error.retry_after)
            elif unsent(error):
                reservation.refund()
            else:
                reservation.finished(self._used())

    def left(self) -> None:
        self._reservation.finished(self._used())

    def _limits(self, tokens: Sequence[StreamToken]) -> RateLimits | None:
        if self._call is not None and self._call.rate_limits is not None:
            return self._call.rate_limits
        return next((token.rate_limits for token in tokens if isinstance(token, ResponseStart)), None)

    def _used(self) -> Usage | None:
        """What this attempt has taken. One that has brought nothing may have been read all the same."""
        if self._call is None:
            return self._usage
        attempt = self._call.attempt
        told = attempt.usage_told
        return told if told is not None and told.kind != "partial" else attempt.estimate(told)

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Let those who watch this call see what it changes."""
        call = self._call
        if call is None:
            yield
            return
        with self._operator.limiter.changes.subscribe(call.decide):
            yield


def unsent(error: Exception) -> bool:
    """Whether it says that no provider has seen the request: our own mistakes do, as a missing key or a bad value."""
    return isinstance(error, (CircuitOpen, ConnectError, RateLimited)) or not isinstance(error, StreamError)


def give_back(reservation: Reservation) -> None:
    """It came when its consumer had left."""
    reservation.refund()
