"""The one place that opens sockets: requests out, bytes in, as an observable.

One pool of connections per event loop, made at first use and closed with its loop. Redirects are refused,
nothing is retried, there is no total time limit, and the answer is read 16 KiB at a time, after asking the
call's demand; what is not read stays in the kernel, so TCP slows the sender.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from yarl import URL

from ..streams.call import Call
from ..streams.errors import (
    ConnectError,
    ConnectionLost,
    NameResolutionError,
    ProtocolError,
    StreamError,
    StreamStalled,
    TlsError,
    UnexpectedContent,
)
from ..streams.loops import on_loop
from .address import is_forbidden_address
from .inflate import inflate

__all__ = ["Http", "HttpRequest", "ResponseHead"]

READ_SIZE: Final = 16 << 10
MAX_ERROR_BYTES: Final = 64 << 10
ERROR_BODY_SECONDS: Final = 10.0
SECRET_HEADERS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token")


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

    def secrets(self) -> list[str]:
        """What must not be shown: the values of headers that authenticate, without their scheme."""
        values = [self.headers[name].rpartition(" ")[2] for name in SECRET_HEADERS if name in self.headers]
        return [value for value in values if len(value) >= 4]


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
        read_timeout: Seconds without a single byte before the stream counts as dead. Pings count as bytes:
            for silence of the model use the ``deadline`` operator.
        trust_env: Use ``HTTPS_PROXY`` and its like.
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
        if connect_timeout <= 0 or read_timeout <= 0:
            raise ValueError("connect_timeout and read_timeout are seconds, more than 0")
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust_env = trust_env
        self._ssl_context = ssl_context
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, AsyncGenerator[None]]]
        self._pools = WeakKeyDictionary()

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close this loop's connections. It may be called twice, and the pool can be used again."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool[1].aclose()

    def stream(self, call: Call, prepare: Prepare, accept: Accept, refuse: Refuse) -> Observable[bytes]:
        """The body of one answer, as the network cuts it; each subscription sends one request.

        Args:
            call: Whose demand is asked before each read.
            prepare: Makes the request, at subscription.
            accept: Sees the head of a 2xx answer before the body; it may raise.
            refuse: Makes the error of any other answer.

        Returns:
            A cold observable. Disposing it closes the connection, also from inside ``on_next``.
            It errors with a :class:`.StreamError`.
        """

        def subscribe(observer: abc.ObserverBase[bytes], scheduler: abc.SchedulerBase | None = None) -> Disposable:
            pump = Pump(observer)
            on_loop(lambda: pump.start(self._pull(call, prepare, accept, refuse)), scheduler)
            return Disposable(pump.stop)

        return Observable(subscribe)

    async def _pull(self, call: Call, prepare: Prepare, accept: Accept, refuse: Refuse) -> AsyncIterator[bytes]:
        request = await prepare()
        session = await self._session()
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if not 200 <= response.status < 300:
                raise scrubbed(refuse(response.status, headers, await error_body(response)), request)
            try:
                accept(ResponseHead(response.status, headers))
            except UnexpectedContent as error:
                raise scrubbed(await explained(error, response, headers, refuse), request) from None
            demand = call.demand
            pieces = inflate(response.headers.get("content-encoding", ""))
            async for chunk in response.content.iter_chunked(READ_SIZE):
                call.received_bytes += len(chunk)
                for piece in pieces(chunk):
                    yield piece
                    if not demand.is_open:
                        await demand.ready()

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool[0].closed:
            session = self._new_session()
            # asyncio.run closes generators before it closes the loop: the pool ends with its loop, unasked.
            guard = close_with_loop(session)
            await anext(guard)
            pool = self._pools[loop] = (session, guard)
        return pool[0]

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(), ssl=self._ssl_context or True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout, sock_read=self._read_timeout)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_SIZE,
            trust_env=self._trust_env,
            headers={"user-agent": "tokenrill", "accept-encoding": "identity"},
        )


class Pump:
    """One task that pulls bytes and pushes them, and that ends when it is told to."""

    __slots__ = ("_loop", "_observer", "_stopped", "_task")

    def __init__(self, observer: abc.ObserverBase[bytes]) -> None:
        self._observer = observer
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, source: AsyncIterator[bytes]) -> None:
        if not self._stopped:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run(source), name="tokenrill stream")

    def stop(self) -> None:
        self._stopped = True
        loop, task = self._loop, self._task
        if loop is None or task is None or task.done():
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not loop:
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        elif asyncio.current_task() is not task:
            task.cancel()
        # Else we are inside our own on_next: the pump sees that it is stopped when that returns.

    async def _run(self, source: AsyncIterator[bytes]) -> None:
        send = self._observer.on_next
        failure: Exception | None = None
        try:
            async for chunk in source:
                try:
                    send(chunk)
                except Exception as error:
                    self._report(error)
                    self._stopped = True
                if self._stopped:
                    break
        except Exception as error:
            failure = renamed(error)
        finally:
            await source.aclose()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        if self._stopped:
            return
        try:
            self._observer.on_completed() if failure is None else self._observer.on_error(failure)
        except Exception as error:
            self._report(error)

    def _report(self, error: Exception) -> None:
        """An observer raised: no stream can tell it to itself, so the loop's handler is told."""
        asyncio.get_running_loop().call_exception_handler(
            {
                "message": f"an observer of a stream raised {type(error).__name__}; the stream was closed",
                "exception": error,
            }
        )


