"""One stream's way through a provider: which request is sent at a subscription, and how its answer is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import reactivex as rx
from reactivex import Observable

from ...operators import transduce
from ...streams.attempt import Attempt
from ...streams.call import Account, Call
from ...streams.errors import StreamError
from ...streams.request import CompletionRequest
from ...streams.tokens import StreamToken
from ...streams.types import Transducer
from ..http import HttpRequest, ResponseHead
from ..http_errors import scrubbed

if TYPE_CHECKING:
    from ..provider import Provider

__all__ = ["Passage", "Plan", "Way"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, and how its answer is read.

    Attributes:
        prepare: Makes the request for a call.
        framer, decoder: Make the transducers for its answer; a decoder may be one that has decoded before.
        begin: Prepares the call's attempt; a retry begins again.
        content_types: What the answer may call itself; None leaves it to the dialect.
    """

    prepare: Callable[[Call], Awaitable[HttpRequest]]
    framer: Callable[[], Transducer[bytes, Any]]
    decoder: Callable[[], Transducer[Any, StreamToken]]
    begin: Callable[[Call], None] = lambda call: None
    content_types: tuple[str, ...] | None = None


class Way(Protocol):
    """One way to go on, as a provider lists it: :class:`~.Continuation` for any call."""

    @property
    def name(self) -> str: ...

    @property
    def gapless(self) -> bool: ...

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Plan | Sequence[StreamToken] | str:
        """The request for the rest; the rest itself, where it needs none; or why this way is not open."""
        ...


class Passage:
    """One call at one provider. It remembers the decoder, which knows where a stream broke off.

    The call knows it by its continuations. It does not know the call, which would be a cycle, and is told of it.

    Attributes:
        provider: Who is asked.
        decoder: The one that reads, or has read, the answer; it outlives the connection.
        secrets: What no error may quote.
    """

    __slots__ = ("_content_types", "_plan", "decoder", "provider", "secrets")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.decoder: Transducer[Any, StreamToken] | None = None
        self.secrets: tuple[str, ...] = ()
        self._content_types: tuple[str, ...] | None = None
        self._plan: Plan | None = None  # when it is not the request itself that is sent

    def __iter__(self) -> Iterator[Bound]:
        """The ways to go on with it: made when they are asked for, since most answers do not break off."""
        for way in self.provider.ways:
            yield Bound(way, self)

    def framer(self, call: Call) -> Transducer[bytes, Any]:
        """Of a subscription's stages the first that is made: here it is decided what is sent."""
        going_on = call.resuming
        plan = going_on.made if isinstance(going_on, Bound) and going_on.passage is self else None
        self._plan = plan
        if plan is None:
            return self.provider.dialect.framer()
        plan.begin(call)
        return plan.framer()

    def reader(self) -> Transducer[Any, StreamToken]:
        """The second stage."""
        return self._remembered(self.provider.dialect.decoder()) if self._plan is None else self._plan.decoder()

    async def prepare(self, call: Call) -> HttpRequest:
        """The request, whose secrets are noted."""
        plan, self._plan = self._plan, None  # it knows us, and would be a cycle
        self._content_types = None if plan is None else plan.content_types
        request = await (self.provider.prepare(call.request) if plan is None else plan.prepare(call))
        self.secrets = request.secrets()
        return request

    def scrub(self, error: Exception) -> None:
        """Take our key out of an error of the stream's: providers like to quote it."""
        if isinstance(error, StreamError):
            scrubbed(error, self.secrets)

    def accept(self, call: Call, head: ResponseHead) -> None:
        """See that the answer is what was asked for, and note what its headers say."""
        dialect, attempt = self.provider.dialect, call.attempt
        dialect.check_content_type(head.headers, self._content_types)
        attempt.request_id = dialect.request_id(head.headers)
        attempt.rate_limits = dialect.rate_limits(head.headers)

    def asking(
        self,
        request: CompletionRequest,
        broken: Attempt,
        provider: Provider,
        joint: Callable[[Transducer[Any, StreamToken]], Transducer[Any, StreamToken]],
    ) -> Plan:
        """Another request, to this provider or its like, whose answer goes on with what ``broken`` has brought."""

        def begin(call: Call) -> None:
            call.attempt = broken
            call.turn_to(self.provider.name, broken.request, going_on=True)

        return Plan(
            lambda _: provider.prepare(request),
            provider.dialect.framer,
            lambda: self._remembered(joint(provider.dialect.decoder())),
            begin,
        )

    def _remembered(self, decoder: Transducer[Any, StreamToken]) -> Transducer[Any, StreamToken]:
        self.decoder = decoder
        return decoder


class Bound:
    """A way for one call: what ``resume`` finds on ``call.continuations``."""

    __slots__ = ("made", "passage", "way")

    def __init__(self, way: Way, passage: Passage) -> None:
        self.way = way
        self.passage = passage
        self.made: Plan | None = None

    @property
    def name(self) -> str:
        return self.way.name

    @property
    def gapless(self) -> bool:
        return self.way.gapless

    def resume(self, call: Call, error: StreamError, /) -> Observable[StreamToken] | str | None:
        plan = self.way.plan(self.passage, call, error)
        if isinstance(plan, Plan):
            self.made = plan
            return None
        if isinstance(plan, str):
            return plan
        call.attempt.begun = False
        return rx.from_iterable(plan).pipe(transduce(partial(Account, call)))
