"""Who of the operators that wait, try again or switch is bound by the contracts."""

from __future__ import annotations

from typing import Final

import reactivex as rx
from reactivex.scheduler import ImmediateScheduler

from tests.contracts.case import OperatorCase, tokens_case
from tokenrill import (
    Demand,
    LimiterRate,
    RateLimits,
    TextDelta,
    Usage,
    buffer,
    circuit_break,
    compose,
    deadline,
    fallback,
    filter_content,
    race,
    rate_limit,
    resilient,
    resume,
    retry,
)
from tokenrill.streams.rate_limiter import Cost, Key

__all__ = ["RESILIENCE"]

AT_ONCE: Final = ImmediateScheduler.singleton()


class Open:
    """A limiter that always has room: it needs no event loop."""

    name = "open"
    changes: rx.Observable[LimiterRate] = rx.never()

    def acquire(self, key: Key, cost: Cost, /, max_wait: float | None = None) -> Taken:
        return Taken()


class Taken:
    """A place that nobody counts."""

    waited = 0.0

    def report(self, limits: RateLimits | None, /) -> None:
        pass

    def refund(self) -> None:
        pass

    def limited(self, retry_after: float | None, /) -> None:
        pass

    def finished(self, usage: Usage | None, /) -> None:
        pass


RESILIENCE: Final[dict[str, OperatorCase]] = {
    "buffer": tokens_case(lambda: buffer(200_000, overflow="error", scheduler=AT_ONCE)),
    "buffer.block": tokens_case(lambda: buffer(8, scheduler=AT_ONCE, demand=Demand())),
    "buffer.drop": tokens_case(lambda: buffer(200_000, overflow="drop_oldest", scheduler=AT_ONCE)),
    "circuit_break": tokens_case(circuit_break),
    "circuit_break.ahead": tokens_case(lambda: circuit_break().ahead),
    "rate_limit": tokens_case(lambda: rate_limit(Open())),
    "resume": tokens_case(resume),
    "resume.hold": tokens_case(lambda: resume(tools="hold")),
    "fallback": tokens_case(lambda: fallback(rx.of(TextDelta("another")))),
    "race": tokens_case(lambda: race(rx.empty())),
    "race.later": tokens_case(lambda: race(rx.empty(), delay=60)),
    "retry": tokens_case(retry),
    "resilient": tokens_case(lambda: resilient(limiter=False)),
    "compose": tokens_case(lambda: compose(filter_content(["secret"]), deadline(total=600)), "xx"),
}
