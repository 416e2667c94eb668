"""A provider: a dialect, an address and a signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from reactivex import Observable

from ..operators import transduce
from ..streams import codec
from ..streams.call import Account, Call
from ..streams.request import CompletionRequest
from ..streams.tokens import StreamToken
from .auth import Authorize
from .dialect import Dialect
from .http import Headers, Http, HttpRequest, ResponseHead

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
    """

    name: str
    dialect: Dialect
    endpoint: Endpoint
    authorize: Authorize = field(repr=False)
    http: Http = field(default_factory=Http, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    async def prepare(self, request: CompletionRequest) -> HttpRequest:
        """Render, address and sign: exactly what this provider will be sent.

        Raises:
            ValueError: When the request holds what this provider cannot take; the message says what.
        """
        body = codec.dumps({**self.dialect.render(request), **request.extra})
        headers = Headers({**JSON_HEADERS, **self.headers})
        return await self.authorize(HttpRequest("POST", self.endpoint(request), headers, body))

    def body(self, asked: CompletionRequest | Call) -> Observable[bytes]:
        """The answer as the network cuts it: compose a chain of your own from here.

        Example::

            provider.body(request).pipe(parse_sse(), my_event_log(), decode(provider.dialect))
        """
        call = Call(self.name, asked) if isinstance(asked, CompletionRequest) else asked

        def accept(head: ResponseHead) -> None:
            self.dialect.check_content_type(head.headers)
            call.request_id = self.dialect.request_id(head.headers)
            call.rate_limits = self.dialect.rate_limits(head.headers)

        return self.http.stream(call, lambda: self.prepare(call.request), accept, self.dialect.refuse)

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The answer as tokens; it completes after :class:`.Finish`."""
        return self.body(call).pipe(
            transduce(self.dialect.framer), transduce(self.dialect.decoder), transduce(lambda: Account(call))
        )

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self.http.aclose()
