"""Whoever leaves, at whatever moment, gives its place back: nothing is on its way, and the next has the place."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable

from tests.operators.callers import Caller, GoesOn, Stand, asking, per_second
from tests.stage import ASKED, Scripted
from tests.virtual_loop import run_virtual
from tokenrill import (
    Call,
    CircuitBreaker,
    CircuitOpen,
    ConnectError,
    ConnectionLost,
    LocalLimiter,
    Overloaded,
    Queued,
    TextDelta,
    circuit_break,
    fallback,
    race,
    rate_limit,
    resilient,
    resume,
    retry,
)

MOMENTS = [quarter / 4 for quarter in range(29)]
WAIT = Overloaded("busy", status=503, retry_after=2.0)


def queued(stand: Stand) -> tuple[Any, list[Any], list[float]]:
    return Scripted("one", stand.answer("-a-|")), [], [0.0]


def retried(stand: Stand) -> tuple[Any, list[Any], list[float]]:
    return Scripted("one", stand.answer("-#", WAIT), stand.answer("-a|")), [retry()], [0.0, 3.0]


def hedged(stand: Stand) -> tuple[Any, list[Any], list[float]]:
    return Scripted("one", stand.answer("-----a|")), [race(delay=0.5)], [0.0, 1.0]


def resumed(stand: Stand) -> tuple[Any, list[Any], list[float]]:
    broken = stand.answer("-a#", ConnectionLost("gone"))
    return GoesOn("one", broken, stand.answer("-b-F|")), [resume(wait=(1,))], [0.0, 3.0]


def fallen_back(stand: Stand) -> tuple[Any, list[Any], list[float]]:
    other = Scripted("two", stand.answer("--b|", name="two"))
    return Scripted("one", stand.answer("-#", WAIT), stand.answer("-a|")), [fallback(other)], [0.0]


WAYS: dict[str, Callable[[Stand], tuple[Any, list[Any], list[float]]]] = {
    "waiting": queued,
    "retry": retried,
    "hedge": hedged,
    "resume": resumed,
    "fallback": fallen_back,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_place_goes_to_the_next(way: str) -> None:
    """One a second. The first asks as often as its way wants; three more come in the moment in which it leaves."""
    for moment in MOMENTS:
        stand = Stand()
        source, operators, expected = WAYS[way](stand)
        limiter = per_second()
        callers = [Caller(0, moment), *[Caller(moment) for _ in range(3)]]
        _, *others = stand.play(asking(source, rate_limit(limiter), *operators), callers)
        assert stand.at_leaving == [0], moment
        asked = stand.asked["one"]
        before = [at for at in expected if at < moment or at == moment == 0]
        assert asked[: len(before)] == pytest.approx(before, abs=0.01)
        free = max([moment, before[-1] + 1])
        if way == "fallback" or moment >= expected[-1] or way == "waiting":  # the others' answers are plain ones
            after = asked[len(before) : len(before) + 3]
            assert after == pytest.approx([free, free + 1, free + 2], abs=0.01), moment
        else:
            assert asked[len(before)] == pytest.approx(free, abs=0.01), moment
        assert all("|" in other for other in others), others
        nothing_is_on_its_way(stand, limiter)


def nothing_is_on_its_way(stand: Stand, limiter: LocalLimiter) -> None:
    assert stand.late == []
    assert stand.live == 0
    assert stand.left == []
    assert all(lane.idle for lane in vars(limiter)["_lanes"].values())


def test_a_queue_stays_in_order_whoever_leaves_it_when() -> None:
    for moment in MOMENTS:
        stand, limiter = Stand(), per_second(0.5)
        callers = [Caller(0), Caller(0), Caller(0, moment), Caller(0), Caller(0)]
        heard = stand.play(asking(Scripted("one", stand.answer("a|")), rate_limit(limiter)), callers)
        went = [diagram.find("a") for index, diagram in enumerate(heard) if index != 2]
        assert went == ([0, 2, 4, 6] if moment <= 4 else [0, 2, 6, 8]), moment
        nothing_is_on_its_way(stand, limiter)


@pytest.mark.parametrize("waits", [False, True], ids=["alone", "inside of a limiter"])
def test_a_probe_that_is_left_lets_one_other_in(waits: bool) -> None:
    """Open from 1 to 6; a probe from 6 to 10."""
    for moment in [6 + at for at in MOMENTS if at > 0]:
        stand, limiter = Stand(), per_second(100)
        breaking = circuit_break(CircuitBreaker(failures=1, reset_after=5))
        operators = [breaking, rate_limit(limiter), breaking.ahead] if waits else [breaking]
        source = Scripted("one", stand.answer("-#", ConnectError("no")), stand.answer("---a|"))
        callers = [Caller(0), Caller(6, moment), Caller(6), Caller(moment), Caller(moment)]
        heard = stand.play(asking(source, *operators), callers)
        assert isinstance(stand.ends[2], CircuitOpen)
        assert heard[3].endswith("---a|")
        assert stand.asked["one"][:3] == pytest.approx([0, 6, moment], abs=0.03)
        refused = isinstance(stand.ends[4], CircuitOpen)
        assert refused == (moment < 10), moment  # then the first has shown that it lives
        nothing_is_on_its_way(stand, limiter)


def test_all_of_it_together() -> None:
    """A refusal, a wait, an answer that breaks, a request for the rest, and then the others; left at each moment."""
    for moment in [eighth / 8 for eighth in range(1, 80)]:
        stand, limiter = Stand(), per_second()
        breaker = CircuitBreaker(failures=3, reset_after=5)
        broken = stand.answer("-a#", ConnectionLost("gone"))
        one = GoesOn("one", stand.answer("-#", WAIT), broken, stand.answer("-b-UF|"))
        two = Scripted("two", stand.answer("-c-UF|", name="two"))
        guard = resilient(two, limiter=limiter, breaker=breaker, hedge_after=1.5, base=0.0, mid_stream=True)
        callers = [Caller(0, moment), Caller(moment), Caller(moment)]
        _, *others = stand.play(asking(one, guard), callers)
        assert stand.at_leaving[0] == 0, moment
        assert all(other.endswith("|") for other in others), (moment, others)
        asked = sorted(stand.asked["one"])
        assert all(later - sooner > 0.99 for sooner, later in itertools.pairwise(asked))
        assert breaker.state("one") == "closed"
        nothing_is_on_its_way(stand, limiter)


def test_who_leaves_on_hearing_that_it_waited_has_sent_nothing() -> None:
    """The place has come, and the request is not sent yet: the next has the place at once."""
    asked: list[float] = []

    async def scenario() -> None:
        loop, operator = asyncio.get_running_loop(), rate_limit(requests_per_second=1.0, adaptive=False)

        def source() -> Observable[Any]:
            return rx.defer(lambda _: asked.append(round(loop.time(), 2)) or rx.of(TextDelta("a")))

        subscriptions: dict[int, Any] = {}
        for number in range(3):
            call = Call("one", ASKED)

            def leave(decision: Any, number: int = number) -> None:
                if number == 1 and isinstance(decision, Queued):
                    subscriptions[1].dispose()

            call.decisions.subscribe(leave)
            subscriptions[number] = operator.for_call(call)(source()).subscribe()
        await asyncio.sleep(10)

    run_virtual(scenario())
    assert asked == [0.0, 1.0]
