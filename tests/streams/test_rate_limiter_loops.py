"""One limiter for several event loops: one after another, and at once in several threads."""

from __future__ import annotations

import asyncio
import threading

from tests.streams.test_rate_limiter import KEY, ONE, ask, fixed
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
