"""What comes of the same calls through ``resilient``, when the first answer goes wrong and the next would not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.chaos.expected import NO_END_MARK, expected
from tests.chaos.recovery import Recovered
from tokenrill.runners.emulator import FAULT_POINTS, FaultKind, FaultPoint

__all__ = ["RECOVERED", "WHOLE_CALLS", "recovered"]

# What it takes until the consumer has the whole answer, once; "" is an error, the same as without `resilient`.
NOTHING: Final = "nothing"
AGAIN: Final = "asked again"
JOINED: Final = "joined"
CLOSED: Final = "resumed"
ERROR: Final = ""

# fmt: off
RECOVERED: Final[Mapping[FaultKind, tuple[str, str, str, str, str]]] = {
    #             before_headers  before_first_event  mid_text  mid_tool_arguments  after_finish
    "latency":    (NOTHING,       NOTHING,            NOTHING,  NOTHING,            NOTHING),
    "stall":      (AGAIN,         AGAIN,              JOINED,   JOINED,             CLOSED),
    "cut":        (AGAIN,         AGAIN,              JOINED,   JOINED,             NOTHING),
    "close":      (AGAIN,         AGAIN,              JOINED,   JOINED,             CLOSED),
    "reset":      (AGAIN,         AGAIN,              JOINED,   JOINED,             CLOSED),
    "truncate":   (AGAIN,         AGAIN,              JOINED,   JOINED,             NOTHING),
    "garbage":    (ERROR,         ERROR,              ERROR,    ERROR,              ERROR),
    "error":      (AGAIN,         AGAIN,              JOINED,   JOINED,             CLOSED),
    "slow_close": (NOTHING,       NOTHING,            NOTHING,  NOTHING,            NOTHING),
}
# fmt: on

# They send each tool call whole, so one has been shown when the stream breaks, and nobody has answered it.
WHOLE_CALLS: Final = (*NO_END_MARK, "Ollama")


def recovered(provider: str, kind: FaultKind, point: FaultPoint) -> Recovered:
    """What should come of it."""
    alone = expected(provider, kind, point)
    took = RECOVERED[kind][FAULT_POINTS.index(point)]
    if alone.terminal == "Finish":
        took = NOTHING
    elif kind == "slow_close":
        took = CLOSED
    elif point == "mid_tool_arguments" and provider in WHOLE_CALLS:
        took = ERROR
    elif point == "after_finish" and alone.terminal == "StreamTruncated":
        took = CLOSED
    elif alone.terminal == "MalformedEvent":
        took = ERROR
    if took == ERROR:
        kept = "text" if alone.kept == "a call" and provider not in WHOLE_CALLS else alone.kept
        return Recovered(alone.terminal, kept, NOTHING)
    return Recovered("Finish", "all", took)
