"""Where the model writes on: what was cut and what comes after must make one text.

The rest may begin with what is there already: white space that a prefill must not end in, the whole prefill (some
servers give it back), or the end of the text, which models like to repeat. Each is one :class:`Repeat`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from msgspec.structs import replace

from .tokens import (
    CONTENT,
    Finish,
    ReasoningDelta,
    ResponseStart,
    Seam,
    StreamToken,
    TextDelta,
)
from .types import Transducer

__all__ = ["Echo", "Joint", "Nothing", "Overlap", "Repeat", "WhiteSpace"]

# A shorter one may be chance: "had" can follow "had".
SHORTEST_OVERLAP: Final = 8


class Repeat(Protocol):
    """What may be said again at the beginning of the rest, and is left out.

    Attributes:
        over: Whether all that follows is new.
    """

    @property
    def over(self) -> bool: ...

    def feed(self, text: str, /) -> str:
        """What of it is known to be new."""
        ...

    def close(self) -> str:
        """What was held back, since no more text comes for now; from here on all is new, if anything was held."""
        ...


class Nothing:
    """Nothing is said again."""

    over = True

    def feed(self, text: str, /) -> str:
        return text

    def close(self) -> str:
        return ""


class WhiteSpace:
    r"""The white space that was not sent.

    >>> WhiteSpace(" ").feed(" world"), WhiteSpace("\n").feed("\n\n- one"), WhiteSpace(" ").feed("\n- one")
    ('world', '\n- one', '\n- one')
    """

    def __init__(self, left: str) -> None:
        self._left = left

    @property
    def over(self) -> bool:
        return not self._left

    def feed(self, text: str, /) -> str:
        same = 0
        while same < min(len(text), len(self._left)) and text[same] == self._left[same]:
            same += 1
        self._left = self._left[same:] if same == len(text) else ""
        return text[same:]

    def close(self) -> str:
        return ""


class Echo:
    """The whole prefill.

    >>> echo = Echo("One, two,", WhiteSpace(" "))
    >>> echo.feed("One, "), echo.feed("two, three"), Echo("One", Nothing()).feed("Or")
    ('', 'three', 'Or')
    """

    def __init__(self, text: str, then: Repeat) -> None:
        self._text = text
        self._then = then
        self._held = ""

    @property
    def over(self) -> bool:
        return not self._text and self._then.over

    def feed(self, text: str, /) -> str:
        if not self._text:
            return self._then.feed(text)
        self._held += text
        whole, held = self._text, self._held
        if len(held) < len(whole) and whole.startswith(held):
            return ""
        self._text = self._held = ""
        return self._then.feed(held[len(whole) :] if held.startswith(whole) else held)

    def close(self) -> str:
        held, self._held = self._held, ""
        if held:
            self._text = ""
        return self._then.feed(held) if held else self._then.close()


class Overlap:
    """The end of the text, or as much of its end as the rest begins with, from eight characters on.

    >>> overlap = Overlap("and they lived happily")
    >>> overlap.feed("lived "), overlap.feed("happily ever"), overlap.feed(" after")
    ('', ' ever', ' after')
    """

    def __init__(self, tail: str) -> None:
        self._tail = tail
        self._held = ""
        self.over = len(tail) < SHORTEST_OVERLAP

    def feed(self, text: str, /) -> str:
        if self.over:
            return text
        self._held += text
        held, tail = self._held, self._tail
        if any(tail.startswith(held, start) for start in range(len(tail) - len(held))):
            return ""  # a longer overlap is still possible
        return self.close()

    def close(self) -> str:
        held, self._held = self._held, ""
        if not held:
            return ""
        self.over = True
        longest = range(min(len(held), len(self._tail)), SHORTEST_OVERLAP - 1, -1)
        size = next((size for size in longest if self._tail.endswith(held[:size])), 0)
        return held[size:]


class Joint:
    """A decoder whose answer goes on with another's. A transducer.

    Before its first word there is a :class:`~tokenrill.Seam`, once; it begins no response, since one has begun.
    """

    __slots__ = ("_feed_batch", "_index", "_repeat", "_seam", "inner")

    def __init__(self, decoder: Transducer[Any, StreamToken], repeat: Repeat, seam: Seam) -> None:
        self.inner = decoder
        self._repeat = repeat
        self._seam: Seam | None = seam
        self._index = 0
        self._feed_batch: Callable[[Any], Any] | None = getattr(decoder, "feed_batch", None)

    @property
    def ended(self) -> bool:
        return getattr(self.inner, "ended", False)

    @property
    def over(self) -> bool:
        """Whether all that follows is new."""
        return self._seam is None and self._repeat.over

    def feed(self, payload: Any, /) -> Iterator[StreamToken]:
        for token in self.inner.feed(payload):
            yield from self._join(token)

    def feed_batch(self, payloads: Sequence[Any], /) -> Sequence[StreamToken] | None:
        if self._seam is not None or not self._repeat.over or self._feed_batch is None:
            return None
        return self._feed_batch(payloads)

    def close(self) -> Iterator[StreamToken]:
        for token in self.inner.close():
            yield from self._join(token)
        yield from self._held()

    def _join(self, token: StreamToken) -> Iterator[StreamToken]:
        match token:
            case ResponseStart():
                return
            case TextDelta() if not self._repeat.over:
                self._index = token.index
                if text := self._repeat.feed(token.text):
                    yield from self._say(replace(token, text=text))
                return
            case ReasoningDelta() if not self._repeat.over:
                yield from self._held()  # only what was begun: it thinks before it writes
            case _ if type(token) in CONTENT or isinstance(token, Finish):
                yield from self._held()
            case _:
                yield token
                return
        yield from self._say(token)

    def _held(self) -> Iterator[StreamToken]:
        if text := self._repeat.close():
            yield from self._say(TextDelta(text, self._index))

    def _say(self, token: StreamToken) -> Iterator[StreamToken]:
        if self._seam is not None:
            seam, self._seam = self._seam, None
            yield seam
        yield token
