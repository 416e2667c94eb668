"""Go on from the last event that came, by its number: the very events that were cut off.

OpenAI: https://platform.openai.com/docs/guides/background#streaming-a-background-response
Gemini: https://ai.google.dev/gemini-api/docs/interactions#streaming
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ...streams import codec
from ...streams.call import Call
from ...streams.errors import MalformedEvent, StreamError
from ...streams.joint import Joint
from ...streams.request import CompletionRequest
from ...streams.tokens import StreamToken
from ...streams.types import Transducer
from ..http import Headers, HttpRequest
from .passage import Passage, Plan

if TYPE_CHECKING:
    from ..dialects.gemini_interactions.decode import InteractionsDecoder
    from ..dialects.openai_responses.decode import ResponsesDecoder

__all__ = ["INTERACTIONS_CURSOR", "RESPONSES_CURSOR", "Cursor", "Place", "Sequence", "address_of", "fill_again"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream broke off: the answer's id, and the mark of the last event that came."""

    id: str
    mark: int | str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How a server marks its events, and how it is asked for those after a mark.

    Attributes:
        kept: Why the server does not keep this answer, as it was asked for; None when it does.
        reached: Where a decoder has got to; None when it was not told.
        query: What the address ends in; ``{}`` stands for the mark.
        come: Whether an event came before the break, or with it: its fields, and the mark.
        follows: Whether an event is the first after the mark.
    """

    kept: Callable[[CompletionRequest], str | None]
    reached: Callable[[Any], Place | None]
    query: str
    come: Callable[[abc.Mapping[str, Any], Any], bool]
    follows: Callable[[abc.Mapping[str, Any], Any], bool]

    def place(self, decoder: Transducer[Any, StreamToken]) -> Place | None:
        """Where this decoder, or the one inside of it, has got to."""
        return self.reached(decoder.inner if isinstance(decoder, Joint) else decoder)


@dataclass(frozen=True, slots=True)
class Sequence:
    """The same stream from the next event on, read by the decoder that read the events before.

    It is used only for an answer which the server keeps because it was asked to: that is nothing to do silently.
    """

    cursor: Cursor
    name: str = "sequence"
    gapless: bool = True

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Plan | str:
        decoder = passage.decoder
        if why := self.cursor.kept(call.request):
            return why
        place = None if decoder is None else self.cursor.place(decoder)
        if decoder is None or place is None or getattr(decoder, "ended", False):
            return "the server has not said where we are" if place is None else "the answer was over"
        url = address_of(passage, call, place.id, self.cursor.query)

        async def prepare(_: Call) -> HttpRequest:
            again = self.cursor.place(decoder) or place
            address = url.replace("{}", quote(str(again.mark), safe=""))
            return await passage.provider.authorize(HttpRequest("GET", address, asking(passage), b""))

        return Plan(
            prepare,
            passage.provider.dialect.framer,
            lambda: Unseen(decoder, self.cursor),
            fill_again(call),
        )


class Unseen:
    """A decoder that goes on where it stopped: what had come is not told again. A transducer.

    Raises:
        MalformedEvent: When what comes is not what follows; the answer would have a gap.
    """

    __slots__ = ("_cursor", "_decoder", "_feed_batch", "_mark", "_met")

    def __init__(self, decoder: Transducer[Any, StreamToken], cursor: Cursor) -> None:
        self._decoder = decoder
        self._cursor = cursor
        place = cursor.place(decoder)
        self._mark = None if place is None else place.mark
        self._met = False
        self._feed_batch: Callable[[Any], Any] | None = getattr(decoder, "feed_batch", None)

    @property
    def ended(self) -> bool:
        return getattr(self._decoder, "ended", False)

    def feed(self, payload: bytes, /) -> abc.Iterable[StreamToken]:
        if not self._met and payload.strip() != b"[DONE]":
            event = codec.loads_object(payload)
            if self._cursor.come(event, self._mark):
                return ()
            if not self._cursor.follows(event, self._mark):
                raise MalformedEvent("the stream was taken up again, and events are missing")
            self._met = True
        return self._decoder.feed(payload)

    def feed_batch(self, payloads: abc.Sequence[bytes], /) -> abc.Sequence[StreamToken] | None:
        return self._feed_batch(payloads) if self._met and self._feed_batch is not None else None

    def close(self) -> abc.Iterable[StreamToken]:
        return self._decoder.close()


def fill_again(call: Call) -> Callable[[Call], None]:
    """Go on filling the attempt that broke off: it is one answer, and is paid for once."""
    broken = call.attempt

    def begin(call: Call) -> None:
        call.attempt = broken
        broken.begun = False

    return begin


def address_of(passage: Passage, call: Call, id: str, query: str) -> str:
    """Where the provider keeps an answer: below the address at which it was asked for."""
    path, mark, rest = passage.provider.endpoint(call.request).partition("?")
    return f"{path}/{quote(id, safe='')}?{rest}{'&' * bool(mark)}{query}"


def asking(passage: Passage) -> Headers:
    return Headers({"accept": "text/event-stream", **passage.provider.headers})


def kept_by_openai(request: CompletionRequest) -> str | None:
    """OpenAI keeps what is asked for with ``background`` and ``store``, and nothing else."""
    if request.extra.get("background") is not True or request.extra.get("store") is False:
        return 'it was not asked for with extra={"background": True, "store": True}'
    return None


def place_in_response(decoder: ResponsesDecoder) -> Place | None:
    if not decoder.response_id or decoder.sequence_number is None:
        return None
    return Place(decoder.response_id, decoder.sequence_number)


def number_of(event: abc.Mapping[str, Any]) -> int:
    number = event.get("sequence_number")
    return number if isinstance(number, int) else -1


RESPONSES_CURSOR: Final = Cursor(
    kept=kept_by_openai,
    reached=place_in_response,
    query="stream=true&starting_after={}",
    come=lambda event, mark: number_of(event) <= mark and event.get("type") != "error",
    follows=lambda event, mark: number_of(event) == mark + 1 or event.get("type") == "error",
)


def kept_by_google(request: CompletionRequest) -> str | None:
    """Google keeps interactions unless it is told not to."""
    return "it was asked for with store=False" if request.extra.get("store") is False else None


def place_in_interaction(decoder: InteractionsDecoder) -> Place | None:
    if not decoder.interaction_id or not decoder.event_id:
        return None
    return Place(decoder.interaction_id, decoder.event_id)


# Its marks say nothing of order, so that only the repetition of the last event can be seen.
INTERACTIONS_CURSOR: Final = Cursor(
    kept=kept_by_google,
    reached=place_in_interaction,
    query="stream=true&last_event_id={}",
    come=lambda event, mark: event.get("event_id") == mark,
    follows=lambda event, mark: True,
)
