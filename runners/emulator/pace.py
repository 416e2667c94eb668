"""How fast an answer is spoken, and in what pieces."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .events import CONTENT_KINDS, Event

__all__ = ["Pace", "Pacer"]

LARGE_WRITE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing and the cuts of an answer; by default as fast, and in as large pieces, as it can be.

    Args:
        first_token: Seconds until the model's first word.
        between_tokens: Seconds between one word and the next.
        jitter: How much of ``between_tokens`` chance may add or take away, from 0 to 1.
        seed: Makes chance the same at every call.
        events_per_write: How many events go out together; by default one when there is something to wait
            for, else as many as make 64 KiB.
        bytes_per_write: Cut what goes out into pieces of this size. What a client reads at once is up to its
            kernel all the same.

    Example:
        >>> Pace(first_token=0.2, between_tokens=0.02).waits
        True

    Raises:
        ValueError: When a value is out of range.
    """

    first_token: float = 0.0
    between_tokens: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    events_per_write: int | None = None
    bytes_per_write: int | None = None

    def __post_init__(self) -> None:
        if not min(self.first_token, self.between_tokens) >= 0:
            raise ValueError("first_token and between_tokens are seconds, 0 or more")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a share of between_tokens, from 0 to 1, not {self.jitter}")
        for name in ("events_per_write", "bytes_per_write"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")

    @property
    def waits(self) -> bool:
        """Whether there is any time to spend."""
        return bool(self.first_token or self.between_tokens)

    @property
    def needs_events(self) -> bool:
        """Whether an answer must be taken apart to be sent at this pace."""
        return self.waits or self.events_per_write is not None


class Pacer:
    """One answer's pace: events in, (seconds to wait, bytes to write then) out. It knows no clock."""

    __slots__ = ("_pace", "_random", "_spoke")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._random = random.Random(pace.seed)
        self._spoke = False

    def writes(self, events: Iterable[Event]) -> Iterator[tuple[float, bytes]]:
        """Group events into writes; it may be called again for the events that follow."""
        for seconds, data in self._groups(events):
            size = self._pace.bytes_per_write or len(data)
            for start in range(0, len(data), size):
                yield (seconds if start == 0 else 0.0), data[start : start + size]

    def _groups(self, events: Iterable[Event]) -> Iterator[tuple[float, bytes]]:
        most = self._pace.events_per_write or (1 if self._pace.waits else None)
        group: list[bytes] = []
        seconds, size = 0.0, 0
        for event in events:
            seconds += self._wait(event)
            group.append(event.data)
            size += len(event.data)
            if len(group) == most or (most is None and size >= LARGE_WRITE):
                yield seconds, b"".join(group)
                group, seconds, size = [], 0.0, 0
        if group:
            yield seconds, b"".join(group)

    def _wait(self, event: Event) -> float:
        if event.kind not in CONTENT_KINDS:
            return 0.0
        if not self._spoke:
            self._spoke = True
            return self._pace.first_token
        spread = self._pace.jitter * self._pace.between_tokens
        return self._pace.between_tokens + (self._random.uniform(-spread, spread) if spread else 0.0)
