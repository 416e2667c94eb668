"""One answer on its way to one client, and the fault on that way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias

from aiohttp import web

from ...streams.codec import Json
from ...streams.errors import StreamError
from ...streams.request import CompletionRequest
from .answer import Answer
from .endpoint import Endpoint
from .events import Event, events_of, spoken
from .fault import Fault, Lookahead
from .pace import LARGE_WRITE, Pacer
from .received import Received
from .wire import Wire, forever, send

__all__ = ["Delivery", "Sleep"]

Sleep: TypeAlias = Callable[[float], Awaitable[object]]
NOT_HTTP: Final = b"\x00\x01 this is not HTTP \x02\r\n\r\n"
HALF_A_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Ty"


class Delivery:
    """Say one :class:`.Answer` to one request.

    Args:
        answer, endpoint: What to say, and in which language.
        http, call: The request, and its record, which is kept up to date.
        sleep, now: How to wait, and the clock of the record.
    """

    def __init__(
        self,
        answer: Answer,
        endpoint: Endpoint,
        http: web.Request,
        call: Received,
        sleep: Sleep,
        now: Callable[[], float],
    ) -> None:
        self._answer = answer
        self._endpoint = endpoint
        self._http = http
        self._call = call
        self._sleep = sleep
        self._pacer = Pacer(answer.pace)
        self._wire = Wire(http, call, now, gzip=answer.gzip)

    async def run(self, request: CompletionRequest, body: Json) -> web.StreamResponse:
        """Answer as the script says; it returns when the body has ended, well or not.

        Raises:
            StreamError: When the request is to be refused with it.
        """
        fault, script = self._answer.fault, self._answer.script
        if fault is not None and fault.before_headers:
            await self._break_before_headers(fault)
        if isinstance(script, StreamError) or self._answer.status >= 300:
            return await self._whole()
        await self._wire.open(self._answer.status, self._headers())
        events = self._events(request, body)
        if fault is not None and not fault.before_headers:
            heard = events_of(
                (event.data for event in events), self._endpoint.dialect, end_mark=self._endpoint.end_mark
            )
            await self._break(fault, Lookahead(heard))
        else:
            await self._write(self._pacer.writes(events))
        return await self._wire.end()

    async def _whole(self) -> web.StreamResponse:
        answer = self._answer
        status, headers, body = answer.status, dict[str, str](), b""
        if isinstance(answer.script, StreamError):
            status, headers, body = self._endpoint.dialect.encode_error(answer.script)
        elif isinstance(answer.script, bytes):
            body = answer.script
        return await send(self._http, self._call, status, {**headers, **answer.headers}, body)

    def _headers(self) -> dict[str, str]:
        dialect = self._endpoint.dialect
        request_id = {name: f"emulated-{self._call.number}" for name in dialect.request_id_headers[:1]}
        kind = {"content-type": dialect.content_types[0], "cache-control": "no-cache"}
        return {**kind, **request_id, **self._answer.headers}

    def _events(self, request: CompletionRequest, body: Json) -> Iterator[Event]:
        script, dialect = self._answer.script, self._endpoint.dialect
        if isinstance(script, bytes):
            blocks = (script[start : start + LARGE_WRITE] for start in range(0, len(script), LARGE_WRITE))
            return events_of(blocks, dialect) if self._answer.pace.needs_events else map(Event, blocks)
        assert not isinstance(script, StreamError)
        return spoken(script(request, f"emulated-{self._call.number}"), dialect.encode(body))

    async def _write(self, writes: Iterable[tuple[float, bytes]]) -> None:
        for seconds, data in writes:
            # A socket that takes everything at once would never let the loop turn.
            await (self._sleep(seconds) if seconds > 0 else asyncio.sleep(0))
            await self._wire.write(data)

    async def _break_before_headers(self, fault: Fault) -> None:
        self._call.struck = True
        match fault.kind:
            case "latency":
                await self._sleep(fault.seconds)
            case "stall":
                await forever()
            case "reset":
                await self._wire.reset()
            case "truncate":
                await self._wire.close(HALF_A_HEAD)
            case "garbage":
                await self._wire.close(NOT_HTTP if fault.data is None else fault.data)
            case "error":
                raise fault.failure
            case _:
                await self._wire.close()

    async def _break(self, fault: Fault, events: Lookahead) -> None:
        await self._write(self._pacer.writes(events.until(fault)))
        self._call.struck = events.reached(fault)
        if self._call.struck and await self._is_over(fault, events):
            return
        await self._write(self._pacer.writes(events.rest()))

    async def _is_over(self, fault: Fault, events: Lookahead) -> bool:
        """Do what the fault does here; whether the answer ends with it."""
        opening = b"" if self._call.written else self._endpoint.opening
        match fault.kind:
            case "latency":
                await self._sleep(fault.seconds)
            case "stall" | "slow_close":
                await forever()
            case "cut":
                return True
            case "close":
                await self._wire.close()
            case "reset":
                await self._wire.reset()
            case "truncate":
                half = next((event.data[: len(event.data) // 2] for event in events.rest()), b"")
                await self._wire.write(half)
                return True
            case "garbage":
                await self._wire.write(opening + self._endpoint.garbage if fault.data is None else fault.data)
            case "error":
                await self._wire.write(opening + self._endpoint.error_frame(self._endpoint.dialect, fault.failure))
                return True
        return False
