"""Many events of one read, not cut yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

__all__ = ["Burst"]


class Burst(Sequence[bytes]):
    r"""The data of the events of one long read: a sequence that is cut when somebody looks into it.

    Who knows what such events repeat can take them as they came, and they are never cut at all.

    >>> cut = lambda chunk, start, end: chunk[start + 6 : end - 2].split(b"\n\ndata: ")
    >>> burst = Burst((b"1",), b"data: 2\n\ndata: 3\n\ndata", 0, 18, b"data: ", cut)
    >>> list(burst), len(burst), burst[-1], burst.last, burst.block
    ([b'1', b'2', b'3'], 3, b'3', b'3', 'data: 2\n\ndata: 3\n\n')

    Args:
        before: The data of what came before: of the event that the read before had begun.
        chunk: What was read. From ``start`` to ``end`` it is whole events with their blank lines, LF throughout.
        head: What comes before an event's data, and begins the first.
        cut: Cuts such events of a chunk, from the one place to the other.
    """

    __slots__ = ("_chunk", "_cut", "_end", "_payloads", "_start", "before", "head")

    def __init__(
        self,
        before: tuple[bytes, ...],
        chunk: bytes,
        start: int,
        end: int,
        head: bytes,
        cut: Callable[[bytes, int, int], list[bytes]],
    ) -> None:
        self.before = before
        self.head = head
        self._chunk, self._start, self._end = chunk, start, end
        self._cut = cut
        self._payloads: list[bytes] | None = None

    @property
    def block(self) -> str:
        """The events after ``before``, with their heads and blank lines, each byte as one letter (latin-1)."""
        return str(memoryview(self._chunk)[self._start : self._end], "latin-1")

    @property
    def first(self) -> bytes:
        """The data of the first event after ``before``."""
        return self._chunk[self._start + len(self.head) : self._chunk.index(b"\n\n", self._start)]

    @property
    def last(self) -> bytes:
        """The data of the last event, when all have the same head."""
        start = self._chunk.rfind(b"\n\n" + self.head, self._start, self._end - 2)
        return self._chunk[(self._start if start < 0 else start + 2) + len(self.head) : self._end - 2]

    @property
    def payloads(self) -> list[bytes]:
        """The data of each event."""
        if self._payloads is None:
            payloads = self._cut(self._chunk, self._start, self._end)
            self._payloads = [*self.before, *payloads] if self.before else payloads
        return self._payloads

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return self.payloads[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.payloads)

    def __len__(self) -> int:
        return len(self.payloads)

    def __bool__(self) -> bool:
        return True  # it begins with the head of an event that has data
