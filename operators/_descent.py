"""From one provider to the next: when, with what request, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from reactivex import Observable

from ..streams.attempt import Attempt
from ..streams.call import Call
from ..streams.carry_on import TAIL, going_on, objection, quoting
from ..streams.decisions import Fallback
from ..streams.errors import ContentBlocked, StreamError, StreamStalled, StreamTruncated
from ..streams.joint import Joint, Overlap
from ..streams.tokens import CONTENT, Finish, RefusalDelta, Seam, StreamToken, Usage
from ._alternatives import Asked, described
from ._prelude import Prelude
from ._successive import Next

__all__ = ["Descent"]

LAST_WORDS: Final = {Finish, Usage}


class Descent:
    """One subscription: who is asked now, and who has failed. A :class:`.Course`.

    Without a call the streams are all there; with one, each alternative's is made when its turn comes.
    """

    __slots__ = (
        "_alternatives",
        "_at",
        "_call",
        "_mid_stream",
        "_prelude",
        "_reasons",
        "_request",
        "_spoken",
        "_streams",
        "_tried",
        "_usage",
        "_whole",
    )

    def __init__(
        self,
        streams: list[Observable[StreamToken]],
        reasons: frozenset[str],
        alternatives: tuple[Asked, ...] = (),
        call: Call | None = None,
        mid_stream: bool = False,
    ) -> None:
        self._streams = streams
        self._reasons = reasons
        self._alternatives = alternatives
        self._call = call
        self._request = None if call is None else call.request
        self._mid_stream = mid_stream
        self._at = 0
        self._prelude = Prelude()
        self._spoken = False
        self._whole = False
        self._usage: Sequence[StreamToken] = ()  # may be of a refusal: what finishes comes next
        self._tried: list[str] = []

    @property
    def stream(self) -> Observable[StreamToken]:
        """The stream of whoever is asked now."""
        return self._streams[self._at]

    def again(self) -> Descent:
        """The same for another subscription, in which whoever is asked now goes on with what was said."""
        other = Descent(self._streams, self._reasons, self._alternatives, self._call, self._mid_stream)
        other._request, other._at, other._spoken = self._request, self._at, True
        return other

    def see(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | Next:
        if self._prelude.said:
            return self._finishing(tokens) if self._mid_stream else tokens
        if is_refusal(tokens) and self._falls_on("refusal") and (self._mid_stream or not self._spoken):
            return self._turn("refusal", None)
        passed = self._prelude.feed(tokens)
        if not passed:
            return passed
        self._spoken = True
        return self._finishing(passed) if self._mid_stream else passed

    def fail(self, error: Exception, /) -> Next | Exception:
        if not isinstance(error, StreamError):
            return error
        if self._call is not None:
            self._call.blame(error)
        reason = reason_of(error)
        if reason is None or not self._falls_on(reason):
            return self._last(error)
        if self._spoken and (why := self._objection()) is not None:
            error.add_note(f"nobody else was asked: {why}")
            return self._last(error)
        return self._turn(reason, error)

    def complete(self) -> None:
        self._whole = True

    def release(self) -> Sequence[StreamToken]:
        if self._spoken and not self._prelude.said and not self._whole:
            return ()  # the answer stays as it was cut: whoever was to go on with it has said nothing
        usage, self._usage = self._usage, ()
        return (*self._prelude.release(), *usage)

    def _finishing(self, tokens: Sequence[StreamToken]) -> Sequence[StreamToken] | Next:
        """The same tokens; or the next provider, when the last word is that the answer was stopped for what it says."""
        if not self._usage and LAST_WORDS.isdisjoint(map(type, tokens)):
            return tokens
        tokens, self._usage = (*self._usage, *tokens), ()
        for number, token in enumerate(tokens):
            if is_block(token) and self._falls_on("refusal") and self._objection() is None:
                said = [token for token in tokens[:number] if not isinstance(token, Usage)]
                return self._turn("refusal", None, said)
        if isinstance(tokens[-1], Usage):
            tokens, self._usage = tokens[:-1], tokens[-1:]
        return tokens

    def _falls_on(self, reason: str) -> bool:
        total = len(self._streams) if self._call is None else len(self._alternatives) + 1
        return reason in self._reasons and self._at + 1 < total

    def _objection(self) -> str | None:
        if not self._mid_stream or self._call is None:
            return "the answer had begun, and mid_stream is not allowed"
        return objection(self._call.attempt)

    def _turn(self, reason: str, error: StreamError | None, said: Sequence[StreamToken] = ()) -> Next:
        self._tried.append(described(self._name, error or reason))
        self._prelude.forget()
        self._usage = ()
        self._at += 1
        call = self._call
        if call is None:
            return Next(lambda: self.stream, first=said)
        alternative = self._alternatives[self._at - 1]
        failure = None if error is None else type(error).__name__
        call.decide(Fallback(call.provider, alternative.name, reason, failure, call.usage))
        seam = Seam(alternative.name, f"fallback after {failure or reason}")
        return Next(lambda: self._ask(call, alternative, seam), first=said)

    def _ask(self, call: Call, alternative: Asked, seam: Seam) -> Observable[StreamToken]:
        assert self._request is not None
        request = alternative.request(self._request)
        if self._spoken:
            text = call.reply.text
            request = quoting(going_on(Attempt(alternative.name, request, call.attempt)), text)
            join = partial(joint, text[-TAIL:], seam)
            call.attempt = Attempt(alternative.name, request, call.attempt, join)
        else:
            call.attempt = call.attempt.anew(alternative.name, request)
        call.resuming = None
        stream = alternative.stream(call)
        self._streams = [*self._streams[: self._at], stream]
        return stream

    def _last(self, error: StreamError) -> StreamError:
        if self._tried:
            error.add_note(f"it was the turn of {self._name}, after {'; '.join(self._tried)}")
        return error

    @property
    def _name(self) -> str:
        return f"stream {self._at + 1}" if self._call is None else self._call.provider


def joint(tail: str, seam: Seam) -> Joint:
    """What another writes after a text that ends in ``tail``."""
    return Joint(Through(), Overlap(tail), seam)


class Through:
    """A transducer that changes nothing."""

    def feed(self, item: StreamToken, /) -> Sequence[StreamToken]:
        return (item,)

    def feed_batch(self, items: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        return items

    def close(self) -> Sequence[StreamToken]:
        return ()


def is_refusal(tokens: Sequence[StreamToken]) -> bool:
    """Whether the first that is said, or all, is that nothing will be said."""
    for token in tokens:
        if isinstance(token, RefusalDelta) or is_block(token):
            return True
        if type(token) in CONTENT:
            return False
    return False


def is_block(token: StreamToken) -> bool:
    return isinstance(token, Finish) and token.reason == "content_filter"


def reason_of(error: StreamError) -> str | None:
    """What a fallback calls it; None for what is nobody else's to mend."""
    match error:
        case ContentBlocked():
            return None if error.source == "filter" else "refusal"
        case StreamStalled():
            return "stall"
        case StreamTruncated():
            return "truncation"
        case _:
            return "error"
