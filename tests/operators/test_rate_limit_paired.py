"""``rate_limit`` beside its neighbours: who waits, whose quota is spent, and what a wait counts as."""

from __future__ import annotations

import pytest

from tests.operators.callers import Caller, GoesOn, Stand, asking, built, per_second
from tests.stage import Scripted
from tokenrill import (
    CircuitBreaker,
    CircuitOpen,
    ConnectError,
    ConnectionLost,
    LocalLimiter,
    Overloaded,
    RateLimited,
    StreamStalled,
    circuit_break,
    deadline,
    fallback,
    race,
    rate_limit,
    resume,
    retry,
)

LOST = ConnectionLost("gone")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_circuit_inside_that_opens_sends_the_whole_queue_home(stand: Stand) -> None:
    breaking = circuit_break(failures=1, reset_after=60)
    one = Scripted("one", stand.answer("--#", ConnectError("no")))
    heard = stand.play(asking(one, breaking, rate_limit(per_second(0.25))), [Caller()] * 4)
    assert heard == ["--#"] * 4  # the first was never sent, and who is refused gives its place to the next at once
    assert stand.asked == {"one": [0]}
    assert [type(end) for end in stand.ends] == [ConnectError] + [CircuitOpen] * 3


def test_a_circuit_outside_is_a_probe_for_as_long_as_it_queues(stand: Stand) -> None:
    """In this order a wait keeps the only place of a probe: that is why the breaker belongs inside."""
    busy = Overloaded("busy", status=503)
    one = Scripted("one", stand.answer("#", busy), stand.answer("a|"))
    operators = rate_limit(per_second(0.1)), circuit_break(failures=1, reset_after=1)
    heard = stand.play(asking(one, *operators), [Caller(), Caller(1), Caller(5), Caller(12)])
    assert heard == ["#", "-" * 10 + "a|", "-----#", "-" * 20 + "a|"]
    assert isinstance(stand.ends[2], CircuitOpen)


def test_the_rest_of_an_answer_takes_a_place_behind_those_who_wait(stand: Stand) -> None:
    one = GoesOn("one", stand.answer("-a#", LOST), stand.answer("b|"), stand.answer("c|"), stand.answer("d-F|"))
    operators = rate_limit(per_second(0.2)), resume(wait=(0,))
    heard = stand.play(asking(one, *operators), [Caller(), Caller(1), Caller(1)])
    assert [diagram.strip("-|") for diagram in heard][1:] == ["b", "c"]
    assert heard[0].replace("-", "") == "ad(<Usage>F)|"
    assert stand.asked["one"] == pytest.approx([0, 5, 10, 15], abs=0.01)


def test_without_a_place_for_the_rest_the_answer_ends_with_its_first_error(stand: Stand) -> None:
    one = GoesOn("one", stand.answer("-a#", LOST), stand.answer("b|"))
    heard = stand.play(asking(one, rate_limit(per_second(0.1), max_wait=3), resume(wait=(0,))), [Caller()])
    assert heard == ["-a#"]
    (end,) = stand.ends
    assert isinstance(end, ConnectionLost)
    assert end.partial is not None
    assert end.partial.text == "a"
    assert stand.asked == {"one": [0]}


def test_a_rival_waits_for_a_place_of_its_own(stand: Stand) -> None:
    one = Scripted("one", stand.answer("---------a|"), stand.answer("-b|"))
    heard = stand.play(asking(one, rate_limit(per_second(0.25)), race(delay=1)), [Caller()])
    assert heard == ["-----b|"]
    assert stand.asked["one"] == pytest.approx([0, 4], abs=0.01)


def test_a_rival_that_still_queues_when_the_other_speaks_leaves_its_place_to_the_next(stand: Stand) -> None:
    one = Scripted("one", stand.answer("--a|"), stand.answer("-b|"))
    heard = stand.play(asking(one, rate_limit(per_second(0.25)), race(delay=1)), [Caller(), Caller(3)])
    assert heard == ["--a|", "-----b|"]
    assert stand.asked["one"] == pytest.approx([0, 4], abs=0.01)


def test_rivals_of_another_provider_have_another_quota(stand: Stand) -> None:
    limiter = rate_limit(per_second(0.1))
    one, two = (Scripted(name, stand.answer("---a|", name=name)) for name in ("one", "two"))
    rival = built(two, limiter)
    heard = stand.play(asking(one, limiter, race(rival, delay=1)), [Caller(), Caller(0)])
    assert heard == ["---a|", "-" * 13 + "a|"]
    assert stand.asked["one"] == pytest.approx([0, 10], abs=0.01)
    assert stand.asked["two"] == pytest.approx([1, 11], abs=0.01)


def test_who_would_wait_too_long_falls_back_at_once(stand: Stand) -> None:
    one, two = Scripted("one", stand.answer("-a|")), Scripted("two", stand.answer("-b|", name="two"))
    operators = rate_limit(per_second(0.1), max_wait=2), fallback(two)
    assert stand.play(asking(one, *operators), [Caller(), Caller(1)]) == ["-a|", "--b|"]
    assert stand.asked == {"one": [0], "two": [1]}


