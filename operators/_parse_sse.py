"""Bytes to server-sent events."""

from __future__ import annotations

from functools import partial

from ..streams.recipe import recorded
from ..streams.sse import SseEvent, SseParser
from ..streams.types import Operator
from ._transduce import transduce

__all__ = ["parse_sse"]


@recorded
def parse_sse(*, max_event_bytes: int = 1 << 20) -> Operator[bytes, SseEvent]:
    r"""Reassemble server-sent events from byte chunks, however the network cut them.

    .. marble::
        --x------y---------z----|
        [      parse_sse()      ]
        ---------e---------f----|

        x = b"data: he"   y = b"llo\n\n"   z = b"data: [DONE]\n\n"
        e = SseEvent(b"hello")             f = SseEvent(b"[DONE]")

    Example:
        >>> import reactivex as rx
        >>> rx.of(b"data: he", b"llo\n\n").pipe(parse_sse()).run()
        SseEvent(data=b'hello', type='message', last_event_id='')

    Args:
        max_event_bytes: The most one event may hold, its comments and field names included.

    Returns:
        An operator. It errors with :class:`~tokenrill.LimitExceeded` past the limit. An event without its
        blank line at the end of the stream is dropped, as the WHATWG standard says.
    """
    return transduce(partial(SseParser, max_event_bytes=max_event_bytes))
