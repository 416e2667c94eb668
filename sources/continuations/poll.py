"""Ask for the whole answer, until it is there, and tell what of it had not been told.

A background response "can no longer be streamed because it is more than 5 minutes old", but can still be had.
https://platform.openai.com/docs/guides/background https://github.com/openai/openai-python/issues/2828
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ...streams import codec
from ...streams.call import Call
from ...streams.errors import LimitExceeded, StreamError, StreamStalled
from ...streams.tokens import StreamToken
from ..dialects.openai_responses.decode import ResponsesDecoder
from ..dialects.openai_responses.rest import rest_of_response
from ..exchange import MAX_ANSWER_BYTES, whole_answer
from ..http import Headers, HttpRequest
from ..shape import text_of
from .passage import Passage, Plan
from .sequence import address_of, fill_again, kept_by_openai, place_in_response

__all__ = ["Poll"]

JSON: Final = ("application/json",)
UNFINISHED: Final = ("queued", "in_progress")


@dataclass(frozen=True, slots=True)
class Poll:
    """Look every few seconds whether a background response is complete, then tell the rest of it.

    What was told must be its beginning, to the letter; else the stream errors with
    :class:`~tokenrill.MalformedEvent`.
    """

    every: float = 2.0
    within: float = 3600.0
    name: str = "poll"
    gapless: bool = True
    sleep: Callable[[float], Awaitable[Any]] = field(default=asyncio.sleep, repr=False)

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Plan | str:
        decoder = passage.decoder
        if why := kept_by_openai(call.request):
            return why
        if not isinstance(decoder, ResponsesDecoder) or (place := place_in_response(decoder)) is None:
            return "the server has not said which response it is"
        if decoder.ended:
            return "the answer was over"
        url = address_of(passage, call, place.id, "").removesuffix("?").removesuffix("&")
        attempt = call.attempt

        async def prepare(call: Call) -> HttpRequest:
            await self._until_complete(passage, call, url)
            return await get(passage, url)

        return Plan(
            prepare,
            WholeBody,
            lambda: Rest(decoder, lambda: attempt.reply.choices[0].parts),
            fill_again(call),
            content_types=JSON,
        )

    async def _until_complete(self, passage: Passage, call: Call, url: str) -> None:
        waited = 0.0
        while True:
            answer = await whole_answer(
                passage.provider.http,
                call,
                lambda: get(passage, url),
                partial(passage.accept, call),
                passage.provider.dialect.refuse,
            )
            if text_of(codec.loads_object(answer).get("status")) not in UNFINISHED:
                return
            if waited >= self.within:
                raise StreamStalled("total", self.within, retryable=False)
            await self.sleep(self.every)
            waited += self.every


async def get(passage: Passage, url: str) -> HttpRequest:
    headers = Headers({**passage.provider.headers, "accept": "application/json"})
    return await passage.provider.authorize(HttpRequest("GET", url, headers, b""))


class WholeBody:
    """Join a body that is one JSON object. A transducer."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes, /) -> Iterator[bytes]:
        self._held += chunk
        if len(self._held) > MAX_ANSWER_BYTES:
            raise LimitExceeded("max_answer_bytes", MAX_ANSWER_BYTES)
        return iter(())

    def close(self) -> Iterator[bytes]:
        yield bytes(self._held)


class Rest:
    """The rest of a whole response, through the decoder that was told its beginning. A transducer."""

    __slots__ = ("_decoder", "_told")

    def __init__(self, decoder: ResponsesDecoder, told: Callable[[], Any]) -> None:
        self._decoder = decoder
        self._told = told

    def feed(self, body: bytes, /) -> Iterator[StreamToken]:
        yield from rest_of_response(self._decoder, codec.loads_object(body), self._told())

    def close(self) -> Iterator[StreamToken]:
        return self._decoder.close()