async def close_with_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await session.close()


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    """The first 64 KiB of what a provider says on refusing; what cannot be had in time is left out."""
    parts: list[bytes] = []
    pieces = inflate(response.headers.get("content-encoding", ""))
    try:
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            async for chunk in response.content.iter_chunked(READ_SIZE):
                parts.extend(pieces(chunk))
                if sum(map(len, parts)) >= MAX_ERROR_BYTES:
                    break
    except (TimeoutError, aiohttp.ClientError, StreamError):
        pass  # the status is what matters, and it is here
    return b"".join(parts)[:MAX_ERROR_BYTES]


async def explained(
    error: UnexpectedContent, response: aiohttp.ClientResponse, headers: Mapping[str, str], refuse: Refuse
) -> StreamError:
    """Some servers answer 200 and JSON that says what went wrong: then that is the error."""
    if "json" not in headers.get("content-type", ""):
        return error
    body = await error_body(response)
    return refuse(response.status, headers, body) if b'"error"' in body else error


def scrubbed(error: StreamError, request: HttpRequest) -> StreamError:
    """The error without our key: providers like to quote it."""
    text = str(error)
    for secret in request.secrets():
        text = text.replace(secret, "***")
    error.args = (text, *error.args[1:])
    return error


def renamed(error: Exception) -> Exception:
    """A library's exception as one of ours.

    It is not chained: the frames behind it hold headers, and headers hold keys.
    """
    where = f"{error.host}:{error.port}" if isinstance(error, aiohttp.ClientConnectorError) else "the server"
    ours: Exception
    match error:
        case aiohttp.ClientConnectorDNSError():
            ours = NameResolutionError(
                f"cannot find the address of {error.host}: is the name right, and is there a network?"
            )
        case aiohttp.ClientSSLError() | ssl.SSLError():
            ours = TlsError(f"TLS with {where} failed: {reason(error)}")
        case aiohttp.ConnectionTimeoutError():
            ours = StreamStalled("connect", seconds(error))
        case aiohttp.SocketTimeoutError():
            ours = StreamStalled("idle", seconds(error))
        case aiohttp.ClientConnectorError():
            ours = ConnectError(f"cannot connect to {where}: {reason(error)}")
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            ours = ConnectionLost("the connection broke off before the answer was complete")
        case aiohttp.ClientError():
            ours = ProtocolError(f"not an HTTP answer that can be read: {type(error).__name__}")
        case _:
            return error
    return ours


def reason(error: Any) -> str:
    os_error = getattr(error, "os_error", error)
    return getattr(os_error, "verify_message", None) or getattr(os_error, "strerror", None) or type(os_error).__name__


def seconds(error: Exception) -> float:
    return next((float(word) for word in str(error).split() if word.replace(".", "").isdigit()), 0.0)


class GuardedResolver(AbstractResolver):
    """Resolve names, and refuse those that lead to a metadata service, whatever the name says."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(is_forbidden_address(entry["host"]) for entry in found):
            raise OSError(f"{host} leads to a metadata service, not to a provider")
        return found

    async def close(self) -> None:
        await self._inner.close()
