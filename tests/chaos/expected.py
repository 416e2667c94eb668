"""What comes of a call when something goes wrong: the table, as data. ``docs/chaos.md`` is made from it.

A cell is how the call ends. What is kept of the answer follows from the place, and what is known of the cost from
what the provider had told until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.chaos.cell import Outcome
from tokenrill.runners.emulator import FAULT_POINTS, FaultKind, FaultPoint

__all__ = ["COST", "EXCEPTIONS", "EXPECTED", "GROUPS", "KEPT", "NO_END_MARK", "expected"]

FINISH: Final = "Finish"

# fmt: off
EXPECTED: Final[Mapping[FaultKind, tuple[str, str, str, str, str]]] = {
    #             before_headers    before_first_event  mid_text           mid_tool_arguments  after_finish
    "latency":    ("Finish",        "Finish",           "Finish",          "Finish",           "Finish"),
    "stall":      ("StreamStalled", "StreamStalled",    "StreamStalled",   "StreamStalled",    "StreamStalled"),
    "cut":        ("ConnectionLost", "StreamTruncated", "StreamTruncated", "StreamTruncated",  "Finish"),
    "close":      ("ConnectionLost", "ConnectionLost",  "ConnectionLost",  "ConnectionLost",   "ConnectionLost"),
    "reset":      ("ConnectionLost", "ConnectionLost",  "ConnectionLost",  "ConnectionLost",   "ConnectionLost"),
    "truncate":   ("ConnectionLost", "StreamTruncated", "StreamTruncated", "StreamTruncated",  "Finish"),
    "garbage":    ("ProtocolError", "MalformedEvent",   "MalformedEvent",  "MalformedEvent",   "MalformedEvent"),
    "error":      ("Overloaded",    "Overloaded",       "Overloaded",      "Overloaded",       "Overloaded"),
    "slow_close": ("Finish",        "Finish",           "Finish",          "Finish",           "Finish"),
}
# fmt: on

KEPT: Final[Mapping[FaultPoint, str]] = {
    "before_headers": "nothing",
    "before_first_event": "nothing",
    "mid_text": "text",
    "mid_tool_arguments": "a call",
    "after_finish": "all",
}

# The last event says why the answer ends, and that it does: there is nothing between the two, nothing after counts.
ENDS_AT_ONCE: Final = ("OpenAI, Responses", "Azure, Responses", "Gemini, Interactions", "Ollama")
CLAUDE: Final = ("Anthropic", "Vertex AI, Claude", "Bedrock, Claude")
# The answer ends where the connection does; there is no mark before.
NO_END_MARK: Final = ("Gemini", "Gemini, JSON array", "Vertex AI, Gemini")
CONVERSE: Final = ("Bedrock, Converse",)

GROUPS: Final[Mapping[tuple[str, ...], str]] = {
    ENDS_AT_ONCE: "One event says why the answer ends and is its end mark: whatever follows is not looked at.",
    NO_END_MARK: "There is no end mark: the answer ends where the response does, so an open connection is a stall.",
    ("Gemini, JSON array",): "What follows the closing bracket is no longer JSON.",
    CONVERSE: "The cost comes last, after the reason: a message cut in its middle is one too few.",
    ("Bedrock, Claude",): "The end mark is a message with a checksum: cut in its middle it is no end mark.",
}

EXCEPTIONS: Final[Mapping[tuple[str, ...], Mapping[tuple[FaultKind, FaultPoint], str]]] = {
    ENDS_AT_ONCE: {
        ("stall", "after_finish"): FINISH,
        ("close", "after_finish"): FINISH,
        ("reset", "after_finish"): FINISH,
        ("garbage", "after_finish"): FINISH,
        ("error", "after_finish"): FINISH,
    },
    NO_END_MARK: {("slow_close", point): "StreamStalled" for point in FAULT_POINTS},
    ("Gemini, JSON array",): {("error", "after_finish"): "MalformedEvent"},
    CONVERSE: {("truncate", "after_finish"): "StreamTruncated"},
    ("Bedrock, Claude",): {("truncate", "after_finish"): "StreamTruncated"},
}

# How exactly the cost is known of an answer that broke: in its middle, and after its reason. With nothing of it there
# is none, and with all of it the provider has told.
COST: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {
    CLAUDE: ("partial", "exact"),
    NO_END_MARK: ("estimated", "partial"),
    CONVERSE: ("estimated", "estimated"),
    (): ("estimated", "exact"),
}
# Whole answers whose cost had not been told.
NOT_COUNTED: Final = (("Bedrock, Converse", "cut", "after_finish"),)


def expected(provider: str, kind: FaultKind, point: FaultPoint) -> Outcome:
    """What should come of it."""
    special = [
        cells[kind, point] for group, cells in EXCEPTIONS.items() if provider in group and (kind, point) in cells
    ]
    terminal = special[-1] if special else EXPECTED[kind][FAULT_POINTS.index(point)]
    if terminal == FINISH:
        return Outcome(FINISH, "all", "estimated" if (provider, kind, point) in NOT_COUNTED else "exact")
    kept = "all" if kind == "slow_close" else KEPT[point]
    middle, after = next(known for group, known in COST.items() if provider in group or not group)
    return Outcome(terminal, kept, {"nothing": "none", "all": after}.get(kept, middle))
