"""Responses that were asked for in the background: kept, so that a broken stream can be taken up again.

https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from aiohttp import web

from ...sources.shape import object_of, text_of
from ...streams import codec
from ...streams.codec import Json
from ...streams.errors import InvalidRequest, ProtocolError, StreamError
from ...streams.request import CompletionRequest
from .answer import Answer
from .delivery import Delivery, Sleep
from .endpoint import Endpoint
from .events import Event, events_of, spoken
from .pace import Pacer
from .received import Received
from .wire import send

__all__ = ["Background"]

MAX_KEPT: Final = 100
MAX_EVENTS: Final = 100_000
STREAMED_FOR: Final = 300.0
TOO_OLD: Final = "This response can no longer be streamed because it is more than 5 minutes old."


@dataclass(frozen=True, slots=True)
class Kept:
    """A response: its events by their numbers, since when it is written, and when it is complete."""

    events: tuple[tuple[int, Event], ...]
    response: Json
    answer: Answer
    since: float
    complete_at: float


class Background:
    """What the server has of such responses: the latest hundred.

    They go on being written when the client has gone, and can be streamed from any event on for five minutes;
    after that, as at the provider, they can be had whole only.
    """

    def __init__(self, sleep: Sleep, now: Callable[[], float]) -> None:
        self._sleep, self._now = sleep, now
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def keep(
        self, endpoint: Endpoint, answer: Answer, request: CompletionRequest, body: Json, response_id: str
    ) -> Answer:
        """Keep what this answer will be, if the request asks for that; the answer, which is now a recording."""
        if body.get("background") is not True or not endpoint.keeps or answer.status >= 300:
            return answer
        script = answer.script
        if isinstance(script, StreamError):
            return answer
        dialect = endpoint.dialect
        written = (
            events_of([script], dialect)
            if isinstance(script, bytes)
            else spoken(script(request, response_id), dialect.encode(body))
        )
        events = list(islice(written, MAX_EVENTS))
        told = [payload_of(endpoint, event) for event in events]
        numbers = [number_of(payload, place) for place, payload in enumerate(told)]
        responses = [response for payload in told if (response := object_of(payload.get("response")))]
        if responses and (name := text_of(responses[0].get("id"))):
            seconds = sum(seconds for seconds, _ in Pacer(answer.pace).writes(events))
            now = self._now()
            self._kept[name] = Kept(tuple(zip(numbers, events, strict=True)), responses[-1], answer, now, now + seconds)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return replace(answer, script=b"".join(event.data for event in events))

    async def tell(self, endpoint: Endpoint, http: web.Request, call: Received) -> web.StreamResponse:
        """Answer ``GET /responses/{id}``, whole or as a stream from ``starting_after`` on.

        Raises:
            InvalidRequest: For a response that is not kept, or is too old to be streamed.
        """
        name = http.match_info["response"]
        kept = self._kept.get(name)
        if kept is None:
            raise InvalidRequest(f"Response with id '{name}' not found.", status=404)
        if http.query.get("stream") != "true":
            return await send(http, call, 200, {"content-type": "application/json"}, self._whole(kept))
        if self._now() - kept.since > STREAMED_FOR:
            raise InvalidRequest(TOO_OLD, status=400)
        after = starting_after(http.query)
        rest = b"".join(event.data for number, event in kept.events if number > after)
        answer = Answer.recording(rest, pace=kept.answer.pace, headers=kept.answer.headers)
        request = CompletionRequest(model=text_of(kept.response.get("model")) or "unknown", messages="Go on.")
        return await Delivery(answer, endpoint, http, call, self._sleep, self._now).run(request, {})

    def _whole(self, kept: Kept) -> bytes:
        if self._now() < kept.complete_at:
            return codec.dumps({**kept.response, "status": "in_progress", "output": [], "usage": None})
        return codec.dumps(kept.response)


def starting_after(query: Mapping[str, str]) -> int:
    given = query.get("starting_after", "-1")
    try:
        return int(given)
    except ValueError:
        raise InvalidRequest("starting_after must be the number of an event.", status=400) from None


def payload_of(endpoint: Endpoint, event: Event) -> Json:
    """What an event says; nothing where it cannot be read, as in a recording of something broken."""
    framer = endpoint.dialect.framer()
    try:
        payloads = list(framer.feed(event.data))
        return codec.loads_object(payloads[-1]) if payloads else {}
    except ProtocolError:
        return {}


def number_of(payload: Json, place: int) -> int:
    number = payload.get("sequence_number")
    return number if isinstance(number, int) else place
