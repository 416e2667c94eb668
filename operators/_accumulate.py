"""Tokens to one reply."""

from __future__ import annotations

from functools import partial

from ..streams.recipe import recorded
from ..streams.reply import Reply, ReplyBuilder
from ..streams.tokens import StreamToken
from ..streams.types import Operator
from ._transduce import transduce

__all__ = ["accumulate"]


@recorded
def accumulate(*, max_characters: int = 16 << 20) -> Operator[StreamToken, Reply]:
    """Emit one :class:`~tokenrill.Reply` when the stream completes; a stream that fails emits none.

    .. marble::
        ---a---b---F|
        [ accumulate() ]
        -----------(r|)

    Example:
        >>> import reactivex as rx
        >>> from tokenrill import TextDelta
        >>> rx.of(TextDelta("Hel"), TextDelta("lo")).pipe(accumulate()).run().text
        'Hello'

    Args:
        max_characters: The most text, reasoning and arguments together that the reply may hold.

    Returns:
        An operator. It errors with :class:`~tokenrill.LimitExceeded` past the limit. A stream that fails has
        what had come by then as the error's ``partial``.
    """
    return transduce(partial(ReplyBuilder, max_characters=max_characters))
