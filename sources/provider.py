"""A provider: a dialect, an address and a signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias, cast

from reactivex import Observable

from ..streams import codec
from ..streams.call import Account, Call
from ..streams.codec import Json
from ..streams.fused import Fused
from ..streams.request import CompletionRequest
from ..streams.tokens import StreamToken
from .auth import Authorize
from .continuations.finished import Finished
from .continuations.passage import Passage, Way
from .dialect import Dialect
from .http import Headers, Http, HttpRequest

__all__ = ["Endpoint", "Provider"]

Endpoint: TypeAlias = Callable[[CompletionRequest], str]
JSON_HEADERS: Final = {"content-type": "application/json", "accept": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Provider:
    """Somewhere to send requests: how it speaks, where it is, and how it knows you. A :class:`.Source`.

    Attributes:
        name: OpenTelemetry's ``gen_ai.provider.name``, such as ``aws.bedrock``.
        dialect: The wire format.
        endpoint: The full address for a request.
        authorize: Puts the credentials on the exact bytes.
        http: The pool of connections.
        headers: More headers, for every request.
        continuations: How an answer can be gone on with that broke off, the best way first, for ``resume``.
    """

    name: str
    dialect: Dialect
    endpoint: Endpoint
    authorize: Authorize = field(repr=False)
    http: Http = field(default_factory=Http, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    continuations: tuple[Way, ...] = field(default=(), repr=False)

    @property
    def credential(self) -> str:
        """Whose quota its requests draw on: a fingerprint, never the key; empty where nobody knows."""
        return getattr(self.authorize, "credential", "")

    @property
    def ways(self) -> tuple[Way, ...]:
        """All ways to go on, the best first: to end an answer that was over comes before any of its own."""
        return (Finished(), *self.continuations)

    async def prepare(self, request: CompletionRequest) -> HttpRequest:
        """Render, address and sign: exactly what this provider will be sent.

        Raises:
            ValueError: When the request holds what this provider cannot take; the message says what.
        """
        body = self.dialect.render(request)
        if request.extra:
            body = merged(body, request.extra)
        headers = Headers(JSON_HEADERS)
        headers.update(self.headers)
        return await self.authorize(HttpRequest("POST", self.endpoint(request), headers, codec.dumps(body)))

    def body(self, asked: CompletionRequest | Call) -> Observable[bytes]:
        """The answer as the network cuts it: compose a chain of your own from here.

        Example::

            provider.body(request).pipe(parse_sse(), my_event_log(), decode(provider.dialect))
        """
        call = Call(self.name, asked) if isinstance(asked, CompletionRequest) else asked
        return self._body(call, Passage(self))

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The answer as tokens; it completes after :class:`.Finish`."""
        passage = Passage(self)
        call.credential = self.credential
        call.continuations = passage
        stages = partial(passage.framer, call), passage.reader, partial(Account, call)
        return Fused(self._body(call, passage), stages, passage)

    def _body(self, call: Call, passage: Passage) -> Observable[bytes]:
        prepare, accept = partial(passage.prepare, call), partial(passage.accept, call)
        return self.http.stream(call, prepare, accept, self.dialect.refuse)

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self.http.aclose()


def merged(ours: Json, theirs: Mapping[str, Any]) -> Json:
    """Our fields with the caller's own put in: an object is merged field by field, anything else replaced.

    >>> merged({"config": {"temperature": 1, "stop": ["a"]}}, {"config": {"stop": ["b"]}, "store": False})
    {'config': {'temperature': 1, 'stop': ['b']}, 'store': False}
    """
    made = dict(ours)
    for name, value in theirs.items():
        mine = made.get(name)
        both = isinstance(mine, dict) and isinstance(value, Mapping)
        made[name] = merged(cast(Json, mine), cast("Mapping[str, Any]", value)) if both else value
    return made
