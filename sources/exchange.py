"""One request and its whole answer, where an answer is short, and nothing can be done with half of it."""

from __future__ import annotations

import asyncio
from typing import Final

from ..streams.call import Call
from ..streams.errors import LimitExceeded
from .http import Accept, Http, Prepare, Refuse

__all__ = ["MAX_ANSWER_BYTES", "whole_answer"]

MAX_ANSWER_BYTES: Final = 16 << 20


async def whole_answer(http: Http, call: Call, prepare: Prepare, accept: Accept, refuse: Refuse) -> bytes:
    """The body; when cancelled, the connection is closed.

    Raises:
        StreamError: As the stream would.
        LimitExceeded: Past 16 MiB.
    """
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    held = bytearray()

    def take(piece: bytes) -> None:
        held.extend(piece)
        if len(held) > MAX_ANSWER_BYTES and not done.done():
            done.set_exception(LimitExceeded("max_answer_bytes", MAX_ANSWER_BYTES))

    def fail(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    def complete() -> None:
        if not done.done():
            done.set_result(None)

    subscription = http.stream(call, prepare, accept, refuse).subscribe(take, fail, complete)
    try:
        await done
    finally:
        subscription.dispose()
    return bytes(held)
