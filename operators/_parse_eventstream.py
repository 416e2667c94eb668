"""Bytes to the messages of an AWS event stream."""

from __future__ import annotations

from functools import partial

from ..streams.eventstream import MAX_MESSAGE_BYTES, EventStreamMessage, EventStreamParser
from ..streams.recipe import recorded
from ..streams.types import Operator
from ._transduce import transduce

__all__ = ["parse_eventstream"]


@recorded
def parse_eventstream(*, max_message_bytes: int = MAX_MESSAGE_BYTES) -> Operator[bytes, EventStreamMessage]:
    r"""Reassemble the messages of an AWS event stream from byte chunks, however the network cut them.

    .. marble::
        --x------y---------z----|
        [ parse_eventstream()   ]
        ---------e---------f----|

    Example:
        >>> import reactivex as rx
        >>> from tokenrill.streams.eventstream import encode_message
        >>> wire = encode_message({":event-type": "messageStart"}, b'{"role":"assistant"}')
        >>> rx.of(wire[:9], wire[9:]).pipe(parse_eventstream()).run().payload
        b'{"role":"assistant"}'

    Args:
        max_message_bytes: The most one message may hold.

    Returns:
        An operator. It errors with :class:`~tokenrill.MalformedEvent` when a checksum is wrong or a header cannot
        be read, with :class:`~tokenrill.LimitExceeded` past a limit, and with
        :class:`~tokenrill.StreamTruncated` when the stream ends in the middle of a message.
    """
    return transduce(partial(EventStreamParser, max_message_bytes=max_message_bytes))
