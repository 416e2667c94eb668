"""Events to tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..streams.recipe import recorded
from ..streams.sse import SseEvent
from ..streams.tokens import StreamToken
from ..streams.types import Operator, Transducer
from ._transduce import transduce

__all__ = ["decode"]


class HasDecoder(Protocol):
    """Anything that says how its events are decoded, such as a dialect."""

    @property
    def decoder(self) -> Callable[[], Transducer[Any, StreamToken]]: ...


@recorded
def decode(dialect: HasDecoder) -> Operator[Any, StreamToken]:
    """Turn the events of one wire format into tokens.

    .. marble::
        ---e---f---g---|
        [ decode(dialect) ]
        ---a---b---c---(F|)

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import OPENAI_CHAT, SseEvent
        >>> rx.of(
        ...     SseEvent(b'{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}'), SseEvent(b"[DONE]")
        ... ).pipe(decode(OPENAI_CHAT)).run()
        Finish(reason='stop', raw_reason='stop', choice=0)

    Args:
        dialect: Says how to read the events, :class:`~tokenrill.SseEvent` from ``parse_sse`` or bare payloads.

    Returns:
        An operator. It errors with :class:`~tokenrill.MalformedEvent` for an event that cannot be read, with the
        provider's own error when the stream holds one, and with :class:`~tokenrill.StreamTruncated` when it ends
        without the provider's end mark.
    """
    return transduce(lambda: EventDecoder(dialect.decoder()))


class EventDecoder:
    """A dialect's decoder, fed with events or with their payloads."""

    def __init__(self, decoder: Transducer[Any, StreamToken]) -> None:
        self._decoder = decoder
        self._feed_batch: Callable[[Sequence[Any]], Sequence[StreamToken] | None] | None = getattr(
            decoder, "feed_batch", None
        )

    @property
    def ended(self) -> bool:
        return getattr(self._decoder, "ended", False)

    def feed(self, item: Any, /) -> Iterable[StreamToken]:
        return self._decoder.feed(item.data if type(item) is SseEvent else item)

    def feed_batch(self, items: Sequence[Any], /) -> Sequence[StreamToken] | None:
        if self._feed_batch is None:
            return None
        return self._feed_batch([item.data if type(item) is SseEvent else item for item in items])

    def close(self) -> Iterable[StreamToken]:
        return self._decoder.close()
