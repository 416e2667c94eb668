"""How the emulator treats a request: record it, check it, choose an answer, and deliver that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias, cast

from aiohttp import web

from ...sources.http import Headers
from ...streams import codec
from ...streams.codec import Json
from ...streams.errors import InvalidRequest, ProtocolError, StreamError
from ...streams.request import CompletionRequest
from .answer import Answer
from .background import Background
from .delivery import Delivery, Sleep
from .endpoint import Endpoint
from .guards import Keys
from .received import Received
from .wire import forever, send

__all__ = ["Answers", "Choose", "Service", "in_turn"]

Answers: TypeAlias = Answer | Sequence[Answer] | Callable[[CompletionRequest], Answer | Awaitable[Answer]]
Choose: TypeAlias = Callable[[CompletionRequest], Awaitable[Answer]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
JSON_HEADERS: Final = {"content-type": "application/json"}


def in_turn(answers: Answers) -> Choose:
    """A function that chooses the answer to each request: the only one, the next, or what a function says.

    Raises:
        ValueError: For an empty list.
    """
    ask = answers if callable(answers) else turns((answers,) if isinstance(answers, Answer) else answers)

    async def choose(request: CompletionRequest) -> Answer:
        chosen = ask(request)
        return chosen if isinstance(chosen, Answer) else await chosen

    return choose


def turns(answers: Sequence[Answer]) -> Callable[[CompletionRequest], Answer]:
    if not answers:
        raise ValueError("answers must hold at least one Answer")
    wrong = next((type(answer).__name__ for answer in answers if not isinstance(cast(Any, answer), Answer)), None)
    if wrong:
        raise TypeError(f"an answer is an Answer, such as Answer.text('Hello'), not {wrong}")
    coming = iter(answers[:-1])
    return lambda _: next(coming, answers[-1])


class Service:
    """What the server does, without the server.

    Attributes:
        calls: The latest requests.
        received: How many there were in all.
        closing: Whether it is we who hang up.
    """

    def __init__(
        self,
        choose: Choose,
        *,
        endpoints: Sequence[Endpoint],
        keys: Keys,
        models: Sequence[str],
        max_body_bytes: int,
        max_calls: int,
        sleep: Sleep,
        clock: Callable[[], float],
    ) -> None:
        self._choose = choose
        self._endpoints = endpoints
        self._keys = keys
        self._models = models
        self._max_body_bytes = max_body_bytes
        self._sleep, self._clock = sleep, clock
        self._background = Background(sleep, clock)
        self.calls: deque[Received] = deque(maxlen=max_calls)
        self.received = 0
        self.closing = False

    def application(self) -> web.Application:
        """A route for each address, and one for everything else."""
        app = web.Application(client_max_size=self._max_body_bytes)
        rows: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in self._endpoints:
            rows.setdefault((endpoint.method, endpoint.path), []).append(endpoint)
        for (method, path), sharing in rows.items():
            app.router.add_route(method, path, self._handler(sharing, self._answer))
        app.router.add_route("*", "/{path:.*}", self._handler(self._endpoints[:1], self._unknown))
        return app

    def _handler(
        self,
        rows: Sequence[Endpoint],
        answer: Callable[[Endpoint, web.Request, Received], Awaitable[web.StreamResponse]],
    ) -> Handler:
        async def handle(http: web.Request) -> web.StreamResponse:
            call = self._record(http)
            endpoint = rows[-1]
            try:
                call.body = await self._read(http)
                endpoint = next((row for row in rows if row.fits(call)), endpoint)
                return await answer(endpoint, http, call)
            except StreamError as error:
                if call.status is not None:
                    raise
                return await send(http, call, *endpoint.dialect.encode_error(error))
            except (asyncio.CancelledError, ConnectionError) as left:
                if not self.closing:
                    call.hang_up(self._clock())
                if isinstance(left, ConnectionError):
                    await forever()  # aiohttp is about to take us off the connection; of an error it would make a log
                raise
            finally:
                call.end(self._clock())

        return handle

    def _record(self, http: web.Request) -> Received:
        self.received += 1
        headers = Headers({name.lower(): value for name, value in http.headers.items()})
        call = Received(
            self.received, http.method, http.path, headers, self._clock(), query=http.query_string, target=http.raw_path
        )
        self.calls.append(call)
        return call

    async def _unknown(self, endpoint: Endpoint, http: web.Request, call: Received) -> web.StreamResponse:
        raise InvalidRequest(f"Unknown request URL: {call.method} {call.path}", status=404)

    async def _answer(self, endpoint: Endpoint, http: web.Request, call: Received) -> web.StreamResponse:
        endpoint.guard(call, self._keys)
        if endpoint.listing is not None:
            return await send(http, call, 200, JSON_HEADERS, codec.dumps(endpoint.listing(self._models)))
        if endpoint.keeps and endpoint.method == "GET":
            return await self._background.tell(endpoint, http, call)
        body = body_of(endpoint, http, call.body)
        request = call.request = parsed(endpoint, body)
        answer = await self._choose(request)
        answer = self._background.keep(endpoint, answer, request, body, f"emulated-{call.number}")
        return await Delivery(answer, endpoint, http, call, self._sleep, self._clock).run(request, body)

    async def _read(self, http: web.Request) -> bytes:
        try:
            return await http.read()
        except web.HTTPRequestEntityTooLarge:
            limit = self._max_body_bytes
            raise InvalidRequest(f"The request is longer than {limit} bytes.", status=413) from None


def body_of(endpoint: Endpoint, http: web.Request, raw: bytes) -> Json:
    """The request's JSON, with what the path says of it."""
    try:
        body = codec.loads_object(raw)
    except ProtocolError:
        raise InvalidRequest("The body is not a JSON object.", status=400) from None
    if "model" in http.match_info:
        body = {"model": http.match_info["model"], **body}
    if not endpoint.asks_for_stream(body):
        raise InvalidRequest('The emulator only streams: ask with "stream": true.', status=400)
    return body


def parsed(endpoint: Endpoint, body: Json) -> CompletionRequest:
    try:
        return endpoint.dialect.parse(body)
    except ValueError as error:
        raise InvalidRequest(str(error), status=400) from None
