"""The one place that sends: requests out, bytes in, as an observable.

Redirects are refused, nothing is retried, there is no total time limit, and the answer is read at most 80 KiB
at a time, after asking the call's demand; what is not read stays in the kernel, so TCP slows the sender.
"""

from __future__ import annotations

import asyncio
import io
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from sys import intern
from typing import Final, cast

import aiohttp
from multidict import istr
from reactivex import Observable, abc
from yarl import URL

from ..streams.batched import Batched, BatchObserver
from ..streams.call import Call
from ..streams.errors import ConnectError, StreamError, UnexpectedContent
from ..streams.loops import on_loop
from .address import checked_name, checked_url, checked_value, is_forbidden_address
from .body import Reading, error_body, tell_closed
from .connections import Answer, Sessions, environment_proxy
from .http_errors import presentable
from .pump import Pump, Work

__all__ = ["Headers", "Http", "HttpRequest", "ResponseHead"]

LARGE_BODY: Final = 1 << 20
NO_BODY: Final = (204, 205)
SECRET_HEADERS: Final = frozenset(
    (
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-amz-security-token",
        "cookie",
    )
)


class Headers(dict[str, str]):
    """Header names (lower case) and values; its repr shows names only."""

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Exactly what will be sent. Its repr shows neither values of headers nor the body."""

    method: str
    url: str
    headers: Headers
    body: bytes = field(repr=False)
    _secrets: tuple[str, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: the values of headers that authenticate, without their scheme."""
        if self._secrets is None:
            values = [value.rpartition(" ")[2] for name, value in self.headers.items() if name in SECRET_HEADERS]
            # A thousand streams have one key between them.
            found = tuple([intern(str(value)) for value in values if len(value) >= 4])
            object.__setattr__(self, "_secrets", found)
            return found
        return self._secrets


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What came before the body; header names in lower case."""

    status: int
    headers: Mapping[str, str]


Prepare = Callable[[], Awaitable[HttpRequest]]
Accept = Callable[[ResponseHead], None]
Refuse = Callable[[int, Mapping[str, str], bytes], StreamError]


class Http:
    """A pool of connections for each event loop that uses it.

    Args:
        connect_timeout: Seconds for name, TCP and TLS together.
        read_timeout: Seconds before the stream counts as dead: that the head of the answer takes, from when the
            request begins to go out, and then without a single byte of its body; time in which the consumer does not
            read is not counted. Pings count as bytes: for silence of the model use the ``deadline`` operator.
        trust_env: Use ``HTTPS_PROXY`` and its like, but not to reach this machine. The proxy then resolves names, so
            a name that leads to a metadata service is the proxy's to refuse.
        ssl_context: Your own certificates; by default the system's, TLS 1.2 or newer, hosts always checked.

    Example::

        async with Http(connect_timeout=5) as http:
            provider = openai(http=http)
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 600.0,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not (0 < connect_timeout < math.inf and 0 < read_timeout < math.inf):
            raise ValueError("connect_timeout and read_timeout are seconds, more than 0")
        self._connect_timeout = connect_timeout
        self._trust_env = trust_env
        self._sessions = Sessions(connect_timeout, read_timeout, ssl_context)

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close this loop's connections. It may be called twice, and the pool can be used again."""
        await self._sessions.aclose()

    def stream(self, call: Call, prepare: Prepare, accept: Accept, refuse: Refuse) -> Observable[bytes]:
        """The body of one answer, as the network cuts it; each subscription sends one request.

        Args:
            call: Whose demand is asked before each read.
            prepare: Makes the request, at subscription.
            accept: Sees the head of a 2xx answer before the body; it may raise.
            refuse: Makes the error of any other answer.

        Returns:
            A cold observable. Disposing it closes the connection, also from inside ``on_next``.
            It errors with a :class:`.StreamError`, or with whatever ``prepare`` raises.
        """
        return Body(partial(self._exchange, call, prepare, accept, refuse))

    async def _exchange(
        self, call: Call, prepare: Prepare, accept: Accept, refuse: Refuse, pump: Pump[bytes]
    ) -> Exception | None:
        request = await prepare()
        del prepare
        secrets = request.secrets()
        reading: Reading | None = None
        try:
            url = destination(request.url)
            proxy = await asyncio.to_thread(environment_proxy, url) if self._trust_env else None
            sending = send(await self._sessions.current(), url, request, proxy)
            del request  # a long prompt need not stay while its answer comes
            response = cast(Answer, await sending)
            reading = Reading.of(response, call, pump, secrets)
            await self._receive(response, accept, refuse)
            del response, sending, accept, refuse  # an answer may be read for long
            await reading.run()
        except Exception as error:
            return presentable(error, secrets, self._connect_timeout)
        finally:
            if reading is None:
                tell_closed(call, pump)
            elif not reading.is_flowing:
                reading.close()
        return None

    async def _receive(self, response: aiohttp.ClientResponse, accept: Accept, refuse: Refuse) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        status = response.status
        if not 200 <= status < 300:
            raise refuse(status, headers, await error_body(response))
        try:
            if status in NO_BODY:
                raise UnexpectedContent(f"the answer is {status}, which has no body")
            accept(ResponseHead(status, headers))
        except UnexpectedContent:
            # Some servers answer 200 and JSON that says what went wrong: then that is the error.
            body = await error_body(response) if "json" in headers.get("content-type", "") else b""
            if b'"error"' in body:
                raise refuse(status, headers, body) from None
            raise


def send(
    session: aiohttp.ClientSession, url: URL, request: HttpRequest, proxy: str | None
) -> Awaitable[aiohttp.ClientResponse]:
    """aiohttp's own, which alone holds the request while its answer is waited for."""
    headers = {
        header_name(name): value if value.isascii() and value.isprintable() else checked_value(f"header {name}", value)
        for name, value in request.headers.items()
    }
    body = io.BytesIO(request.body) if len(request.body) > LARGE_BODY else request.body
    return session.request(request.method, url, headers=headers, data=body, allow_redirects=False, proxy=proxy)


@lru_cache(maxsize=256)
def header_name(name: str) -> istr:
    """As aiohttp compares them, if it is one; most requests carry the names that others did."""
    return istr(checked_name(name))


@lru_cache(maxsize=256)
def destination(address: str) -> URL:
    """Where a request goes; looked at once, since most go where another went."""
    url = URL(checked_url(address), encoded=True)
    if is_forbidden_address(url.raw_host or ""):
        raise ConnectError(f"{url.raw_host} is a metadata service, not a provider; nothing was sent", retryable=False)
    return url


class Body(Batched[bytes]):
    """The bytes of one answer, a read at a time."""

    in_turn = True  # a pump's signals all come from one loop

    def __init__(self, work: Work[bytes]) -> None:
        super().__init__()
        self._work = work

    @property
    def on_loop(self) -> bool:
        return True

    def subscribe_batches(
        self, observer: BatchObserver[bytes], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        pump = Pump(observer, self._work)
        on_loop(pump.start, scheduler)
        return pump
