"""Streams that leave a failing provider alone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

from reactivex import Observable

from ..streams.call import Call
from ..streams.circuit_breaker import Admission, Breaker, CircuitBreaker, PendingAdmission, labelled
from ..streams.decisions import BreakerState
from ..streams.errors import (
    ApiError,
    CircuitOpen,
    ContentBlocked,
    LimitExceeded,
    Overloaded,
    RateLimited,
    StreamError,
    StreamStalled,
)
from ..streams.recipe import recorded
from ..streams.tokens import Finish, StreamToken
from ..streams.types import Operator
from ._guarded import Guarded, Permit, Wait

__all__ = ["CircuitBreak", "circuit_break", "verdict_on"]

Per: TypeAlias = Literal["provider", "model"]


@recorded
def circuit_break(
    breaker: Breaker | None = None,
    *,
    failures: int | None = None,
    reset_after: float | None = None,
    probes: int | None = None,
    successes: int | None = None,
    per: Per = "provider",
) -> CircuitBreak:
    """Send nothing to a provider that keeps failing, until a probe has shown that it is back.

    .. marble::
        -a-#
        [ circuit_break(failures=1) ]
        -a-#

    ``failures`` in a row (5) open the circuit: from then on streams error at once with
    :class:`~tokenrill.CircuitOpen`, and the source is not asked. After ``reset_after`` seconds (30) ``probes`` (1) may
    be on their way at once; ``successes`` of them (1) close it, a failed one opens it again. There is no window: any
    success begins the count anew, as in pybreaker. It stays closed as long as more requests are on their way than
    have failed in a row, since failures are told at once and successes at the end.

    The outcome is told once, at the end of the stream. Failures are: nobody answers, a connection that breaks, a stall,
    HTTP 5xx and 529, an error or nonsense in the stream, a stream cut short. Other refusals (4xx), an answer that the
    provider itself blocked, and an answer that came to its :class:`~tokenrill.Finish` prove that it lives. Nothing is
    counted for a 429 (it is the limiter's business), for a consumer who leaves, for the ``total`` deadline, and for
    what is ours: a filter, a bound, a missing key. A probe of which nothing is known gives back its place.

    In a pipeline each provider has a circuit of its own; all calls of all pipelines that hold this operator, or the
    same ``breaker``, share it. Put :meth:`~.CircuitBreak.ahead` before the queue of a limiter, so that nobody waits for
    a provider that is known to be down.

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import ConnectError
        >>> broken = rx.throw(ConnectError("nobody there")).pipe(circuit_break(failures=1))
        >>> broken.run()
        Traceback (most recent call last):
        ...
        tokenrill.streams.errors.ConnectError: nobody there
        >>> broken.run()
        Traceback (most recent call last):
        ...
        tokenrill.streams.errors.CircuitOpen: nothing was sent: the circuit of this stream is open

    Args:
        breaker: Shared with other operators, or one for a fleet; by default one of its own, from the numbers.
        failures: So many in a row open the circuit.
        reset_after: Seconds that it stays open.
        probes: How many may be on their way at once while it is half open.
        successes: So many probes must succeed to close it.
        per: Whether a circuit is for a ``provider``, or for each of its ``model``\\ s.

    Returns:
        An operator. It errors with :class:`~tokenrill.CircuitOpen`; ``retry_after`` is the time until the next probe,
        None when one is on its way. Its ``breaker`` has the states and their ``changes``.

    Raises:
        ValueError: For a number that makes no sense, or numbers beside a ``breaker``, which has its own.
    """
    numbers = {"failures": failures, "reset_after": reset_after, "probes": probes, "successes": successes}
    given = {name: value for name, value in numbers.items() if value is not None}
    if per not in ("provider", "model"):
        raise ValueError(f"per is 'provider' or 'model', not {per!r}")
    if breaker is None:
        return CircuitBreak(CircuitBreaker(**given), per)  # pyright: ignore[reportArgumentType]
    if given:
        raise ValueError("a breaker has its own numbers: give it them, or give them here without a breaker")
    return CircuitBreak(breaker, per)


class CircuitBreak:
    """The operator; a pipeline binds it to the call, which says who is asked.

    Attributes:
        breaker: Keeps the circuits; its ``changes`` tell how they open and close.
    """

    def __init__(self, breaker: Breaker, per: Per) -> None:
        self.breaker = breaker
        self._per = per
        self.__qualname__ = "circuit_break"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return Guarded(source, lambda: self._enter(None))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Guarded(source, lambda: self._enter(call))

    @property
    def ahead(self) -> Ahead:
        """An operator that only looks: it fails while the circuit is open, and admits nobody and counts nothing.

        Put it outside of ``rate_limit``, and the breaker itself inside: an open circuit then takes no place in the
        quota, and a request that has waited is looked at once more when its turn has come.
        """
        return Ahead(self)

    def check(self, call: Call | None) -> None:
        """See whether the circuit would let this call through.

        Raises:
            CircuitOpen: When not.
        """
        key = self._key(call)
        with self._refusing(key, call):
            self.breaker.check(key)

    def _enter(self, call: Call | None) -> Permit | Wait:
        key = self._key(call)
        with self._refusing(key, call), telling(self.breaker, call):
            answer = self.breaker.admit(key)
        if not isinstance(answer, PendingAdmission):
            return Entered(self.breaker, call, answer)

        async def arrive() -> Admission:
            with self._refusing(key, call):
                return await answer.arrive()

        return Wait(arrive, lambda admission: Entered(self.breaker, call, admission), give_back)

    def _key(self, call: Call | None) -> str:
        if call is None:
            return ""
        return call.provider if self._per == "provider" else f"{call.provider}/{call.request.model}"

    @contextmanager
    def _refusing(self, key: str, call: Call | None) -> Generator[None]:
        """Let those who watch this call know why nothing is sent."""
        try:
            yield
        except CircuitOpen as error:
            if call is not None:
                error.provider = call.provider
                call.decide(BreakerState(labelled(self.breaker.name, key), self.breaker.state(key)))
            raise


class Ahead:
    """Looks at the circuit, before anything else is done for the call."""

    def __init__(self, operator: CircuitBreak) -> None:
        self._operator = operator
        self.__qualname__ = "circuit_break.ahead"

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return Guarded(source, self._look(None))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Guarded(source, self._look(call))

    def _look(self, call: Call | None) -> Callable[[], Permit]:
        def look() -> Permit:
            self._operator.check(call)
            return UNCONDITIONAL

        return look


class Unconditional:
    """A permit that nobody asks back."""

    def see(self, tokens: Sequence[StreamToken], /) -> None:
        pass

    def completed(self) -> None:
        pass

    def failed(self, error: Exception, /) -> None:
        pass

    def left(self) -> None:
        pass


UNCONDITIONAL = Unconditional()


class Entered:
    """One request that was let through: how its stream ends is told to the breaker. A permit."""

    __slots__ = ("_admission", "_breaker", "_call", "_finished")

    def __init__(self, breaker: Breaker, call: Call | None, admission: Admission) -> None:
        self._breaker = breaker
        self._call = call
        self._admission = admission
        self._finished = False

    def see(self, tokens: Sequence[StreamToken]) -> None:
        if tokens and type(tokens[-1]) is Finish:
            self._finished = True

    def completed(self) -> None:
        with telling(self._breaker, self._call):
            self._admission.succeeded()

    def failed(self, error: Exception) -> None:
        verdict = verdict_on(error)
        with telling(self._breaker, self._call):
            if verdict is None:
                self._admission.abandoned()
            elif verdict:
                self._admission.succeeded()
            else:
                self._admission.failed(error)

    def left(self) -> None:
        if self._finished:  # the answer is whole, and the consumer does not wait for the connection's end
            self.completed()
        else:
            self._admission.abandoned()


@contextmanager
def telling(breaker: Breaker, call: Call | None) -> Generator[None]:
    """Let those who watch this call see what it changes."""
    if call is None:
        yield
        return
    with breaker.changes.subscribe(call.decide):
        yield


def verdict_on(error: Exception) -> bool | None:
    """What an error says of the provider: it lives (True), it fails (False), or nothing (None).

    >>> from tokenrill import ConnectError, InvalidRequest, Overloaded, RateLimited
    >>> verdict_on(InvalidRequest("no such model", status=404)), verdict_on(Overloaded("busy", status=529))
    (True, False)
    >>> verdict_on(ConnectError("refused")), verdict_on(RateLimited("slower", status=429))
    (False, None)
    """
    match error:
        case CircuitOpen() | RateLimited() | LimitExceeded():
            return None
        case ContentBlocked():
            return None if error.source == "filter" else True
        case StreamStalled():
            return None if error.phase == "total" else False
        case ApiError(status=int(status)):
            return status < 500
        case Overloaded():
            return False
        case ApiError():
            return type(error) is not ApiError  # in the stream: a refusal of a known kind, or something went wrong
        case StreamError() | OSError():  # OSError: ConnectionError and TimeoutError, of sources that are not ours
            return False
        case _:
            return None


def give_back(admission: Admission) -> None:
    """It came when its consumer had left."""
    admission.abandoned()
