"""Callers who always want more, at providers who count, for minutes of virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from tests.simulator.limits import Asked, Buckets, Limit, Refusal
from tests.virtual_loop import run_virtual
from tokenrill import (
    CompletionRequest,
    Finish,
    LocalLimiter,
    RateLimited,
    ResponseStart,
    RetryBudget,
    StreamPipelineBuilder,
    StreamToken,
    Text,
    TextDelta,
    Usage,
    rate_limit,
    retry,
    transduce,
)
from tokenrill.streams.call import Account, Call

__all__ = ["Outcome", "Sample", "Scenario", "simulate"]

WAY = (0.02, 0.06)  # seconds from us to the provider, and back


@dataclass(frozen=True)
class Scenario:
    """A provider, and those who ask it.

    Attributes:
        limit: Makes the hidden limit.
        lasts: Seconds that an answer takes, from and to.
        callers: How many ask, each again as soon as it has its answer.
        neighbour: Requests a second that somebody else sends with the same key, by second.
        unit: What is counted.
    """

    name: str
    limit: Callable[[], Limit]
    lasts: tuple[float, float] = (0.5, 3.0)
    callers: int = 150
    neighbour: Callable[[float], float] | None = None
    unit: str = "requests"
    written: tuple[int, int] = (50, 400)


class Sample(NamedTuple):
    """One second: what could have been taken, what was, and how many were refused."""

    quota: float
    used: float
    refused: int


@dataclass
class Outcome:
    """What came of it, in all and by the second."""

    scenario: str
    unit: str
    used: float
    quota: float
    sent: int
    refused: int
    samples: list[Sample] = field(default_factory=list[Sample])

    @property
    def share(self) -> float:
        return self.used / self.quota

    @property
    def refusals(self) -> float:
        return self.refused / self.sent

    def __str__(self) -> str:
        return (
            f"{self.scenario:<34} {self.unit:<14} {self.share:7.1%} of the quota  "
            f"{self.refusals:7.3%} refused ({self.refused} of {self.sent:,})"
        )


class Simulated(Observable[StreamToken]):
    """One request on its way to the provider and back."""

    def __init__(self, source: Provider, call: Call) -> None:
        super().__init__()
        self._source = source
        self._call = call

    def _subscribe_core(
        self, observer: abc.ObserverBase[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        source, chance = self._source, self._source.chance
        loop = asyncio.get_running_loop()
        asked = source.asked(self._call.request)

        def reach() -> None:
            source.sent += 1
            verdict = source.limit.enter(asked, loop.time())
            if isinstance(verdict, Refusal):
                source.refused += 1
                error = RateLimited("slow down", status=429, retry_after=verdict.retry_after)
                loop.call_later(chance.uniform(*WAY), observer.on_error, error)
                return

            def begin() -> None:
                self._call.attempt.rate_limits = verdict
                observer.on_next(ResponseStart("r", "m"))
                observer.on_next(TextDelta("."))

            lasts = chance.uniform(*source.scenario.lasts)
            back = chance.uniform(*WAY)
            loop.call_later(back, begin)
            loop.call_later(lasts, source.limit.leave, asked, loop.time() + lasts)
            loop.call_later(lasts + back, end)

        def end() -> None:
            observer.on_next(Usage(asked.read, asked.written))
            observer.on_next(Finish("stop"))
            observer.on_completed()

        loop.call_later(chance.uniform(*WAY), reach)
        return Disposable()


class Provider:
    """A source with a hidden limit."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.name = scenario.name
        self.limit = scenario.limit()
        self.chance = random.Random(seed)
        self.sent = 0
        self.refused = 0

    def stream(self, call: Call) -> Observable[StreamToken]:
        return Simulated(self, call).pipe(transduce(lambda: Account(call)))

    async def aclose(self) -> None:
        pass

    def asked(self, request: CompletionRequest) -> Asked:
        read = sum(len(part.text) for message in request.turns for part in message.parts if isinstance(part, Text)) // 4
        most = request.max_tokens or 0
        return Asked(read, most, self.chance.randint(most // 4, most))


def simulate(scenario: Scenario, seconds: float, seed: int = 0) -> Outcome:
    """Run it in virtual time. The same seed gives the same outcome."""
    before = random.getstate()
    random.seed(seed)  # tenacity's waits are drawn from the random numbers that all share
    try:
        return run_virtual(running(scenario, seconds, seed))
    finally:
        random.setstate(before)


async def running(scenario: Scenario, seconds: float, seed: int) -> Outcome:
    loop = asyncio.get_running_loop()
    provider = Provider(scenario, seed)
    chance = random.Random(seed + 1)
    limiter = LocalLimiter()
    retrying = retry(10, budget=RetryBudget(clock=loop.time))
    pipeline = StreamPipelineBuilder.source(provider).pipe(rate_limit(limiter)).pipe(retrying).build()
    requests = [
        CompletionRequest(
            model="m", messages="x" * 4 * chance.randint(100, 900), max_tokens=chance.randint(*scenario.written)
        )
        for _ in range(200)
    ]

    def again(*_: object) -> None:
        loop.call_soon(ask)

    def ask() -> None:
        if loop.time() < seconds:
            pipeline.stream(chance.choice(requests)).subscribe(on_error=again, on_completed=again)

    for _ in range(scenario.callers):
        ask()
    others = loop.create_task(disturb(provider, scenario, chance)) if scenario.neighbour else None
    outcome = Outcome(scenario.name, scenario.unit, 0.0, 1.0, 0, 0)
    limit = provider.limit
    quota, used, refused = limit.quota(0.0), 0.0, 0
    while loop.time() < seconds:
        await asyncio.sleep(1.0)
        now = limit.quota(loop.time())
        outcome.samples.append(Sample(now - quota, limit.used - used, provider.refused - refused))
        quota, used, refused = now, limit.used, provider.refused
    outcome.quota = limit.quota(seconds)
    outcome.used, outcome.sent, outcome.refused = limit.used, provider.sent, provider.refused
    if others is not None:
        others.cancel()
    return outcome


async def disturb(provider: Provider, scenario: Scenario, chance: random.Random) -> None:
    loop = asyncio.get_running_loop()
    assert scenario.neighbour is not None
    assert isinstance(provider.limit, Buckets)
    while True:
        rate = scenario.neighbour(loop.time())
        await asyncio.sleep(chance.expovariate(rate) if rate > 0 else 1.0)
        if rate > 0:
            provider.limit.neighbour(chance, loop.time())
