"""What is decided on the way to an answer, in words, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

from ...sinks.on_decision import on_decision
from ...streams.decisions import Decision, Queued, Resume, Retry
from ...streams.tokens import StreamToken
from ...streams.types import Sink

__all__ = ["said", "telling"]


def telling(say: Callable[[str], None]) -> Sink[StreamToken]:
    """A sink that says what is decided, a line each; of the stream itself it says nothing."""

    def tell(decision: Decision) -> None:
        if line := said(decision):
            say(line)

    return on_decision(tell)


def said(decision: Decision) -> str | None:
    """One line, or nothing for what does not concern a reader.

    >>> said(Retry("before_content", attempt=2, wait=1.5, error="Overloaded"))
    'Overloaded: asking again in 1.5 s'
    >>> said(Resume("resumed", "message", "ConnectionLost", seconds=0.2))
    'ConnectionLost: the answer broke off here, and goes on'
    """
    match decision:
        case Retry():
            return f"{decision.error}: asking again in {decision.wait:.1f} s"
        case Resume(outcome="resumed"):
            return f"{decision.error}: the answer broke off here, and goes on"
        case Queued() if decision.seconds >= 1:
            return f"waited {decision.seconds:.0f} s for a turn"
        case _:
            return None
