"""Ask again, as long as nothing has been said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from reactivex import Observable

from ..streams.call import Call
from ..streams.decisions import GaveUp, Retry
from ..streams.errors import StreamError
from ..streams.recipe import recorded
from ..streams.retry_budget import RetryBudget
from ..streams.tokens import StreamToken
from ..streams.types import Operator
from ._backoff import LONGEST_WAIT, Backoff, Stop, Wait, may_go_better
from ._prelude import Prelude
from ._successive import Next, Successive

__all__ = ["retry"]


@recorded
def retry(
    attempts: int = 3,
    *,
    base: float = 0.5,
    longest: float = 8.0,
    within: float | None = None,
    budget: RetryBudget | None = None,
    wait: Wait | None = None,
    stop: Stop | None = None,
) -> Retrying:
    """Ask again when a stream fails before the model has said anything.

    .. marble::
        --#
        [ retry() ] --S-a-b--|
        --------S-a-b--|

    Only errors that are ``retryable`` are tried again, and an open circuit when it lets a probe through within a
    second. After the first content nothing is ever repeated: the error passes, and ``resume`` may go on from there.
    What a failed attempt has left (its ``ResponseStart``, pings) is held back and dropped, so that it leaves no trace.

    The wait is what the provider asks for (``error.retry_after``), else random between nothing and ``base``, twice
    ``base``, four times …, at most ``longest``. A provider that asks for more than a minute, or for more than is
    left of ``within``, is not waited for: the error comes at once, and a note on it says why. Each decision is told
    on ``call.decisions`` (:class:`~tokenrill.Retry`, :class:`~tokenrill.GaveUp`).

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import Overloaded, TextDelta
        >>> answers = iter([rx.throw(Overloaded("busy", retry_after=0)), rx.of(TextDelta("Hello"))])
        >>> rx.defer(lambda _: next(answers)).pipe(retry()).run().text
        'Hello'

    Args:
        attempts: How often to ask in all.
        base: The longest first wait, in seconds; each one after it may be twice as long as the one before.
        longest: The longest wait.
        within: Seconds from the subscription in which the last attempt must begin.
        budget: Shared with other operators; by default one for all calls through this operator. ``RetryBudget(
            reserve=math.inf)`` allows all.
        wait: One of tenacity's ``wait_…`` objects in place of ``base`` and ``longest``.
        stop: One of tenacity's ``stop_…`` objects in place of ``attempts``.

    Returns:
        An operator. It errors as the last attempt did, with a note that says what was tried.

    Raises:
        ValueError: When a number is out of range.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be 1 or more, not {attempts!r}")
    if not 0 <= base <= longest <= 3600:
        raise ValueError(f"base and longest are seconds, with 0 <= base <= longest <= 3600, not {base!r}, {longest!r}")
    if within is not None and not within > 0:
        raise ValueError(f"within is a time in seconds, more than 0, not {within!r}")
    return Retrying(Backoff(attempts, base, longest, wait, stop), within, budget or RetryBudget())


class Retrying:
    """The operator. All calls through it share its budget; a pipeline binds it to the call."""

    def __init__(self, backoff: Backoff, within: float | None, budget: RetryBudget) -> None:
        self.backoff = backoff
        self.within = within
        self.budget = budget
        self.__qualname__ = "retry"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return Successive(source, lambda now: Attempts(self, None, source, now))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Successive(source, lambda now: Attempts(self, call, source, now))


class Attempts:
    """One subscription: what was tried, and what may still be. A :class:`.Course`."""

    __slots__ = ("_began", "_call", "_failures", "_now", "_options", "_prelude", "_slept", "_source")

    def __init__(
        self, options: Retrying, call: Call | None, source: Observable[StreamToken], now: Callable[[], float]
    ) -> None:
        self._options = options
        self._call = call
        self._source = source
        self._now = now
        self._began = now()
        self._slept = 0.0
        self._prelude = Prelude()
        self._failures: list[str] = []
        options.budget.deposit()

    def see(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        return self._prelude.feed(tokens)

    def fail(self, error: Exception, /) -> Next | Exception:
        if not isinstance(error, StreamError):
            return error
        self._failures.append(type(error).__name__)
        if not may_go_better(error):
            return self._give_up("not_retryable", error, "asking again would not help")
        if self._prelude.said:
            return self._noted(error, "the answer had begun, and would have been said twice")
        options, attempt, passed = self._options, len(self._failures), self._now() - self._began
        pause = options.backoff.pause(error, attempt, passed, self._slept)
        if pause is None:
            return self._give_up("attempts", error, "that was the last attempt")
        if error.retry_after is not None and pause > LONGEST_WAIT:
            return self._give_up("deadline", error, f"the provider asks to wait {pause:.1f} s, which is too long")
        if options.within is not None and passed + pause > options.within:
            left = max(0.0, options.within - passed)
            return self._give_up("deadline", error, f"the wait is {pause:.1f} s, and {left:.1f} s are left")
        if not options.budget.withdraw():
            return self._give_up("budget", error, "the retry budget is spent")
        if self._call is not None:
            failed = type(error).__name__
            self._call.decide(Retry(self._prelude.phase, attempt + 1, pause, failed, self._call.usage))
        self._slept += pause
        self._prelude.forget()
        return Next(lambda: self._source, pause)

    def complete(self) -> None:
        return None

    def release(self) -> Sequence[StreamToken]:
        return self._prelude.release()

    def _give_up(
        self,
        reason: Literal["attempts", "budget", "deadline", "not_retryable"],
        error: StreamError,
        why: str,
    ) -> StreamError:
        if self._call is not None:
            self._call.decide(GaveUp(reason, self._failures[-1], len(self._failures)))
        return error if reason == "not_retryable" and len(self._failures) == 1 else self._noted(error, why)

    def _noted(self, error: StreamError, why: str) -> StreamError:
        attempts = len(self._failures)
        if attempts > 1:
            passed = self._now() - self._began
            tried = ", ".join(self._failures)
            error.add_note(f"gave up after {attempts} attempts in {passed:.1f} s: {tried}; {why}")
        else:
            error.add_note(f"not asked again: {why}")
        return error
