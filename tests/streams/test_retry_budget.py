from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from tokenrill import RetryBudget
from tokenrill.streams.retry_budget import Paid


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spent(budget: RetryBudget) -> int:
    """How many retries it allows."""
    count = 0
    while count < 10_000 and budget.withdraw():
        count += 1
    return count


def test_one_request_in_five_and_ten_a_second() -> None:
    budget = RetryBudget(clock=Clock())
    assert budget.balance == 100
    for _ in range(1000):
        budget.deposit()
    assert budget.balance == 300
    assert spent(budget) == 300
    assert not budget.withdraw()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.7])
def test_shares_add_up(share: float) -> None:
    budget = RetryBudget(share, reserve=0, clock=Clock())
    for _ in range(10):
        budget.deposit()
    assert spent(budget) == round(share * 10)


def test_what_was_paid_in_is_forgotten() -> None:
    clock = Clock()
    budget = RetryBudget(1, reserve=0, ttl=10, clock=clock)
    budget.deposit()
    clock.now += 5
    budget.deposit()
    assert budget.balance == 2
    clock.now += 5
    assert budget.balance == 1
    clock.now += 5
    assert budget.balance == 0


def test_what_was_taken_out_of_the_reserve_comes_back() -> None:
    clock = Clock()
    budget = RetryBudget(0, reserve=1, ttl=10, clock=clock)
    assert spent(budget) == 10
    clock.now += 9
    assert not budget.withdraw()
    clock.now += 1
    assert spent(budget) == 10


def test_an_endless_reserve_allows_all() -> None:
    assert spent(RetryBudget(reserve=math.inf)) == 10_000


def test_it_keeps_no_more_than_its_slices() -> None:
    clock = Clock()
    budget = RetryBudget(clock=clock)
    for _ in range(10_000):
        budget.deposit()
        clock.now += 0.1
    assert len(budget._slices) <= 11  # pyright: ignore[reportPrivateUsage]


def test_a_clock_that_steps_back_does_no_harm() -> None:
    clock = Clock()
    budget = RetryBudget(1, reserve=0, clock=clock)
    budget.deposit()
    clock.now -= 500
    budget.deposit()
    assert budget.balance == 2


def test_eight_threads_take_no_more_than_there_is() -> None:
    budget = RetryBudget(0, reserve=500, ttl=1, clock=Clock())
    start, taken = threading.Barrier(8), list[int]()

    def take() -> None:
        start.wait()
        taken.append(spent(budget))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 500


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"share": -0.1}, "share is a part of a retry, 0 or more, not -0.1"),
        ({"reserve": -1}, "reserve is a number of retries a second, 0 or more, not -1"),
        ({"reserve": math.nan}, "reserve is a number"),
        ({"ttl": 0}, "ttl is a time in seconds"),
        ({"ttl": math.inf}, "ttl is a time in seconds"),
    ],
)
def test_mistakes_are_told_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RetryBudget(**options)


def test_one_that_is_paid_already_pays_nothing_and_takes_from_the_same() -> None:
    budget = RetryBudget(share=1, reserve=0)
    paid = Paid(budget)
    paid.deposit()
    assert (paid.balance, paid.withdraw()) == (0, False)
    budget.deposit()
    assert paid.balance == 1
    assert paid.withdraw()
    assert budget.balance == 0
