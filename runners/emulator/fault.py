"""What can go wrong with an answer, and where in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from ...streams.errors import Overloaded, StreamError
from .events import Event

__all__ = ["FAULT_KINDS", "FAULT_POINTS", "Fault", "FaultKind", "FaultPoint", "Lookahead"]

FaultKind: TypeAlias = Literal[
    "latency", "stall", "cut", "close", "reset", "truncate", "garbage", "error", "slow_close"
]
FaultPoint: TypeAlias = Literal[
    "before_headers", "before_first_event", "mid_text", "mid_tool_arguments", "after_finish"
]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
FAULT_POINTS: Final[tuple[FaultPoint, ...]] = get_args(FaultPoint)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    =============  =====================================================================================
    kind           what the client sees
    =============  =====================================================================================
    ``latency``    silence for ``seconds``; then the answer goes on
    ``stall``      silence, until somebody hangs up
    ``cut``        a clean end of the body, without the dialect's end mark
    ``close``      the connection closed (FIN) in the middle of the body
    ``reset``      the connection reset (RST)
    ``truncate``   the next event cut in its middle, then a clean end of the body
    ``garbage``    bytes that are no event, or ``data``; then the answer goes on
    ``error``      the provider's way to say in the stream that it failed (``error``), then a clean end
    ``slow_close`` the whole answer, and then a connection that stays open
    =============  =====================================================================================

    Before the headers, ``cut`` and ``close`` both close the connection without an answer, ``truncate`` sends
    half of the headers, ``garbage`` something that is not HTTP, and ``error`` is the provider's refusal.

    Args:
        kind: What goes wrong.
        point: Where: ``mid_text`` and ``mid_tool_arguments`` are after the first event that holds some,
            ``after_finish`` is before the end mark, or after everything where the dialect has none.
            It does not matter to ``slow_close``.
        after_events: Exactly where instead: after so many events.
        seconds: How long ``latency`` lasts.
        error: What ``error`` says; by default that the server is overloaded.
        data: What ``garbage`` sends; by default something that this dialect cannot read.

    An answer that has no such point is delivered whole; :attr:`.Received.struck` says which it was.

    Raises:
        ValueError: When a value is out of range.
    """

    kind: FaultKind
    point: FaultPoint = "mid_text"
    after_events: int | None = None
    seconds: float = 1.0
    error: StreamError | None = None
    data: bytes | None = None

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"a fault is one of {', '.join(FAULT_KINDS)}, not {self.kind!r}")
        if self.point not in FAULT_POINTS:
            raise ValueError(f"a fault strikes at one of {', '.join(FAULT_POINTS)}, not {self.point!r}")
        if self.after_events is not None and self.after_events < 0:
            raise ValueError(f"after_events must be 0 or more, not {self.after_events}")
        if self.seconds < 0:
            raise ValueError(f"seconds must be 0 or more, not {self.seconds}")

    @property
    def before_headers(self) -> bool:
        """Whether it strikes before anything is answered."""
        return self.point == "before_headers" and self.after_events is None and self.kind != "slow_close"

    @property
    def failure(self) -> StreamError:
        """What an ``error`` says."""
        return self.error or Overloaded("The server is overloaded or not ready yet.", status=503)

    def strikes(self, sent: int, last: Event | None, following: Event | None) -> bool:
        """Whether it is time: ``sent`` events are out, ``last`` the latest, ``following`` the next."""
        if self.kind == "slow_close":
            return following is None
        if self.after_events is not None:
            return sent == self.after_events
        match self.point:
            case "mid_text":
                return last is not None and last.kind == "text"
            case "mid_tool_arguments":
                return last is not None and last.kind == "arguments"
            case "after_finish":
                return following is None or following.kind == "end"
            case _:
                return sent == 0


class Lookahead:
    """An answer's events, one known ahead, so that a fault can strike before the end mark."""

    __slots__ = ("_events", "_following", "_last", "_sent")

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = iter(events)
        self._following = next(self._events, None)
        self._last: Event | None = None
        self._sent = 0

    def until(self, fault: Fault) -> Iterator[Event]:
        """The events before the fault."""
        while self._following is not None and not self.reached(fault):
            yield self._take(self._following)

    def reached(self, fault: Fault) -> bool:
        """Whether this is the place."""
        return fault.strikes(self._sent, self._last, self._following)

    def rest(self) -> Iterator[Event]:
        """The events after it."""
        while self._following is not None:
            yield self._take(self._following)

    def _take(self, event: Event) -> Event:
        self._last, self._following = event, next(self._events, None)
        self._sent += 1
        return event
