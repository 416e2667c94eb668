"""One limiter for several event loops: one after another, and at once in several threads."""

from __future__ import annotations

import asyncio
import threading
from random import Random
from typing import Any

from tests.streams.test_rate_limiter import KEY, ONE, ask, fixed
from tokenrill import LocalLimiter
from tokenrill.streams.rate_limiter import Pending


def test_one_loop_after_another_shares_what_is_saved() -> None:
    limiter = fixed(0.5)

    async def go() -> bool:
        answer = limiter.acquire(KEY, ONE)
        if isinstance(answer, Pending):
            return False
        answer.finished(None)
        return True

    assert [asyncio.run(go()) for _ in range(3)] == [True, False, False]


def test_two_loops_at_once_share_one_quota() -> None:
    limiter = fixed(200.0)
    taken = list[float]()

    async def go() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(150):
            reservation = await ask(limiter)
            taken.append(loop.time())
            reservation.finished(None)

    threads = [threading.Thread(target=lambda: asyncio.run(go()), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 300
    assert max(taken) - min(taken) >= 0.49  # 200 at once, 100 at 200 a second: neither loop had a quota of its own


def test_who_waits_on_a_loop_that_ends_does_not_hold_up_the_others() -> None:
    limiter = fixed(2.0)

    async def leave() -> None:
        for _ in range(10):
            ask(limiter)

    async def go() -> None:
        (await ask(limiter)).finished(None)

    asyncio.run(leave())
    asyncio.run(asyncio.wait_for(go(), 10))


def test_who_comes_and_goes_on_two_loops_at_once_loses_no_place() -> None:
    """Also where asyncio looks whether each loop is used by its own thread only."""
    limiter = fixed(2000.0)
    served, left, complaints = list[int](), list[int](), list[object]()

    async def one(number: int, random: Random) -> None:
        waiting = asyncio.ensure_future(ask(limiter))
        if random.random() < 0.5:
            await asyncio.sleep(random.random() * 0.003)
            if waiting.cancel():
                left.append(number)
                return
        reservation = await waiting
        served.append(number)
        reservation.finished(None)

    async def go(seed: int) -> None:
        random = Random(seed)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        for _ in range(10):
            await asyncio.wait_for(asyncio.gather(*[one(number, random) for number in range(100)]), 20)

    def run(seed: int) -> None:
        asyncio.run(go(seed), debug=True)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert complaints == []
    assert len(served) + len(left) == 2000
    assert served
    assert left  # how many are in time for it, the machine decides

    async def last() -> None:
        (await asyncio.wait_for(ask(limiter), 10)).finished(None)

    asyncio.run(last())
    (lane,) = vars(limiter)["_lanes"].values()
    assert lane.idle


def test_who_leaves_while_it_is_put_in_line_elsewhere_is_not_left_standing_there() -> None:
    complaints = list[object]()
    gone, begun, over = threading.Event(), threading.Event(), threading.Event()

    class Slow(LocalLimiter):
        def queue(self, key: Any, cost: Any, max_wait: float | None) -> Any:
            standing = super().queue(key, cost, max_wait)
            begun.set()
            assert gone.wait(10)
            return standing

    limiter = Slow(requests_per_second=0.01, adaptive=False)

    async def elsewhere() -> None:
        waiting = asyncio.ensure_future(ask(limiter))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        await asyncio.sleep(0)
        gone.set()
        await asyncio.to_thread(over.wait, 10)

    async def home() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        (await ask(limiter)).finished(None)
        other = threading.Thread(target=lambda: asyncio.run(elsewhere(), debug=True))
        other.start()
        (lane,) = vars(limiter)["_lanes"].values()
        while not gone.is_set() or not lane.idle:
            if complaints:
                break
            await asyncio.sleep(0.001)
        over.set()
        await asyncio.to_thread(other.join, 10)

    asyncio.run(asyncio.wait_for(home(), 20), debug=True)
    assert complaints == []
