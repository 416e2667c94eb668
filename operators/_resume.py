"""Go on with a stream that broke off in the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from reactivex import Observable

from ..streams.call import Call
from ..streams.carry_on import objection
from ..streams.continuation import Continuation
from ..streams.decisions import Resume
from ..streams.errors import StreamError, StreamStalled
from ..streams.recipe import recorded
from ..streams.request import CompletionRequest
from ..streams.tokens import CONTENT, Finish, StreamToken
from ..streams.types import Operator
from ._held_calls import HeldCalls, only_text
from ._successive import Next, Successive

__all__ = ["resume"]

WAIT: Final = (0.0, 0.5, 2.0)
LONGEST_WAIT: Final = 60.0
UNKNOWN: Final = CompletionRequest(model="unknown", messages="unknown")
PROGRESS: Final = CONTENT | {Finish}
Tools = Literal["refuse", "hold"]


@recorded
def resume(
    *,
    attempts: int = 3,
    strategies: Sequence[str] | None = None,
    wait: Sequence[float] = WAIT,
    tools: Tools = "refuse",
) -> Resumption:
    """Go on with an answer that broke off in the middle, from where it broke.

    .. marble::
        ---a--b--#
        [ resume() ]
        ---a--b-------c--d--|

    The source says which ways it has, the best first. ``finished``, ``sequence``, ``poll`` and ``recording`` bring
    the very text that was cut: no gap, nothing twice, and nobody sees that anything was wrong. ``prefill`` and
    ``message`` ask the model to write on: a :class:`~tokenrill.Seam` comes before what it writes, the text before it
    stands, and :class:`~tokenrill.Usage` counts both requests. Those are used only after text, and not for several
    choices, structured output, or after a call of a tool. ``docs/resilience.md`` says which source has which.

    Put it after ``retry``, which has its turn before the first content. The request for the rest goes through all
    that stands before this operator, as the first one did. Each step is told on ``call.decisions``
    (:class:`~tokenrill.streams.decisions.Resume`).

    Example:
        >>> resume(strategies=("sequence", "poll")).recipe
        Recipe(name='resume', options={'strategies': ('sequence', 'poll')})

    Args:
        attempts: How often to try, one time after another, until something new comes; then the count begins anew.
        strategies: The names of the ways that may be used; by default all. None at all refuses to resume.
        wait: Seconds before the first try, the second, and so on, the last of them before all others. A longer
            time that the provider asks for counts instead, up to a minute.
        tools: What to do about a tool call cut in its arguments: ``refuse`` passes the error on. ``hold`` keeps each
            call back until it is whole, so that a cut one was never shown, and is asked for again.

    Returns:
        An operator. What cannot be resumed errors with what broke the stream, and a note that says what was tried.

    Raises:
        ValueError: When a number is out of range, or for a ``tools`` that there is not.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be 1 or more, not {attempts}")
    if not wait or any(not 0 <= seconds <= LONGEST_WAIT for seconds in wait):
        raise ValueError(f"wait holds seconds, each from 0 to {LONGEST_WAIT:g}")
    if tools not in ("refuse", "hold"):
        raise ValueError(f"tools is 'refuse' or 'hold', not {tools!r}")
    return Resumption(attempts, None if strategies is None else frozenset(strategies), tuple(wait), tools)


class Resumption:
    """The operator. A pipeline binds it to the call, whose source knows the ways; without one there is no way."""

    def __init__(self, attempts: int, strategies: frozenset[str] | None, wait: tuple[float, ...], tools: Tools) -> None:
        self.attempts = attempts
        self.strategies = strategies
        self.wait = wait
        self.tools: Tools = tools
        self.__qualname__ = "resume"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        return Successive(source, lambda now: Mending(self, Call("", UNKNOWN), source, now))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Successive(source, lambda now: Mending(self, call, source, now))

    def pause(self, tries: int, error: StreamError) -> float:
        """Seconds before a try, ``tries`` having failed since something came."""
        return max(self.wait[min(tries, len(self.wait) - 1)], error.retry_after or 0.0)


