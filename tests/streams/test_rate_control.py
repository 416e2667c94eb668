"""The machines that learn a provider's limits: their bounds always hold, and they back off when they are refused."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, strategies as st

from tokenrill import RateLimit
from tokenrill.streams.rate_control import Search
from tokenrill.streams.rate_gate import Gate
from tokenrill.streams.rate_pace import Pace

TIMES = st.floats(0.0, 100.0)
EVENTS = st.lists(st.tuples(st.sampled_from(["accepted", "wanted", "refused", "pause"]), TIMES), max_size=80)


def fed(events: list[tuple[str, float]], search: Search) -> list[float]:
    """The rates after each event."""
    now, rates = 0.0, list[float]()
    for kind, passed in events:
        now += passed
        before = search.rate
        match kind:
            case "refused":
                news = search.refused(sent=now - 0.01, now=now)
                assert search.rate <= before or search.noisy  # it goes back to where it was
                assert search.rate < before or not news or search.rate == search.floor
            case "pause":
                search.pause(passed)
                assert search.rate == before
            case _:
                search.accepted(now, wanted=kind == "wanted")
                assert search.rate >= before
                assert kind == "wanted" or search.rate == before
        rates.append(search.rate)
    return rates


@given(EVENTS, st.floats(0.001, 1e5), st.floats(0.001, 10.0), st.floats(1.0, 1000.0))
def test_a_search_stays_within_its_bounds_and_rises_at_no_refusal_that_counts(
    events: list[tuple[str, float]], start: float, floor: float, times: float
) -> None:
    search = Search(start, floor=floor, ceiling=floor * times)
    for rate in fed(events, search):
        assert floor <= rate <= floor * times
        assert math.isfinite(rate)


def test_the_rate_between_two_refusals_is_the_plateau() -> None:
    search = Search(30.0)
    assert search.refused(sent=0.0, now=0.0)
    now = 0.0
    for _ in range(400):
        now += 0.05  # 20 a second
        search.accepted(now, wanted=True)
    assert search.refused(sent=now, now=now + 0.1)
    assert search.rate == pytest.approx(0.9 * 400 / (now + 0.1), rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_a_tenth_refused_at_random_is_found_out_before_the_rate_is_gone(seed: int) -> None:
    """Slower and slower is no answer to them: a rate of a fiftieth a second would be its end."""
    random, search = Random(seed), Search(10.0)
    now, rates = 0.0, list[float]()
    for _ in range(400):
        now += 1 / search.rate
        if random.random() < 0.1:
            search.refused(sent=now, now=now + 0.05)
        else:
            search.accepted(now + 0.05, wanted=True, sent=now)
        rates.append(search.rate)
    assert min(rates) > 0.2
    assert now < 400


def test_old_refusals_are_no_news() -> None:
    search = Search(10.0)
    assert search.refused(sent=1.0, now=2.0)
    rate = search.rate
    assert not search.refused(sent=1.5, now=2.1)
    assert search.rate == rate


def test_nothing_grows_that_nobody_waits_for() -> None:
    search = Search(10.0)
    for second in range(1_000):
        search.accepted(second * 0.01, wanted=False)
    assert search.rate == 10.0


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan, 1.0)])
def test_bounds_that_cannot_be_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="between its floor and its ceiling"):
        Search(1.0, floor=bounds[0], ceiling=bounds[1])


NUMBERS = st.one_of(st.none(), st.integers(-5, 10**9))
RESETS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, RESETS, st.floats(0, 1e9), st.floats(0, 1e4), st.floats(0, 1e6)), max_size=20)
)
def test_a_pace_stays_within_its_bounds_whatever_the_headers_say(
    told: list[tuple[int | None, int | None, float | None, float, float, float]],
) -> None:
    pace = Pace(floor=0.5, ceiling=50.0)
    for limit, remaining, reset, since, age, largest in told:
        pace.told(RateLimit(limit, remaining, reset), sent_since=since, age=age, largest=largest)
        assert 0.5 <= pace.rate <= 50.0


@pytest.mark.parametrize(("window", "limit"), [(1.0, 50), (60.0, 500), (3600.0, 9000), (86400.0, 14_400)])
def test_the_window_is_learned_from_the_reset(window: float, limit: int) -> None:
    pace = Pace()
    for _ in range(5):
        remaining = limit // 10  # what is kept in reserve: neither faster nor slower than it refills
        reset = window * (limit - remaining) / limit
        pace.told(RateLimit(limit, remaining, reset), sent_since=0.0, age=0.0, largest=1.0)
    assert pace.rate == pytest.approx(limit / window)


@given(st.integers(100, 10_000), st.data())
def test_the_less_is_left_the_slower(limit: int, data: st.DataObject) -> None:
    more = data.draw(st.integers(1, limit))
    less = data.draw(st.integers(0, more))
    rates = list[float]()
    for remaining in (more, less):
        pace = Pace()
        pace.told(RateLimit(limit, remaining), sent_since=0.0, age=0.0, largest=1.0)
        rates.append(pace.rate)
    assert rates[1] <= rates[0]


def test_what_was_sent_since_counts_as_gone() -> None:
    pace = Pace()
    pace.told(RateLimit(600, 300), sent_since=0.0, age=0.0, largest=1.0)
    alone = pace.rate
    pace.told(RateLimit(600, 300), sent_since=200.0, age=0.0, largest=1.0)
    assert pace.rate < alone


def test_headers_without_a_limit_say_nothing() -> None:
    pace = Pace(ceiling=7.0)
    assert not pace.told(RateLimit(None, 5, 1.0), sent_since=0.0, age=0.0, largest=1.0)
    assert pace.rate == 7.0


def test_a_refusal_in_spite_of_the_headers_slows_down() -> None:
    pace = Pace()
    pace.told(RateLimit(600, 600), sent_since=0.0, age=0.0, largest=1.0)
    before = pace.rate
    pace.refused()
    assert pace.rate < before


def served(gate: Gate, places: int, rounds: int, start: float = 0.0) -> int:
    """A provider with so many places, asked whenever the gate lets one more go: how many it refused."""
    now, in_flight, refused = start, 0, 0
    for _ in range(rounds):
        now += 1.0
        if gate.lets(in_flight):
            gate.went(in_flight)
            if in_flight >= places:
                refused += 1
                gate.refused(in_flight, now, now + 0.1)
                gate.over(in_flight)
                in_flight -= 1  # somebody ends, so that it goes on
            else:
                gate.accepted(in_flight)
                in_flight += 1
        else:
            gate.over(in_flight - 1)
            in_flight -= 1
    return refused


def test_a_gate_finds_the_number_of_places() -> None:
    gate = Gate()
    served(gate, 12, 1_000)
    assert gate.bound in (12, 13)  # one more is tried now and then
    assert served(gate, 12, 10_000, start=1_000.0) < 50


def test_a_gate_follows_when_there_are_more_places() -> None:
    gate = Gate()
    served(gate, 6, 1_000)
    served(gate, 12, 2_000, start=1_000.0)
    assert gate.bound in (12, 13)


def test_a_gate_follows_when_there_are_fewer() -> None:
    gate = Gate()
    served(gate, 20, 2_000)
    served(gate, 5, 2_000, start=2_000.0)
    assert gate.bound is not None
    assert gate.bound <= 6


def test_refusals_that_have_nothing_to_do_with_it_leave_the_gate_open() -> None:
    gate = Gate()
    now = 0.0
    for _ in range(50):
        for others in (3, 4, 5, 6, 7, 8):
            gate.accepted(others)
        now += 1.0
        assert not gate.refused(5, now, now + 0.1)
    assert gate.bound is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=300))
def test_a_gate_always_lets_one_through(told: list[tuple[bool, int]]) -> None:
    gate = Gate()
    for second, (good, others) in enumerate(told):
        if good:
            gate.accepted(others)
        else:
            gate.refused(others, float(second), second + 0.1)
        gate.over(others)
        assert gate.bound is None or gate.bound >= 1
        assert gate.lets(0)
