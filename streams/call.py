"""One call: a request on its way, and what has come of it so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from .attempt import Attempt, Joining
from .decisions import Closed, Decision, Decisions
from .demand import Demand
from .errors import StreamError
from .reply import Reply
from .tokens import Finish, RateLimits, ResponseStart, StreamToken, Usage
from .tracebacks import forget_variables

if TYPE_CHECKING:
    from .continuation import Continuation
    from .request import CompletionRequest

__all__ = ["Account", "Call"]

making = threading.RLock()


class Hearer(Protocol):
    """Whoever counts decisions of many calls."""

    def decided(self, call: Call, decision: Decision, /) -> None:
        """It must not raise."""


class Both:
    """Two who count, in the order in which they came; a call has seldom more than one."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Hearer, second: Hearer) -> None:
        self._first = first
        self._second = second

    def decided(self, call: Call, decision: Decision, /) -> None:
        self._first.decided(call, decision)
        self._second.decided(call, decision)


class Call:
    """What a source, a sink or a call-aware operator may know of the stream it serves.

    A call is made at each subscription. Operators that try again make it have several attempts, one after the
    other: what it says of provider, request, reply and usage is of the current one. The reply so far keeps at
    most 262,144 characters, so that an endless stream does not grow; ``accumulate`` is for whole answers.

    Attributes:
        attempt: What the current attempt has brought.
        attempts: How many have begun.
        counted: The :attr:`demand`, once anybody has asked for it: before, all that comes is wanted.
        received_bytes: What has come of all bodies, as the network carried it.
        started: ``time.monotonic()`` of the subscription.
        credential: Tells the keys of one provider apart, without being one; set by the source.
        continuations: How the source may go on with a broken stream, the best way first; set by the source.
        resuming: The one in use: the next subscription to the source goes on in this way; set by ``resume``.
    """

    __slots__ = (
        "__weakref__",
        "_beside",
        "_decisions",
        "_hearer",
        "attempt",
        "attempts",
        "continuations",
        "counted",
        "credential",
        "received_bytes",
        "resuming",
        "started",
    )

    def __init__(self, provider: str, request: CompletionRequest, demand: Demand | None = None) -> None:
        self.attempt = Attempt(provider, request)
        self.attempts = 0
        self.counted: Demand | None = demand
        self.received_bytes = 0
        self.credential = ""
        self.continuations: Iterable[Continuation] = ()
        self.resuming: Continuation | None = None
        self.started = time.monotonic()
        self._beside: Call | None = None
        self._decisions: Decisions | None = None
        self._hearer: Hearer | None = None

    def __repr__(self) -> str:
        return f"Call(provider={self.provider!r}, model={self.request.model!r})"

    @property
    def demand(self) -> Demand:
        """How much the consumer wants; a sink that stores counts on it."""
        if self.counted is None:
            with making:
                self.counted = self.counted or Demand()
        return self.counted

    @property
    def provider(self) -> str:
        """Who is asked (``gen_ai.provider.name``)."""
        return self.attempt.provider

    @property
    def request(self) -> CompletionRequest:
        """What is asked."""
        return self.attempt.request

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, once its headers are here."""
        return self.attempt.request_id

    @property
    def rate_limits(self) -> RateLimits | None:
        """What the response's headers say of the quota, once they are here."""
        return self.attempt.rate_limits

    @property
    def ended(self) -> bool:
        """Whether all tokens have come, though the connection may not have ended yet."""
        return self.attempt.ended

    @property
    def reply(self) -> Reply:
        """The answer so far."""
        return self.attempt.reply

    @property
    def usage(self) -> Usage | None:
        """What the answer has cost so far; None when nothing has come that could have cost anything.

        ``exact`` once the provider has told; before, ``partial`` when it has told something, else
        ``estimated`` from the characters sent and received. It is the sum of all attempts whose text stands;
        what others cost is told by ``decisions``.
        """
        return self.attempt.usage

    @property
    def decisions(self) -> Decisions:
        """What is decided on the way, as it is decided: an observable."""
        if self._decisions is None:
            self._decisions = Decisions()
        return self._decisions

    def decide(self, decision: Decision) -> None:
        """Tell whoever watches what was decided."""
        if self._beside is not None:
            self._beside.decide(decision)  # only: a sink below a race watches all of its calls, and counts each once
            return
        if self._hearer is not None:
            self._hearer.decided(self, decision)
        if self._decisions is not None:
            self._decisions.say(decision)

    def hear(self, hearer: Hearer) -> None:
        """Have it told what is decided: for a sink of many calls, at less than a subscription to :attr:`decisions`."""
        self._hearer = hearer if self._hearer is None else Both(self._hearer, hearer)

    def closed(self, seconds: float) -> None:
        """Tell that the connection was closed ``seconds`` after the consumer had left."""
        self.decide(Closed(seconds))

    def begin(self) -> Attempt:
        """The attempt that a subscription to the source fills: the one that was prepared, else another of the kind."""
        if self.attempt.begun:
            self.attempt = self.attempt.anew(self.provider, self.request)
        self.attempts += 1
        self.attempt.begun = True
        return self.attempt

    def turn_to(self, provider: str, request: CompletionRequest, *, going_on: bool = False) -> None:
        """Prepare the next attempt, of whichever provider; ``going_on`` with the text that has come."""
        self.attempt = Attempt(provider, request, self.attempt if going_on else None)

    def beside(self, provider: str, request: CompletionRequest) -> Call:
        """A call for a rival: it has the same consumer, and its decisions are told here."""
        rival = Call(provider, request, self.demand)
        rival._beside = self
        return rival

    def give_way(self, rival: Call) -> None:
        """Let the rival's attempt be this call's own from here on."""
        self.attempt = rival.attempt
        self.attempts += rival.attempts
        rival.attempts = 0  # it may give way again, with those that it makes after this
        self.continuations = rival.continuations

    def blame(self, error: Exception) -> None:
        """Write on an error of ours whose call it ended, and what had come until then."""
        if not isinstance(error, StreamError):
            return
        forget_variables(error.__traceback__)  # its frames hold what was read: prompts, answers, quoted keys
        attempt = self.attempt
        error.provider = error.provider or attempt.provider
        error.request_id = error.request_id or attempt.request_id
        if error.partial is None and (attempt.so_far.characters or attempt.usage_told):
            error.partial = attempt.reply
        if error.usage is None:
            error.usage = attempt.usage


