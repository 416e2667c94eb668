"""A recording as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import reactivex as rx
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ..operators import transduce
from ..streams.batched import Batched, BatchObserver
from ..streams.call import Account, Call
from ..streams.demand import Demand
from ..streams.loops import on_loop
from ..streams.tokens import StreamToken
from .continuations.recording import Recording
from .dialect import Dialect
from .pump import Pump, Push

__all__ = ["Replay"]


@dataclass(frozen=True, slots=True)
class Replay:
    r"""Play recorded bytes through the real chain, with no network. A :class:`.Source`.

    Args:
        recording: The bytes of one answer's body, or the file that holds them.
        dialect: The wire format they are in.
        cut: How many bytes each chunk holds, by default 16 KiB as from a socket. The tokens are the same.

    Example:
        >>> from tokenrill import CompletionRequest, OPENAI_CHAT, StreamPipelineBuilder, accumulate
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        >>> pipeline = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT, cut=1)).pipe(accumulate()).build()
        >>> pipeline.run(CompletionRequest(model="any", messages="Hello")).text
        'Hi'

    Raises:
        TypeError: When the recording is neither bytes nor a ``Path``.
        ValueError: When ``cut`` is less than 1.
    """

    recording: bytes | Path
    dialect: Dialect
    cut: int = 16 << 10
    name: str = "replay"

    def __post_init__(self) -> None:
        if not isinstance(cast(Any, self.recording), (bytes, Path)):
            raise TypeError(f"a recording is bytes, or the Path of a file, not {type(self.recording).__name__}")
        if self.cut < 1:
            raise ValueError(f"cut must be 1 byte or more, not {self.cut}")

    def chunks(self) -> Iterable[bytes]:
        """The recording, cut."""
        wire = self.recording if isinstance(self.recording, bytes) else self.recording.read_bytes()
        return (wire[start : start + self.cut] for start in range(0, len(wire), self.cut))

    def body(self) -> Observable[bytes]:
        """The bytes as an observable: compose a chain of your own from here."""
        return rx.defer(lambda _: rx.from_iterable(self.chunks()))

    def stream(self, call: Call) -> Observable[StreamToken]:
        """The recorded answer as tokens, whatever is asked: at once, but no faster than they are wanted."""
        recording = Recording(call, self._size)
        call.continuations = (recording,)
        return Played(self.chunks, call.demand).pipe(
            transduce(self.dialect.framer),
            transduce(self.dialect.decoder),
            transduce(partial(recording.begin, call)),
            transduce(partial(Account, call)),
        )

    async def aclose(self) -> None:
        """Nothing is held."""

    def _size(self) -> int:
        return len(self.recording) if isinstance(self.recording, bytes) else self.recording.stat().st_size


class Played(Batched[bytes]):
    """Chunks at once while they are wanted, then at the pace of the demand."""

    def __init__(self, chunks: Callable[[], Iterable[bytes]], demand: Demand) -> None:
        super().__init__()
        self._chunks = chunks
        self._demand = demand

    def subscribe_batches(
        self, observer: BatchObserver[bytes], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        chunks, demand = iter(self._chunks()), self._demand

        async def go_on(push: Push[bytes]) -> None:
            await demand.ready()
            for chunk in chunks:
                if not push(chunk):
                    return
                await demand.ready()

        pump = Pump(observer, go_on)
        for chunk in chunks:
            observer.on_batch((chunk,))
            if not demand.is_open:
                on_loop(pump.start, scheduler)
                return Disposable(pump.stop)
        observer.on_completed()
        return Disposable()
