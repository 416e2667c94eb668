"""Ask somebody else when one provider cannot, or will not, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from reactivex import Observable, abc

from ..streams.batched import Batched, BatchObserver
from ..streams.call import Call
from ..streams.recipe import recorded
from ..streams.tokens import StreamToken
from ..streams.types import Operator
from ._alternatives import Asked, Given, asked, close_all, observables
from ._descent import Descent
from ._successive import Successive

__all__ = ["Reason", "fallback"]

Reason: TypeAlias = Literal["error", "refusal", "truncation", "stall"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


@recorded
def fallback(*alternatives: Given, on: Sequence[Reason] = REASONS, mid_stream: bool = False) -> FallingBack:
    """Ask the next provider when one fails or refuses before it has said anything.

    .. marble::
        --#
        [ fallback(--a-b--|) ]
        ----a-b--|

    What makes it turn to the next:

    * ``error``: any :class:`~tokenrill.StreamError`, also one that is not retryable. What is an invalid request or
      an unknown key to one provider may be fine at another, and the note says that it happened.
    * ``refusal``: the model declines (a :class:`~tokenrill.RefusalDelta` is the first that it says, or it finishes
      with ``content_filter`` having said nothing), or the provider blocks the request
      (:class:`~tokenrill.ContentBlocked`). A block of your own filter passes on.
    * ``truncation``: the stream ends without a finish reason.
    * ``stall``: a ``deadline`` that stands before this operator has passed.

    Once the model has spoken, be it in its reasoning, the answer stays with it and a failure passes on. With
    ``mid_stream`` the next provider is asked to go on with the text: a :class:`~tokenrill.Seam` comes before what
    it writes, and :class:`~tokenrill.Usage` counts all who wrote. Not so where text cannot be gone on with: for
    several choices, structured output, or after a call of a tool.

    An alternative is a source, a pipeline (which brings its own retries and limits), an
    :class:`~tokenrill.Alternative` where the request must change, as its model's name, or an observable of tokens.
    When all fail, the last error passes on, since it is of the provider that the call then belongs to; a note
    on it tells the others. Errors that are no ``StreamError`` are mistakes of the program, and pass on at once.

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import Overloaded, TextDelta
        >>> rx.throw(Overloaded("busy")).pipe(fallback(rx.of(TextDelta("Hello")))).run().text
        'Hello'

    Args:
        alternatives: Whom to ask, one after the other.
        on: What makes it turn to the next.
        mid_stream: Go on with an answer that another provider has begun.

    Returns:
        An operator. It errors as the last of the providers did.

    Raises:
        ValueError: Without alternatives, or for a reason that there is not; in a chain of your own, where no request
            is known, for an alternative that is no observable, and for ``mid_stream``.
    """
    if not alternatives:
        raise ValueError("fallback needs at least one alternative")
    reasons = (on,) if isinstance(on, str) else tuple(on)
    if unknown := set(reasons) - set(REASONS):
        raise ValueError(f"on holds some of {', '.join(REASONS)}, not {', '.join(sorted(unknown))}")
    return FallingBack(asked(alternatives, "fallback"), frozenset(reasons), mid_stream)


class FallingBack:
    """The operator; a pipeline binds it to the call, whose request the alternatives are asked."""

    def __init__(self, alternatives: tuple[Asked, ...], reasons: frozenset[str], mid_stream: bool) -> None:
        self.alternatives = alternatives
        self.reasons = reasons
        self.mid_stream = mid_stream
        self.__qualname__ = "fallback"  # what a pipeline calls this step

    def __call__(self, source: Observable[StreamToken], /) -> Observable[StreamToken]:
        if self.mid_stream:
            raise ValueError("fallback(mid_stream=True) needs the request: use it in a StreamPipelineBuilder's pipe()")
        streams = observables(self.alternatives, "fallback")
        return Successive(source, lambda now: Descent([source, *streams], self.reasons))

    def for_call(self, call: Call, /) -> Operator[StreamToken, StreamToken]:
        return lambda source: Backed(source, self, call)

    async def aclose(self) -> None:
        """Let go of the alternatives' connections."""
        await close_all(self.alternatives)


class Backed(Batched[StreamToken]):
    """A call's stream with its alternatives. Each subscription begins with the first, but one that resumes does not."""

    in_turn = True

    def __init__(self, source: Observable[StreamToken], options: FallingBack, call: Call) -> None:
        super().__init__()
        self._options = options
        self._call = call
        self._asked = call.provider, call.request
        self._latest: Descent | None = None
        self._source = source

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        call, options = self._call, self._options
        if call.resuming is not None and self._latest is not None:
            descent = self._latest.again()  # the way to go on is that of whoever spoke last
        else:
            if call.attempt.begun:
                call.attempt = call.attempt.anew(*self._asked)
            descent = Descent([self._source], options.reasons, options.alternatives, call, options.mid_stream)
        self._latest = descent
        return Successive(descent.stream, lambda now: descent).subscribe_batches(observer, scheduler)
