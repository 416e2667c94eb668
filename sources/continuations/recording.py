"""Go on with a recording: from the token after the last one that was told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...streams.call import Call
from ...streams.errors import StreamError, StreamTruncated
from ...streams.tokens import StreamToken

__all__ = ["Recording"]


class Recording:
    """A recording being played for one call; it is played again, and what was told is left out.

    One that ends in the middle can be gone on with only when it has grown: when somebody is still writing it.
    """

    name = "recording"
    gapless = True

    def __init__(self, call: Call, size: Callable[[], int]) -> None:
        self._size = size
        self._played = 0
        self._broken = call.attempt
        self.told = 0

    def resume(self, call: Call, error: StreamError, /) -> str | None:
        if isinstance(error, StreamTruncated) and self._size() <= self._played:
            return "the recording ends there"
        self._broken = call.attempt
        return None

    def begin(self, call: Call) -> Untold:
        """The stage that leaves out what was told; nothing at the first time."""
        self._played = self._size()
        if call.resuming is self:
            call.attempt = self._broken
            call.attempt.begun = False
        else:
            self.told = 0
        return Untold(self)


class Untold:
    """Leave out the tokens that were told before. A transducer."""

    __slots__ = ("_left", "_recording")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._left = recording.told

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        return self.feed_batch((token,))

    def feed_batch(self, tokens: Sequence[StreamToken], /) -> Sequence[StreamToken]:
        skipped = min(self._left, len(tokens))
        self._left -= skipped
        self._recording.told += len(tokens) - skipped
        return tokens[skipped:] if skipped else tokens

    def close(self) -> Iterable[StreamToken]:
        return ()
