"""xAI. https://docs.x.ai/developers/rest-api-reference

A deferred completion is asked for, fetched later, and told once: it may be fetched for 24 hours.
https://docs.x.ai/developers/advanced-api-usage/deferred-chat-completions
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from reactivex import Observable

from ..operators import transduce
from ..streams import codec
from ..streams.call import Account, Call
from ..streams.codec import Json
from ..streams.errors import MalformedEvent, StreamError, StreamStalled
from ..streams.request import CompletionRequest
from ..streams.tokens import StreamToken
from .address import checked_base_url, path_segment
from .auth import bearer, from_environment
from .continuations.ways import ANY_MODEL
from .dialect import Dialect
from .dialects.openai_chat import OPENAI_CHAT
from .dialects.openai_chat.decode import ChatDecoder
from .dialects.openai_responses import OPENAI_RESPONSES
from .exchange import whole_answer
from .http import Body, Headers, Http, HttpRequest, ResponseHead
from .provider import Provider
from .pump import Push
from .shape import objects_of, text_of

__all__ = ["Deferred", "xai", "xai_deferred"]

APIS: Final = {"chat": (OPENAI_CHAT, "chat/completions"), "responses": (OPENAI_RESPONSES, "responses")}
ACCEPTED: Final = 202


def xai(
    *,
    api: Literal["chat", "responses"] = "chat",
    api_key: str | None = None,
    base_url: str = "https://api.x.ai/v1",
    http: Http | None = None,
    allow_http: bool = False,
) -> Provider:
    """xAI's chat completions or its Responses API.

    Args:
        api: ``chat`` for chat completions, ``responses`` for the Responses API.
        api_key: By default the environment variable ``XAI_API_KEY``.
        base_url: Where the API is.
        http: A pool to share with other providers; by default this provider has its own.
        allow_http: Let the key and the prompts go unencrypted to a host that is not this machine.

    Example:
        >>> xai(api_key="xai-example").name
        'x_ai'

    Raises:
        MissingCredential: When there is no key.
        ValueError: When the key or the address cannot be used, or when there is no such ``api``.
    """
    if api not in APIS:
        raise ValueError(f"api is {' or '.join(APIS)}, not {api!r}")
    dialect, path = APIS[api]
    address = checked_base_url(base_url, allow_http=allow_http)
    return Provider(
        name="x_ai",
        dialect=dialect,
        endpoint=lambda _: f"{address}/{path}",
        authorize=bearer(from_environment(api_key, "XAI_API_KEY", provider="xAI")),
        http=http or Http(),
        continuations=ANY_MODEL,
    )


def xai_deferred(
    *,
    api_key: str | None = None,
    base_url: str = "https://api.x.ai/v1",
    every: float = 10.0,
    within: float = 3600.0,
    http: Http | None = None,
    allow_http: bool = False,
) -> Deferred:
    """xAI's chat completions, asked for now and fetched when they are ready: the answer comes whole.

    Args:
        every: Seconds between one look and the next.
        within: Seconds of waiting after which to give up; the answer stays on the server, for 24 hours at most.
        api_key, base_url, http, allow_http: As for :func:`xai`.

    Example:
        >>> xai_deferred(api_key="xai-example", within=600).name
        'x_ai'

    Raises:
        MissingCredential: When there is no key.
        ValueError: When the key or the address cannot be used, or ``every`` and ``within`` are not more than 0.
    """
    if not 0 < every <= within < float("inf"):
        raise ValueError("every and within are seconds, more than 0, and within is no less than every")
    provider = xai(api_key=api_key, base_url=base_url, http=http, allow_http=allow_http)
    address = checked_base_url(base_url, allow_http=allow_http)
    return Deferred(replace(provider, dialect=DEFERRED_CHAT), f"{address}/chat/deferred-completion", every, within)


@dataclass(frozen=True, slots=True)
class Deferred:
    """Ask, then look from time to time whether the answer is there. A :class:`.Source`.

    While it waits, errors that are worth a second try (a lost connection, a 503) only cost the next look. Once the
    answer has begun to come it is gone from the server, so a break from there on is the stream's error.
    Disposing stops the looking; what was asked is answered, and billed, all the same.
    """

    provider: Provider
    address: str
    every: float
    within: float
    sleep: Callable[[float], Awaitable[Any]] = field(default=asyncio.sleep, repr=False)

    @property
    def name(self) -> str:
        """OpenTelemetry's ``gen_ai.provider.name``."""
        return self.provider.name

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The answer as tokens; it completes after :class:`.Finish`."""

        call.credential = self.provider.credential

        async def work(push: Push[bytes]) -> Exception | None:
            push(await self._fetch(call, await self._ask(call)))
            return None

        return Body(work).pipe(transduce(WholeAnswer), transduce(lambda: Account(call)))

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self.provider.aclose()

    async def _ask(self, call: Call) -> str:
        exchange = Exchange(self.provider, call)
        answer = await exchange.whole(lambda: self.provider.prepare(call.request))
        if request_id := text_of(codec.loads_object(answer).get("request_id")):
            return request_id
        raise MalformedEvent("the answer to a deferred request names no request_id")

    async def _fetch(self, call: Call, request_id: str) -> bytes:
        url = f"{self.address}/{path_segment(request_id, 'request_id')}"

        async def prepare() -> HttpRequest:
            return await self.provider.authorize(HttpRequest("GET", url, Headers(accept="application/json"), b""))

        waited = 0.0
        while waited < self.within:
            await self.sleep(self.every)
            waited += self.every
            exchange = Exchange(self.provider, call)
            try:
                answer = await exchange.whole(prepare)
            except StreamError as error:
                if exchange.status == 200:
                    error.add_note(
                        "the answer was told once, and is gone: asking again has another written, and billed"
                    )
                    raise
                if not error.retryable:
                    raise
                continue
            if exchange.status != ACCEPTED:
                return answer
        raise StreamStalled("total", self.within, retryable=False)


class Exchange:
    """One request and its whole answer."""

    def __init__(self, provider: Provider, call: Call) -> None:
        self._provider = provider
        self._call = call
        self.status = 0

    async def whole(self, prepare: Callable[[], Awaitable[HttpRequest]]) -> bytes:
        """The body; when cancelled, the connection is closed."""
        provider = self._provider
        return await whole_answer(provider.http, self._call, prepare, self._accept, provider.dialect.refuse)

    def _accept(self, head: ResponseHead) -> None:
        self.status = head.status
        if head.status != ACCEPTED:
            self._provider.dialect.check_content_type(head.headers)
        self._call.attempt.request_id = self._provider.dialect.request_id(head.headers) or self._call.request_id
        self._call.attempt.rate_limits = self._provider.dialect.rate_limits(head.headers) or self._call.rate_limits


class WholeAnswer:
    """A ``chat.completion`` object to tokens: the same as one chunk that says it all. A transducer."""

    def feed(self, body: bytes, /) -> Iterator[StreamToken]:
        answer = codec.loads_object(body)
        choices = [
            {**{name: value for name, value in choice.items() if name != "message"}, "delta": choice.get("message")}
            for choice in objects_of(answer.get("choices"))
        ]
        decoder = ChatDecoder()
        yield from decoder.feed(codec.dumps({**answer, "choices": choices}))
        yield from decoder.close()

    def close(self) -> Iterator[StreamToken]:
        return iter(())


def render_deferred(request: CompletionRequest) -> Json:
    body: Mapping[str, Any] = OPENAI_CHAT.render(request)
    asked = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    return {**asked, "deferred": True}


DEFERRED_CHAT: Final[Dialect] = replace(OPENAI_CHAT, render=render_deferred, content_types=("application/json",))
