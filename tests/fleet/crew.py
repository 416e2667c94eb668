"""One of several processes that share a quota: ``python -m tests.fleet.crew URL RATE SECONDS TASKS``.

It writes the server's time of each place it was given, in microseconds, one a line.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

from redis.asyncio import Redis

from tokenrill.operators.fleet import RedisLimiter
from tokenrill.streams.rate_limiter import Cost, Key

KEY = Key("emulator", "", "model")


async def work(url: str, rate: float, seconds: float, tasks: int) -> None:
    client: Any = cast(Any, Redis).from_url(url)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    places: list[int] = []

    async def one() -> None:
        while loop.time() < end:
            reservation = await limiter.acquire(KEY, Cost()).arrive()
            second, micro = await client.time()
            places.append(second * 1_000_000 + micro)
            reservation.finished(None)

    async with RedisLimiter(url, requests_per_second=rate, adaptive=False, timeout=5.0) as limiter:
        await asyncio.gather(*[one() for _ in range(tasks)])
    await client.aclose()
    print("\n".join(map(str, places)))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
