"""A wire format, as data: how a request is written, how an answer is read, and both the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..streams.codec import Json
from ..streams.errors import StreamError, UnexpectedContent
from ..streams.request import CompletionRequest
from ..streams.tokens import RateLimits, StreamToken
from ..streams.types import Transducer

__all__ = ["EVENT_STREAM", "Dialect", "Encoder", "no_rate_limits"]

EVENT_STREAM: Final = ("text/event-stream",)
Encoder: TypeAlias = Transducer[StreamToken, bytes]


def no_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """For dialects whose headers say nothing of quotas."""
    return None


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format, in both directions; it holds no address and no secret. Vary it with ``dataclasses.replace``.

    The client's half writes requests and reads answers; the server's half (``parse``, ``encode``,
    ``encode_error``) reads requests and writes answers, which is how the emulator and the gateway speak, and
    what makes ``decode(encode(tokens)) == tokens`` a property.

    Attributes:
        name: The format's name, such as ``openai_chat``.
        render: A request as the JSON body that this format wants; raises ``ValueError`` for what it cannot say.
        framer: Makes a transducer from bytes to the payload of each event.
        decoder: Makes a transducer from payloads to tokens. It may give :class:`.Usage` as often as the
            provider does (the last one counts) and ends with :class:`.Finish`, or raises
            :class:`.StreamTruncated` when closed before the end mark.
        refuse: An answer that is not 2xx as an error, from its status, headers (lower-case names) and body.
        content_types: What a stream of this format may call itself.
        request_id_headers: Where the provider puts its id of the request.
        rate_limits: What the headers say of the quota.
        parse: A request's JSON body back into a request; raises ``ValueError`` for what is none.
        encode: Makes a transducer from tokens to the bytes of the stream, given the request's JSON body.
        encode_error: An error as (status, headers, body), the way this provider says it.
    """

    name: str
    render: Callable[[CompletionRequest], Json]
    framer: Callable[[], Transducer[bytes, Any]]
    decoder: Callable[[], Transducer[Any, StreamToken]]
    refuse: Callable[[int, Mapping[str, str], bytes], StreamError]
    parse: Callable[[Json], CompletionRequest]
    encode: Callable[[Json], Encoder]
    encode_error: Callable[[StreamError], tuple[int, dict[str, str], bytes]]
    content_types: tuple[str, ...] = EVENT_STREAM
    request_id_headers: tuple[str, ...] = ("x-request-id",)
    rate_limits: Callable[[Mapping[str, str]], RateLimits | None] = no_rate_limits

    def check_content_type(self, headers: Mapping[str, str], types: tuple[str, ...] | None = None) -> None:
        """See that the answer is of this format, or of these ``types``; a server that does not say is believed.

        Raises:
            UnexpectedContent: When it calls itself something else.
        """
        essence = headers.get("content-type", "").partition(";")[0].strip().lower()
        expected = self.content_types if types is None else types
        if essence and essence not in expected:
            raise UnexpectedContent(f"expected {' or '.join(expected)}, but the answer is {essence[:60]!r}")

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        """The provider's id of the request, if it gave one."""
        for name in self.request_id_headers:
            if name in headers:
                return headers[name]
        return None

    def decode(self, chunks: Iterable[bytes]) -> Sequence[StreamToken]:
        """All tokens of a whole recorded answer; for tests, notebooks and tools.

        Raises:
            StreamError: As the stream would.
        """
        framer, decoder = self.framer(), self.decoder()
        tokens: list[StreamToken] = []
        for chunk in chunks:
            for payload in framer.feed(chunk):
                tokens.extend(decoder.feed(payload))
        for payload in framer.close():
            tokens.extend(decoder.feed(payload))
        tokens.extend(decoder.close())
        return tokens
