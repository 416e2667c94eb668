"""Many events of one read, not cut yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

__all__ = ["Block", "Burst"]


class Block:
    r"""Bytes that are events one after the other, each with the same before its data, and the same behind it.

    >>> block = Block(b"x\n\ndata: 2\n\ndata: 3\n\ndata", b"data: ", b"\n\n", 3, 21)
    >>> block.first, block.last, bytes(block.view)
    (b'2', b'3', b'data: 2\n\ndata: 3\n\n')
    >>> block.is_written(b"data: 2\n\ndata: 3\n\n")
    True

    Args:
        chunk: What they stand in.
        head: What comes before an event's data, and begins the first.
        blank: What comes behind it, and ends the last.
        start, end: From where to where, if they are not all of it.
    """

    __slots__ = ("_chunk", "_end", "_start", "blank", "head")

    def __init__(self, chunk: bytes, head: bytes, blank: bytes, start: int = 0, end: int | None = None) -> None:
        self._chunk, self._start, self._end = chunk, start, len(chunk) if end is None else end
        self.head, self.blank = head, blank

    @property
    def view(self) -> memoryview:
        """All of it, not copied."""
        return memoryview(self._chunk)[self._start : self._end]

    @property
    def payloads(self) -> list[bytes]:
        """The data of each event, if all are alike; else pieces of them."""
        return self._chunk[self._start + len(self.head) : self._end - len(self.blank)].split(self.blank + self.head)

    @property
    def first(self) -> bytes:
        """The data of the first event."""
        return self._chunk[self._start + len(self.head) : self._chunk.index(self.blank, self._start)]

    @property
    def last(self) -> bytes:
        """The data of the last event."""
        end = self._end - len(self.blank)
        start = self._chunk.rfind(self.blank + self.head, self._start, end)
        return self._chunk[(self._start if start < 0 else start + len(self.blank)) + len(self.head) : end]

    def is_written(self, text: bytes) -> bool:
        """Whether it is just these bytes."""
        return len(text) == self._end - self._start and self._chunk.startswith(text, self._start)


class Burst(Sequence[bytes]):
    r"""The data of the events of one long read: a sequence that is cut when somebody looks into it.

    Who knows what such events repeat can take them as they came, and they are never cut at all.

    >>> block = Block(b"data: 2\n\ndata: 3\n\n", b"data: ", b"\n\n")
    >>> burst = Burst((b"1",), block, lambda block: block.payloads)
    >>> list(burst), len(burst), burst[-1]
    ([b'1', b'2', b'3'], 3, b'3')

    Args:
        before: The data of what came before: of the event that the read before had begun.
        block: The others: whole events with their blank lines.
        cut: Cuts them.
    """

    __slots__ = ("_cut", "_payloads", "before", "block")

    def __init__(self, before: tuple[bytes, ...], block: Block, cut: Callable[[Block], list[bytes]]) -> None:
        self.before = before
        self.block = block
        self._cut = cut
        self._payloads: list[bytes] | None = None

    @property
    def payloads(self) -> list[bytes]:
        """The data of each event."""
        if self._payloads is None:
            payloads = self._cut(self.block)
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