def test_a_429_pauses_who_was_asked_and_not_the_other(stand: Stand) -> None:
    limiter = rate_limit(LocalLimiter(requests_per_second=100))
    full = RateLimited("slower", status=429, retry_after=20.0)
    one = Scripted("one", stand.answer("-#", full), stand.answer("-a|"))
    two = built(Scripted("two", stand.answer("-b|", name="two")), limiter)
    heard = stand.play(asking(one, limiter, fallback(two)), [Caller(), Caller(2)])
    assert heard[0] == "--b|"
    assert heard[1] == "-" * 22 + "a|"  # nobody failed, so that nobody fell back
    assert stand.asked["two"] == [1]


def test_an_open_circuit_sends_a_race_to_the_rival_at_once(stand: Stand) -> None:
    breaking = circuit_break(failures=1, reset_after=60)
    one = Scripted("one", stand.answer("-#", ConnectError("no")))
    two = Scripted("two", stand.answer("-b|", name="two"))
    heard = stand.play(asking(one, breaking, race(two, delay=5)), [Caller(), Caller(5)])
    assert heard == ["--b|", "------b|"]
    assert stand.asked == {"one": [0], "two": [1, 5]}


def test_who_loses_a_race_is_not_counted(stand: Stand) -> None:
    breaker = CircuitBreaker(failures=1)
    one = Scripted("one", stand.answer("-----#", ConnectError("no")))
    two = Scripted("two", stand.answer("-b-----|", name="two"))
    assert stand.play(asking(one, circuit_break(breaker), race(two)), [Caller()] * 3) == ["-b-----|"] * 3
    assert breaker.state("one") == "closed"


def test_a_probe_that_loses_a_race_gives_its_place_back(stand: Stand) -> None:
    breaker = CircuitBreaker(failures=1, reset_after=2)
    one = Scripted("one", stand.answer("#", ConnectError("no")), stand.answer("-----a|"), stand.answer("a|"))
    two = Scripted("two", stand.answer("-b|", name="two"))
    stand.play(asking(one, circuit_break(breaker), race(two)), [Caller(), Caller(2), Caller(4)])
    assert stand.asked["one"] == [0, 2, 4]
    assert breaker.state("one") == "closed"


def test_an_open_circuit_falls_back_at_once_and_comes_back_by_itself(stand: Stand) -> None:
    breaking = circuit_break(failures=1, reset_after=5)
    one = Scripted("one", stand.answer("---#", ConnectError("no")), stand.answer("-a|"))
    two = Scripted("two", stand.answer("b|", name="two"))
    heard = stand.play(asking(one, breaking, fallback(two)), [Caller(), Caller(4), Caller(8)])
    assert heard == ["---b|", "----b|", "---------a|"]


def test_an_answer_that_breaks_counts_though_it_is_gone_on_with(stand: Stand) -> None:
    breaker = CircuitBreaker(failures=2, reset_after=60)
    one = GoesOn("one", stand.answer("-a#", LOST), stand.answer("-b#", LOST), stand.answer("-c-F|"))
    heard = stand.play(asking(one, circuit_break(breaker), resume(wait=(0,))), [Caller()])
    assert heard[0].replace("-", "") == "ab#"
    assert breaker.state("one") == "open"
    assert stand.asked == {"one": [0, 2]}


def test_a_wait_is_no_silence_to_a_deadline_inside(stand: Stand) -> None:
    one = Scripted("one", stand.answer("-a|"))
    operators = deadline(first_token=2), rate_limit(per_second(0.1))
    assert stand.play(asking(one, *operators), [Caller()] * 3) == ["-a|", "-" * 11 + "a|", "-" * 21 + "a|"]


def test_a_deadline_on_the_whole_ends_the_wait_and_gives_the_place_to_the_next(stand: Stand) -> None:
    one = Scripted("one", stand.answer("-a|"))
    operators = rate_limit(per_second(0.1)), deadline(total=8)
    heard = stand.play(asking(one, *operators), [Caller(), Caller(1), Caller(1), Caller(7)])
    assert heard == ["-a|", "-" * 9 + "#", "-" * 9 + "#", "-" * 11 + "a|"]
    assert [type(end) for end in stand.ends[1:3]] == [StreamStalled] * 2
    assert stand.asked["one"] == pytest.approx([0, 10], abs=0.01)


def test_each_attempt_goes_to_the_end_of_the_queue(stand: Stand) -> None:
    busy = Overloaded("busy", status=503, retry_after=0.0)
    one = Scripted("one", stand.answer("#", busy), stand.answer("a|"), stand.answer("b|"), stand.answer("c|"))
    heard = stand.play(asking(one, rate_limit(per_second(0.5)), retry()), [Caller()] * 3)
    assert heard == ["------c|", "--a|", "----b|"]
