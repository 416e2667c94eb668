"""The page that says how a call ends when something goes wrong: made from the table that the tests prove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.chaos.expected import COST, EXCEPTIONS, EXPECTED, GROUPS, KEPT, NOT_COUNTED
from tests.chaos.providers import PROVIDERS
from tests.chaos.recovered import RECOVERED, WHOLE_CALLS
from tokenrill.runners.emulator import FAULT_POINTS

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "chaos.md"

BEGINNING: Final = """\
# What can go wrong, and how the call ends then

A provider's answer can fail in nine ways at five places. Each of these cells is tried with each provider, over real
HTTP, by `tests/chaos`; the tables are made from what those tests prove, with `python -m tests.chaos`. In all of them
the call ends, once, in one of the [errors](errors.md) or with `Finish`; nothing is said twice; no task and no
connection is left; and the server is asked once.

| fault | what happens |
| --- | --- |
| `latency` | the server is silent for a while, then goes on |
| `stall` | the server is silent, and stays so; here a `deadline` operator watches |
| `cut` | the response ends as HTTP wants it, but too early |
| `close` | the connection is closed (FIN) in the middle |
| `reset` | the connection is reset (RST) |
| `truncate` | the next event is cut in its middle, then the response ends |
| `garbage` | bytes that no client can read |
| `error` | the provider says that it is overloaded, in its own way, then the response ends |
| `slow_close` | the whole answer comes, but the connection stays open; here, too, a `deadline` watches |

`before_first_event` is after the headers, `after_finish` after the provider said why it stopped and before its end
mark, where it has one apart. `slow_close` has no place: it is the same in each column.
"""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield from (line(columns), line("---" for _ in columns), *(line(row) for row in rows))


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(word: str) -> str:
    return f"`{word}`"


def lines() -> Iterator[str]:
    yield BEGINNING
    yield "## How it ends\n"
    yield from table(
        ["", *map(code, FAULT_POINTS)], ([code(kind), *map(code, terminals)] for kind, terminals in EXPECTED.items())
    )
    yield f"\nSo it is with: {'; '.join(PROVIDERS)}. Some differ:\n"
    for group, cells in EXCEPTIONS.items():
        yield f"- {'; '.join(group)}. {GROUPS[group]}"
        for terminal in sorted(set(cells.values())):
            here = [f"{code(kind)} {code(point)}" for (kind, point), told in cells.items() if told == terminal]
            yield f"  - {code(terminal)}: {', '.join(here)}"
    yield "\n## What is left\n"
    yield "An error carries what came before it as `partial`, and its cost as `usage`.\n"
    yield from table(["place", "`partial` holds"], ([code(point), WORDS[kept]] for point, kept in KEPT.items()))
    yield "\nAfter `Finish` the usage is `exact`. On an error it is `None` when nothing had come, else:\n"
    yield from table(
        ["provider", "in the middle", "after the reason"],
        (["; ".join(group) or "all others", *map(code, known)] for group, known in COST.items()),
    )
    for provider, kind, point in NOT_COUNTED:
        yield f"\n{provider} tells the cost last: after {code(kind)} {code(point)} it is `estimated`."


SURVIVAL: Final = """
## Through `resilient`

The same cells once more, where only the first answer goes wrong and [`resilient`](resilience.md) stands between, with
`tools="hold"`. The consumer then has the whole answer, once, in all cells but those that are named as errors: *asked
again* before the first content, *joined* with a `Seam` where the model was asked to go on, *resumed* where all had come
and only the end was missing. What is no fault of the moment, such as bytes that no client can read, stays an error.
"""


def survival() -> Iterator[str]:
    yield SURVIVAL
    rows = ([code(kind), *(took or "an error" for took in steps)] for kind, steps in RECOVERED.items())
    yield from table(["", *map(code, FAULT_POINTS)], rows)
    yield f"\nSo it is with all. {'; '.join(WHOLE_CALLS)} send each tool call whole, so at `mid_tool_arguments` one has"
    yield "been shown that nobody has answered: that cannot be gone on with, and stays an error. Where a call ends in"
    yield "`Finish` by itself, nothing is needed; where `slow_close` is a stall, it is resumed."


WORDS: Final = {
    "nothing": "nothing: it is `None`",
    "text": "the text until then",
    "a call": "the text, and the call as far as it was written",
    "all": "the whole answer",
}


def page() -> str:
    """The page as it should be."""
    return "\n".join([*lines(), *survival()]) + "\n"
