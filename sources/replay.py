"""A recording as a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import reactivex as rx
from reactivex import Observable

from ..operators import transduce
from ..streams.call import Account, Call
from ..streams.tokens import StreamToken
from .dialect import Dialect

__all__ = ["Replay"]


@dataclass(frozen=True, slots=True)
class Replay:
    r"""Play recorded bytes through the real chain, with no network. A :class:`.Source`.

    Args:
        recording: The bytes of one answer's body, or the file that holds them.
        dialect: The wire format they are in.
        cut: How many bytes each chunk holds; by default the recording is one chunk. The tokens are the same.

    Example:
        >>> from tokenrill import CompletionRequest, OPENAI_CHAT, StreamPipelineBuilder, accumulate
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        >>> pipeline = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT, cut=1)).pipe(accumulate()).build()
        >>> pipeline.run(CompletionRequest(model="any", messages="Hello")).text
        'Hi'

    Raises:
        ValueError: When ``cut`` is less than 1.
    """

    recording: bytes | Path
    dialect: Dialect
    cut: int | None = None
    name: str = "replay"

    def __post_init__(self) -> None:
        if self.cut is not None and self.cut < 1:
            raise ValueError(f"cut must be 1 byte or more, not {self.cut}")

    def chunks(self) -> Iterable[bytes]:
        """The recording, cut."""
        wire = self.recording if isinstance(self.recording, bytes) else self.recording.read_bytes()
        size = self.cut or max(1, len(wire))
        return (wire[start : start + size] for start in range(0, len(wire), size))

    def body(self) -> Observable[bytes]:
        """The bytes as an observable: compose a chain of your own from here."""
        return rx.defer(lambda _: rx.from_iterable(self.chunks()))

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The recorded answer as tokens, whatever is asked."""
        return self.body().pipe(
            transduce(self.dialect.framer), transduce(self.dialect.decoder), transduce(lambda: Account(call))
        )

    async def aclose(self) -> None:
        """Nothing is held."""