LONG_NAME: Final = 100


@lru_cache(maxsize=256)
def known(model: str) -> str:
    """The same name, kept once: a thousand answers are of one model."""
    return model


TOLD: Final = frozenset((Usage, ResponseStart, Finish))


class Account:
    """Keep account of an attempt as its tokens pass: the last stage of every source. A transducer.

    It gives :class:`.ResponseStart` what the headers said, and makes sure that a healthy stream carries
    exactly one :class:`.Usage`, just before :class:`.Finish`: the provider's last word, else an estimate.
    While it lives the attempt keeps its reply so far: what is to be left out of that is, before the next one is made.
    """

    __slots__ = ("_attempt", "_joint", "_so_far", "_told")

    def __init__(self, call: Call) -> None:
        self._attempt = call.begin()
        self._so_far = self._attempt.so_far
        self._joint = self._attempt.joining()
        self._told = False

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        return self._keep(token) if self._joint is None else self._join(token, self._joint)

    def _join(self, token: StreamToken, joint: Joining) -> Iterator[StreamToken]:
        if isinstance(token, ResponseStart):
            self._attempt.request_id = self._attempt.request_id or token.request_id
        for new in joint.feed(token):
            yield from self._keep(new)
        if joint.over:
            self._joint = None

    def _keep(self, token: StreamToken) -> Sequence[StreamToken]:
        attempt = self._attempt
        match token:
            case Usage():
                attempt.usage_told = token
                return ()
            case ResponseStart():
                attempt.request_id = attempt.request_id or token.request_id
                attempt.rate_limits = attempt.rate_limits or token.rate_limits
                if token.request_id != attempt.request_id or token.rate_limits != attempt.rate_limits:
                    token = replace(
                        token,
                        model=known(token.model) if len(token.model) < LONG_NAME else token.model,
                        request_id=attempt.request_id,
                        rate_limits=attempt.rate_limits,
                    )
            case Finish() if not self._told:
                self._told = True
                usage = attempt.settle()
                attempt.see((token,))
                return (usage, token)
            case _:
                pass
        attempt.see((token,))
        return (token,)

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken] | None:
        if self._joint is not None:
            return None
        if self._so_far.feed_batch(tokens) is None:
            rest = tokens[1:] if type(tokens[0]) is ResponseStart else tokens
            for token in rest:
                if type(token) in TOLD:
                    return None
            if rest is not tokens:
                tokens = [*self.feed(tokens[0]), *rest]
            self._attempt.see(rest)
        return tokens

    def close(self) -> Iterable[StreamToken]:
        self._attempt.ended = True
        return () if self._joint is None else [kept for new in self._joint.close() for kept in self._keep(new)]