class Mending:
    """One subscription: what was said, and what was tried since it broke off. A :class:`.Course`."""

    __slots__ = (
        "_broken",
        "_call",
        "_calls",
        "_closed",
        "_fault",
        "_finished",
        "_now",
        "_options",
        "_said",
        "_seen_at",
        "_source",
        "_tried",
        "_trying",
    )

    def __init__(
        self, options: Resumption, call: Call, source: Observable[StreamToken], now: Callable[[], float]
    ) -> None:
        self._options = options
        self._call = call
        self._source = source
        self._now = now
        self._calls = HeldCalls(hold=options.tools == "hold")
        self._said = self._finished = False
        self._fault: StreamError | None = None  # what broke the stream, since when nothing new has come
        self._broken = call.attempt
        self._seen_at = 0.0
        self._trying: Continuation | None = None
        self._tried: list[str] = []
        self._closed: set[str] = set()

    def see(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        if self._said and self._trying is None and only_text(tokens):
            return tokens
        for token in tokens:
            if type(token) in PROGRESS:
                self._said = True
                self._finished = self._finished or isinstance(token, Finish)
                if self._trying is not None:
                    self._resumed(self._trying)
        return self._calls.see(tokens)

    def fail(self, error: Exception, /) -> Next | Exception:
        if self._finished or not isinstance(error, StreamError):
            return self._give_up(error)
        if self._fault is None:
            if not may_be_resumed(error):
                return error
            self._fault, self._seen_at, self._broken = error, self._now(), self._call.attempt
            self._tried = []
        elif self._trying is not None:
            self._failed(self._trying, error)
        if len(self._tried) >= self._options.attempts or self._options.pause(len(self._tried), error) > LONGEST_WAIT:
            return self._give_up(self._fault)
        return self._go_on(self._fault, error)

    def complete(self) -> None:
        self._finished = True
        self._call.resuming = None

    def release(self) -> Sequence[StreamToken]:
        return self._calls.release() if self._finished else ()

    def _go_on(self, fault: StreamError, latest: StreamError) -> Next | Exception:
        call, options = self._call, self._options
        refused: list[str] = []
        for way in call.continuations:
            if way.name in self._closed or (options.strategies is not None and way.name not in options.strategies):
                continue
            call.attempt = self._broken
            rest = self._objection(way) or way.resume(call, fault)
            if isinstance(rest, str):
                refused.append(f"{way.name}: {rest}")
                continue
            self._trying = way
            if rest is not None:
                return Next(partial(passed, rest))
            call.resuming = way
            pause = options.pause(len(self._tried), latest) if may_be_resumed(latest) else 0.0
            return Next(lambda: self._source, pause)
        if not self._said:
            return self._give_up(fault)  # asking anew is for retry
        if not self._tried:
            why = "; ".join(refused) or "the source has no way that may be used"
            call.decide(Resume("refused", "", type(fault).__name__, why=why))
            self._tried.append(f"refused: {why}")
        return self._give_up(fault)

    def _objection(self, way: Continuation) -> str | None:
        if way.gapless:
            return None
        if not self._said:
            return "nothing had been said"
        if self._calls.shown_cut:
            return "a tool call was cut in its arguments"
        if self._calls.forget():
            self._call.attempt.forget_calls()
        return objection(self._call.attempt)

    def _resumed(self, way: Continuation) -> None:
        fault, self._fault, self._trying = self._fault, None, None
        self._call.resuming = None
        self._call.decide(Resume("resumed", way.name, type(fault).__name__, seconds=self._now() - self._seen_at))

    def _failed(self, way: Continuation, error: StreamError) -> None:
        what = type(error).__name__
        self._tried.append(f"{way.name} failed with {what}")
        self._call.decide(Resume("failed", way.name, what))
        if not may_be_resumed(error):
            self._closed.add(way.name)

    def _give_up(self, error: Exception) -> Exception:
        self._call.resuming = None
        if self._fault is not None:
            self._call.attempt = self._broken
            if self._tried:
                error.add_note(f"not resumed: {', '.join(self._tried)}")
        return error


def passed(rest: Observable[StreamToken]) -> Observable[StreamToken]:
    return rest


def may_be_resumed(error: StreamError) -> bool:
    """Whether it may go better the next time; a limit on the whole call has passed for good."""
    return error.retryable and not (isinstance(error, StreamStalled) and error.phase == "total")
