"""The emulator: a local server that answers as a provider would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiohttp import web

from ...sources.address import is_loopback
from ...streams.loops import background_loop
from .answer import Answer
from .delivery import Sleep
from .endpoint import Endpoint
from .endpoints import ENDPOINTS, environment_lines
from .received import Received
from .service import Answers, Service, in_turn
from .wire import forever

__all__ = ["Emulator", "serve"]

MAX_BODY_BYTES: Final = 32 << 20
MAX_CALLS: Final = 1_000
MODELS: Final = ("emulator",)


class Emulator:
    """A server on this machine that speaks providers' wires over real HTTP, as well or as badly as it is told.

    Args:
        answers: What to say: one :class:`.Answer` for every request; several, in turn, of which the last
            repeats; or a function of the request, which may be async and may raise a ``StreamError`` to
            refuse. By default a friendly text.
        host, port: Where to listen; port 0 is any free one. Only loopback, unless ``allow_remote``.
        keys: The keys that are accepted; by default any, but there must be one.
        models: What the list of models holds. Any model is answered.
        endpoints: What is spoken where.
        max_body_bytes: The longest request; longer ones are refused with 413.
        max_calls: How many of the latest :attr:`calls` are kept.
        sleep, clock: How time passes, for tests that do not wait.

    Example::

        async with Emulator(Answer.text("Hello there.")) as server:
            provider = openai(api_key="any", base_url=server.url + "/v1")

    In a program without an event loop ``with`` does the same, on the library's own thread.

    Raises:
        ValueError: For no answers at all, no keys at all, or a host that others could reach.
    """

    def __init__(
        self,
        answers: Answers | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        keys: Iterable[str] | None = None,
        models: Sequence[str] = MODELS,
        endpoints: Sequence[Endpoint] = ENDPOINTS,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_calls: int = MAX_CALLS,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ValueError(f"{host} can be reached from elsewhere: listen on 127.0.0.1, or pass allow_remote=True")
        accepted = None if keys is None else frozenset(keys)
        if accepted is not None and not all(accepted or [""]):
            raise ValueError("keys must hold at least one key, and no empty one")
        self._service = Service(
            in_turn(Answer.text() if answers is None else answers),
            endpoints=endpoints,
            keys=accepted,
            models=models,
            max_body_bytes=max_body_bytes,
            max_calls=max_calls,
            sleep=sleep,
            clock=clock,
        )
        self._host, self._port, self._endpoints = host, port, endpoints
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"Emulator({self.url if self._runner else 'not running'}, calls={self._service.received})"

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:40123``."""
        host, port = self._running.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def calls(self) -> Sequence[Received]:
        """What it was sent, the latest last."""
        return tuple(self._service.calls)

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open now, idle ones included."""
        server = self._running.server
        transports = [connection.transport for connection in server.connections] if server else []
        return sum(transport is not None and not transport.is_closing() for transport in transports)

    @property
    def environment(self) -> list[str]:
        """What to tell a shell so that clients find this emulator."""
        return environment_lines(self.url, self._endpoints)

    @property
    def _running(self) -> web.AppRunner:
        if self._runner is None:
            raise RuntimeError("the emulator is not running: enter it with `async with`, or with `with`")
        return self._runner

    async def start(self) -> None:
        """Listen."""
        if self._runner is not None:
            raise RuntimeError("the emulator is running already")
        app = self._service.application()
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=1024).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner, self._service.closing = runner, False

    async def aclose(self) -> None:
        """Hang up on everybody, and stop listening. It may be called twice."""
        runner, self._runner, self._service.closing = self._runner, None, True
        if runner is None:
            return
        for connection in runner.server.connections if runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Emulator:
        asyncio.run_coroutine_threadsafe(self.start(), background_loop()).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.aclose(), background_loop()).result()


async def serve(server: Emulator, say: Callable[[str], object] = print) -> None:
    """Run a server until cancelled, having said how to point clients at it."""
    async with server:
        for line in server.environment:
            say(line)
        await forever()
