"""The preset keeps its order, which shows in what happens: who is asked, what is spent, and what the consumer gets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
import reactivex as rx

from tests.operators.callers import Caller, Stand, asking
from tests.stage import Scripted
from tests.virtual_loop import run_virtual
from tokenrill import (
    VOCABULARY,
    Alternative,
    Call,
    CircuitBreaker,
    CircuitOpen,
    CompletionRequest,
    Decision,
    Fallback,
    InvalidRequest,
    LocalLimiter,
    Overloaded,
    Pipeline,
    RateLimited,
    Reply,
    Retry,
    RetryBudget,
    StreamPipelineBuilder,
    StreamStalled,
    accumulate,
    on_decision,
    openai,
    resilient,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace
from tokenrill.streams.errors import StreamError

REQUEST = CompletionRequest(model="m", messages="Hello")
TEXT = "One two three four."
BUSY = Answer.refuse(Overloaded("busy", status=503, retry_after=0.0))


def pipeline_to(server: Emulator, guard: Any, decisions: list[Decision]) -> Pipeline[Reply]:
    provider = openai(api_key="k", base_url=server.url + "/v1")
    return (
        StreamPipelineBuilder.source(provider)
        .pipe(guard)
        .attach(on_decision(decisions.append))
        .pipe(accumulate())
        .build()
    )


async def ask(answers: Iterable[Answer], guard: Any, times: int = 1) -> tuple[list[Any], int, list[Decision]]:
    """The replies or errors of so many calls, one after the other; how often the server was asked; the decisions."""
    decisions, ends = list[Decision](), list[Any]()
    async with Emulator(list(answers)) as server:
        pipeline = pipeline_to(server, guard, decisions)
        for _ in range(times):
            try:
                ends.append((await pipeline.stream(REQUEST)).text)
            except StreamError as error:
                ends.append(error)
        await pipeline.aclose()
        return ends, len(server.calls), decisions


async def test_a_healthy_answer_passes_untouched() -> None:
    ends, asked, decisions = await ask([Answer.text(TEXT)], resilient())
    assert (ends, asked) == ([TEXT], 1)
    assert not [said for said in decisions if isinstance(said, (Retry, Fallback))]


async def test_it_asks_again_before_the_first_word_and_goes_on_after_it() -> None:
    broken = Answer.text(TEXT, fault=Fault("reset", after_events=3))
    ends, asked, decisions = await ask([BUSY, broken, Answer.text(TEXT)], resilient())
    assert (ends, asked) == ([TEXT], 3)
    assert [type(said).__name__ for said in decisions if type(said).__name__ in ("Retry", "Resume")] == [
        "Retry",
        "Resume",
    ]


async def test_every_attempt_takes_a_place_in_the_quota() -> None:
    limiter = LocalLimiter(requests_per_second=1000)
    taken = list[str]()
    acquire = limiter.acquire

    def counted(key: Any, cost: Any, /, max_wait: float | None = None) -> Any:
        taken.append(key.model)
        return acquire(key, cost, max_wait)

    limiter.acquire = counted
    ends, asked, _ = await ask([BUSY, BUSY, Answer.text(TEXT)], resilient(limiter=limiter))
    assert (ends, asked, len(taken)) == ([TEXT], 3, 3)


async def test_an_open_breaker_spends_no_place_and_asks_nobody() -> None:
    limiter = LocalLimiter(requests_per_second=1000)
    taken = list[str]()
    acquire = limiter.acquire

    def counted(key: Any, cost: Any, /, max_wait: float | None = None) -> Any:
        taken.append(key.model)
        return acquire(key, cost, max_wait)

    limiter.acquire = counted
    guard = resilient(attempts=1, limiter=limiter, breaker=CircuitBreaker(failures=2, reset_after=600))
    ends, asked, _ = await ask([BUSY], guard, times=10)
    assert [type(end) for end in ends] == [Overloaded] * 2 + [CircuitOpen] * 8
    assert (asked, len(taken)) == (2, 2)


async def test_a_wait_in_the_queue_is_no_stall_and_no_failure() -> None:
    breaker = CircuitBreaker(failures=1)
    guard = resilient(first_token=0.25, requests_per_second=4, breaker=breaker, attempts=1)
    async with Emulator(Answer.text(TEXT)) as server:
        pipeline = pipeline_to(server, guard, [])
        replies = await asyncio.gather(*(pipeline.stream(REQUEST) for _ in range(8)))
        await pipeline.aclose()
    assert [reply.text for reply in replies] == [TEXT] * 8
    assert breaker.state("openai") == "closed"


async def test_limiter_and_breaker_can_be_left_out() -> None:
    ends, asked, decisions = await ask([BUSY], resilient(attempts=1, limiter=False, breaker=False), times=8)
    assert ([type(end) for end in ends], asked) == ([Overloaded] * 8, 8)
    assert {type(said).__name__ for said in decisions} <= {"GaveUp"}


async def test_a_429_is_no_failure_of_the_provider() -> None:
    breaker = CircuitBreaker(failures=1)
    limited = Answer.refuse(RateLimited("slow down", status=429, retry_after=0.0))
    ends, asked, _ = await ask([limited, limited, Answer.text(TEXT)], resilient(breaker=breaker))
    assert (ends, asked, breaker.state("openai")) == ([TEXT], 3, "closed")


async def test_what_is_not_retryable_is_asked_once() -> None:
    wrong = Answer.refuse(InvalidRequest("no such model", status=404))
    ends, asked, _ = await ask([wrong], resilient())
    assert (type(ends[0]), asked) == (InvalidRequest, 1)


async def test_an_alternative_is_guarded_as_the_source_is() -> None:
    decisions = list[Decision]()
    async with Emulator(BUSY) as down, Emulator([BUSY, Answer.text(TEXT)]) as backup:
        other = Alternative(openai(api_key="k", base_url=backup.url + "/v1"), model="small")
        pipeline = pipeline_to(down, resilient(other, attempts=2, base=0.001), decisions)
        reply = await pipeline.stream(REQUEST)
        await pipeline.aclose()
        assert (reply.text, len(down.calls), len(backup.calls)) == (TEXT, 2, 2)
        assert backup.calls[0].request is not None
        assert backup.calls[0].request.model == "small"
    assert [type(said).__name__ for said in decisions if isinstance(said, (Retry, Fallback))] == [
        "Retry",
        "Fallback",
        "Retry",
    ]


async def test_a_slow_answer_is_hedged() -> None:
    slow = Answer.text(TEXT, pace=Pace(first_token=30.0))
    ends, asked, _ = await ask([slow, Answer.text(TEXT)], resilient(hedge_after=0.05))
    assert (ends, asked) == ([TEXT], 2)


@pytest.mark.parametrize(("hedge_after", "attempts"), [(None, 3), (1.0, 1), (1.0, 3)])
def test_a_request_pays_into_the_budget_once(hedge_after: float | None, attempts: int) -> None:
    """However many stand in line to take from it, and though it was hedged; that takes one out."""
    stand = Stand()
    budget = RetryBudget(share=1, reserve=0, clock=lambda: 0.0)
    source = Scripted("one", stand.answer("a|"), stand.answer("---b|"), stand.answer("c|"))
    guard = resilient(attempts=attempts, hedge_after=hedge_after, budget=budget, limiter=False)
    stand.play(asking(source, guard), [Caller()])
    assert budget.balance == 1
    stand.play(asking(source, guard), [Caller()])
    hedged = hedge_after is not None
    assert len(source.asked) == 2 + hedged
    assert budget.balance == 2 - hedged


@pytest.mark.parametrize("seed", range(3))
def test_a_provider_that_refuses_a_tenth_at_random_is_asked_all_the_same(seed: int) -> None:
    """Two hundred at once, with the limiter that learns: it starts with ten a second, and 429s are all it hears."""
    stand, random = Stand(), Random(seed)
    full = RateLimited("slower", status=429)
    answers = [stand.answer("#", full) if random.random() < 0.1 else stand.answer("a|") for _ in range(300)]
    callers = [Caller() for _ in range(200)]
    heard = stand.play(asking(Scripted("one", *answers), resilient(breaker=False, idle=None)), callers, until=200)
    assert sum(diagram.endswith("a|") for diagram in heard) >= 195  # three attempts, and then it is an error
    assert max(map(len, heard)) < 100


def test_the_whole_takes_no_longer_than_it_may() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        builder = StreamPipelineBuilder.source(Silent()).pipe(resilient(first_token=5.0, attempts=9, total=12.0))
        with pytest.raises(StreamStalled):
            await builder.build().stream(REQUEST)
        assert loop.time() - started <= 12.1

    run_virtual(main())


def test_it_is_written_down_as_data_and_made_again() -> None:
    builder = StreamPipelineBuilder.source(Silent()).pipe(resilient(attempts=5, requests_per_second=2.0))
    written = builder.build().to_dict()
    assert written["steps"] == [{"pipe": "resilient", "with": {"attempts": 5, "requests_per_second": 2.0}}]
    assert StreamPipelineBuilder.from_dict(written, Silent(), VOCABULARY).build().to_dict() == written


def test_what_makes_no_sense_is_refused() -> None:
    for wrong in (
        {"limiter": False, "tokens_per_minute": 1.0},
        {"attempts": 0},
        {"resumes": -1},
        {"hedge_after": -1.0},
        {"idle": 0.0},
        {"base": -1.0},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            resilient(**wrong)  # pyright: ignore[reportArgumentType]


class Silent:
    """A source that never says anything."""

    name = "silent"

    def stream(self, call: Call, /) -> Any:
        return rx.never()

    async def aclose(self) -> None: ...
