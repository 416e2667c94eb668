"""The providers: each counts in another way, and none says beforehand how much."""

from __future__ import annotations

from typing import Final

from tests.simulator.limits import Asked, Buckets, Concurrent, Moody, Refill, Steps, Window, whole_seconds
from tests.simulator.run import Scenario
from tokenrill import RateLimit

__all__ = ["MOODY", "SCENARIOS"]


def one(_: Asked) -> float:
    return 1.0


def most(asked: Asked) -> float:
    return float(asked.read + asked.most)


def read(asked: Asked) -> float:
    return float(asked.read)


def written(asked: Asked) -> float:
    return float(asked.written)


def halved(rate: float) -> Steps:
    """It halves after four minutes, and doubles after eight."""
    return Steps([(0.0, rate), (240.0, rate / 2), (480.0, rate)])


def same(limit: RateLimit) -> RateLimit:
    return limit


def two_buckets() -> Buckets:
    """Requests and tokens; what a request may take at most is taken when it comes, as OpenAI does."""
    return Buckets(
        {"requests": Refill(Steps([(0.0, 20.0)]), 60.0), "tokens": Refill(halved(8_000.0), 60.0)},
        {"requests": one, "tokens": most},
        "tokens",
        tell=same,
        retry_after=lambda wait: wait,
    )


def three_buckets() -> Buckets:
    """Requests, tokens read and tokens written, the last as they are written, as Anthropic does."""
    return Buckets(
        {
            "requests": Refill(Steps([(0.0, 50.0)]), 60.0),
            "input_tokens": Refill(Steps([(0.0, 20_000.0)]), 60.0),
            "output_tokens": Refill(halved(2_000.0), 60.0),
        },
        {"requests": one, "input_tokens": read},
        "output_tokens",
        {"output_tokens": written},
        tell=whole_seconds,
        retry_after=lambda wait: float(int(wait) + 1),
    )


def silent() -> Buckets:
    """No headers, but a refusal says how long to wait."""
    return Buckets(
        {"requests": Refill(halved(20.0), 5.0)},
        {"requests": one},
        "requests",
        retry_after=lambda wait: float(int(wait) + 1),
    )


def mute() -> Buckets:
    """No headers, and a refusal says nothing."""
    return Buckets({"requests": Refill(halved(16.0), 10.0)}, {"requests": one}, "requests")


def shared() -> Buckets:
    return Buckets(
        {"requests": Refill(Steps([(0.0, 20.0)]), 60.0)},
        {"requests": one},
        "requests",
        tell=same,
        retry_after=lambda _: 1.0,
    )


def neighbours(now: float) -> float:
    """Half of it, nothing, a little, and half again."""
    return (10.0, 0.0, 4.0, 12.0)[int(now // 90) % 4]


SCENARIOS: Final = (
    Scenario("two buckets, headers", two_buckets, unit="tokens"),
    Scenario("three buckets, rough headers", three_buckets, unit="output tokens"),
    Scenario("no headers, retry-after", silent),
    Scenario("no headers, bare 429", mute),
    Scenario("places, bare 429", lambda: Concurrent(halved(60.0)), (2.0, 6.0), unit="places"),
    Scenario("headers, noisy neighbours", shared, neighbour=neighbours),
    Scenario("so many a minute, retry-after", lambda: Window(Steps([(0.0, 10.0)]), 60.0)),
)
# 40 callers, each answered in 2 s or so, would send this much if nobody held them up.
MOODY: Final = Scenario("refuses a tenth, whatever the rate", lambda: Moody(20.0), callers=40)
