"""Connections, kept for the next request: one pool for each event loop, which ends with its loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from types import AsyncGeneratorType, CoroutineType
from typing import Any, Final, TypeAlias, cast
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http import HttpProcessingError
from yarl import URL

from ..streams.errors import ConnectionLost, ProtocolError, StreamError
from .address import is_forbidden_address, is_loopback
from .idle import Silence
from .outgoing import request_class

__all__ = [
    "READ_SIZE",
    "Answer",
    "ForbiddenAddress",
    "Sessions",
    "closed_early",
    "closing",
    "environment_proxy",
    "hang_up",
    "look_away",
    "look_away_later",
]

READ_SIZE: Final = 16 << 10
MOST_UNASKED: Final = 64
# aiohttp's own attributes, and no harm if it should have others: then they stay.
FORGOTTEN: Final = ("_cache", "_headers", "_raw_headers", "_request_info")


class ForbiddenAddress(OSError):
    """A name leads to a metadata service."""


class GuardedResolver(AbstractResolver):
    """Resolve names, and refuse those that lead to a metadata service, whatever the name says."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(is_forbidden_address(entry["host"]) for entry in found):
            raise ForbiddenAddress(f"{host} leads to a metadata service, not to a provider")
        return found

    async def close(self) -> None:
        await self._inner.close()


class Connector(aiohttp.TCPConnector):
    """Keeps connections, but gives none whose server has spoken unasked since: it would be taken for the next answer.

    RFC 9112 §9.2: a client that receives data on a connection without a request outstanding must not take it for the
    answer to one, and should close the connection.
    """

    async def connect(self, *args: Any, **settings: Any) -> Any:
        for _ in range(MOST_UNASKED):
            connection = await super().connect(*args, **settings)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError("the server speaks before it is asked")


class Answer(aiohttp.ClientResponse):
    """A response that hangs up at once when its head is not waited for any longer, or does not come in time.

    One class for all pools: what Python knows of the attributes of a class saves half a kilobyte a response.
    """

    def __init__(self, silence: Silence, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.silence = silence
        self.since = 0.0
        self.before: Any = None
        self.behind: Any = None

    def start(self, connection: Any) -> CoroutineType[Any, Any, aiohttp.ClientResponse]:
        """Wait for the head; when that fails or is cancelled, aiohttp closes us."""
        self.since = monotonic()
        self.silence.watch(self)
        return super().start(connection)

    def fail(self, error: StreamError) -> None:
        """The head has not come in time."""
        connection = self.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.set_exception(error)

    def close(self) -> None:
        # To close would be to send first what is still to be sent (a long prompt, TLS's farewell), to a server that
        # may not be reading.
        self.silence.leave(self)
        connection = self.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        super().close()

    def forget(self) -> None:
        """Let go of the head and of the request, which nobody asks for any more: the body may come for long."""
        self.since = 0.0
        for name in FORGOTTEN:
            if hasattr(self, name):
                setattr(self, name, None)


def hang_up(response: Answer) -> bool:
    """Close the connection unless the whole answer has come; nothing is drained, nothing waited for.

    Returns:
        Whether there was still one to close.
    """
    connection = response.connection
    response.close()
    return connection is not None


def closing(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """What is set when the connection of a body closes that is still being read; who asks looks at it.

    aiohttp tells a reader of a connection that breaks off, but leaves it waiting when it was aiohttp that closed:
    because chunks cannot be parsed, or because the session was closed.
    """
    connection = response.connection
    protocol = None if connection is None else connection.protocol
    closed = None if protocol is None else protocol.closed
    if closed is None or response.content.is_eof():
        return None
    closed.remove_done_callback(look_away)
    return closed


def closed_early(protocol: Any) -> StreamError:
    """Why a connection closed before its answer was complete."""
    if isinstance(protocol.exception(), HttpProcessingError):
        return ProtocolError("the answer's chunks cannot be read")
    return ConnectionLost("the connection was closed before the answer was complete")


def look_away_later(closed: asyncio.Future[None]) -> None:
    """A connection that is kept may break later, and asyncio complains of exceptions that nobody looked at."""
    if not closed.done():
        closed.add_done_callback(look_away)


def look_away(closed: asyncio.Future[None]) -> None:
    """It has been seen."""
    if not closed.cancelled():
        closed.exception()


class Pool:
    """One loop's session, and who watches its streams; it ends when it is told to, or with its loop."""

    def __init__(self, session: aiohttp.ClientSession, silence: Silence, forget: Callable[[], object]) -> None:
        self.session = session
        self.silence = silence
        self._forget = forget
        self._guard = cast("AsyncGeneratorType[None, None]", self._until_loop_ends())
        self._ending: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Have the loop tell us when it ends: asyncio.run closes generators before it closes the loop."""
        await anext(self._guard)

    def end(self) -> asyncio.Task[None]:
        """Close the connections, once for all who ask for it; runs in the loop."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return self._ending

    async def _end(self) -> None:
        try:
            self.silence.stop()
            await self.session.close()
        finally:
            # Two cannot close one generator: the loop does, and waits for us, or we do, when it has no more to do.
            if not self._guard.ag_running:
                await self._guard.aclose()

    async def _until_loop_ends(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self._forget()
            if not self.session.closed:
                self.silence.stop()
                await self.session.close()
            elif self._ending is not None and self._ending is not asyncio.current_task():
                await asyncio.wait([self._ending])


Pools: TypeAlias = dict[asyncio.AbstractEventLoop, Pool]


class Sessions:
    """aiohttp's sessions, one for each event loop that asks for one; each ends with its loop, or with this."""

    def __init__(self, connect_timeout: float, read_timeout: float, ssl_context: ssl.SSLContext | None) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout, ceil_threshold=float("inf"))
        self._read_timeout = read_timeout
        self._ssl_context = ssl_context
        self._pools: Pools = {}
        weakref.finalize(self, drop, self._pools).atexit = False

    async def current(self) -> aiohttp.ClientSession:
        """The running loop's session, made at first use."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.session.closed:
            for gone in [other for other in list(self._pools) if other.is_closed()]:
                self._pools.pop(gone, None)
            silence = Silence(self._read_timeout)
            session = self._new_session(silence, request_class())
            pool = self._pools[loop] = Pool(session, silence, partial(forget, self._pools, loop, session))
            await pool.begin()
        return pool.session

    async def aclose(self) -> None:
        """Close the running loop's session, if there is one."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await asyncio.shield(pool.end())

    def _new_session(self, silence: Silence, request: type[aiohttp.ClientRequest]) -> aiohttp.ClientSession:
        answer: Any = partial(Answer, silence)
        connector = Connector(
            limit=0, resolver=GuardedResolver(), ssl=self._ssl_context or True, timeout_ceil_threshold=float("inf")
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_SIZE,
            request_class=request,
            response_class=answer,
            headers={"user-agent": "tokenrill", "accept-encoding": "identity"},
        )


def forget(pools: Pools, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession) -> None:
    """This session of a loop that ends; another may have taken its place."""
    if loop in pools and pools[loop].session is session:
        del pools[loop]


def drop(pools: Pools) -> None:
    """Close the pools of an owner that is no more, each in its own loop."""
    for loop, pool in list(pools.items()):
        with suppress(RuntimeError):  # it has ended, and the pool with it
            loop.call_soon_threadsafe(pool.end)


def environment_proxy(url: URL) -> str | None:
    """What ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` say for this address; unlike aiohttp's, without netrc.

    This machine is always reached directly: what is for it alone may go to it unencrypted.
    """
    host = url.host or ""
    proxy = None if is_loopback(host) or proxy_bypass(host) else getproxies().get(url.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
