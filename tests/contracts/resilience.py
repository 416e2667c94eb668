"""Who of the operators that wait, try again or switch is bound by the contracts."""

from __future__ import annotations

from typing import Final

import reactivex as rx
from reactivex.scheduler import ImmediateScheduler

from tests.contracts.case import OperatorCase, tokens_case
from tokenrill import (
    Demand,
    TextDelta,
    buffer,
    circuit_break,
    compose,
    deadline,
    fallback,
    filter_content,
    race,
    resilient,
    resume,
    retry,
)

__all__ = ["RESILIENCE"]

AT_ONCE: Final = ImmediateScheduler.singleton()

RESILIENCE: Final[dict[str, OperatorCase]] = {
    "buffer": tokens_case(lambda: buffer(200_000, overflow="error", scheduler=AT_ONCE)),
    "buffer.block": tokens_case(lambda: buffer(8, scheduler=AT_ONCE, demand=Demand())),
    "buffer.drop": tokens_case(lambda: buffer(200_000, overflow="drop_oldest", scheduler=AT_ONCE)),
    "circuit_break": tokens_case(circuit_break),
    "circuit_break.ahead": tokens_case(lambda: circuit_break().ahead),
    "resume": tokens_case(resume),
    "resume.hold": tokens_case(lambda: resume(tools="hold")),
    "fallback": tokens_case(lambda: fallback(rx.of(TextDelta("another")))),
    "race": tokens_case(lambda: race(rx.empty())),
    "race.later": tokens_case(lambda: race(rx.empty(), delay=60)),
    "retry": tokens_case(retry),
    "resilient": tokens_case(lambda: resilient(limiter=False)),
    "compose": tokens_case(lambda: compose(filter_content(["secret"]), deadline(total=600)), "xx"),
}
