"""What the emulator is told to say, and what a client that nobody here wrote should have heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace
from tokenrill.streams.errors import Overloaded, RateLimited
from tokenrill.streams.parts import ToolCall
from tokenrill.streams.tokens import Usage

__all__ = [
    "CALLS",
    "HEARD",
    "KEY",
    "LIMITED",
    "OVERLOADED",
    "REASONING",
    "TEXT",
    "USAGE",
    "Heard",
    "breaking",
    "running",
    "saying",
]

KEY = "sk-canary"
TEXT = "Grüße, 日本語 and a 🦜:\n\n\tall of «it»."
REASONING = 'First I think, \\ then I "speak".'
CALLS = (
    ToolCall("call_1", "get_weather", '{"city":"Zürich","days":3}'),
    ToolCall("call_2", "get_time", '{"zone":"CET","format":{"hours":24}}'),
)
USAGE = Usage(120, 45, cache_read_input_tokens=20, reasoning_output_tokens=12)
LIMITED = RateLimited("Slow down, please.", status=429, request_id="req-canary", retry_after=7)
OVERLOADED = Overloaded("Too many at once.", status=503)


class Heard(NamedTuple):
    """One answer, as a client has put it together."""

    text: str = TEXT
    calls: tuple[tuple[str, str, Any], ...] = tuple((call.id, call.name, call.input) for call in CALLS)
    reasoning: str = REASONING
    input_tokens: int = USAGE.input_tokens
    output_tokens: int = USAGE.output_tokens


HEARD = Heard()


def saying(*, calls: Sequence[ToolCall] = CALLS, reasoning: str = REASONING, pace: Pace | None = None) -> Answer:
    """The script: it thinks, speaks, and calls two tools; cut into pieces that respect no character."""
    return Answer.text(TEXT, reasoning=reasoning, tool_calls=calls, usage=USAGE, pace=pace or Pace(bytes_per_write=61))


def breaking() -> Answer:
    """The script, until the provider says in mid-text that it cannot go on."""
    return Answer.text(TEXT, fault=Fault("error", "mid_text", error=OVERLOADED))


def running(answer: Answer, *, keys: Sequence[str] = (KEY,)) -> Emulator:
    """An emulator that accepts these keys alone; entered with ``with``, it serves clients of any thread."""
    return Emulator(answer, keys=keys)
