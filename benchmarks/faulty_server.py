"""The emulator in a process of its own, which fails often, in every way, and always in the same order.

It says its port, then answers each line on its standard input with a line of JSON: what it has been asked, and what
is open.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any, Final

from benchmarks.server import pin
from tokenrill import CompletionRequest, Overloaded, RateLimited
from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace

__all__ = ["FAULTS", "WORDS", "FaultyServer", "faulty_server"]

WORDS: Final = " ".join(f"word{number}" for number in range(100))
SEED: Final = 20261122
PACE: Final = Pace(between_tokens=0.05, events_per_write=1)
# What happens to a request, and how often in a hundred.
FAULTS: Final[dict[str, tuple[int, Answer]]] = {
    "healthy": (55, Answer.text(WORDS, pace=PACE)),
    "429": (10, Answer.refuse(RateLimited("slow down", status=429, retry_after=0.2))),
    "503": (8, Answer.refuse(Overloaded("try later", status=503))),
    "reset before headers": (5, Answer.text(WORDS, fault=Fault("reset", "before_headers"))),
    "reset before text": (5, Answer.text(WORDS, fault=Fault("reset", "before_first_event"))),
    "stall before text": (4, Answer.text(WORDS, fault=Fault("stall", "before_first_event"))),
    "reset in text": (5, Answer.text(WORDS, pace=PACE, fault=Fault("reset", after_events=30))),
    "cut in text": (3, Answer.text(WORDS, pace=PACE, fault=Fault("cut", after_events=50))),
    "stall in text": (2, Answer.text(WORDS, pace=PACE, fault=Fault("stall", after_events=20))),
    "error in text": (3, Answer.text(WORDS, pace=PACE, fault=Fault("error", after_events=40))),
}


async def main() -> None:
    pin(1)
    chance, asked = random.Random(SEED), Counter[str]()
    names, weights = list(FAULTS), [weight for weight, _ in FAULTS.values()]

    def answer(_: CompletionRequest) -> Answer:
        (name,) = chance.choices(names, weights)
        asked[name] += 1
        return FAULTS[name][1]

    async with Emulator(answer, max_calls=1) as server:
        print(server.url, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"asked": asked, "open": server.open_connections}), flush=True)


class FaultyServer:
    """The process, and what it says."""

    def __init__(self, said: IO[str], told: IO[str]) -> None:
        self._said, self._told = said, told
        self.url = said.readline().strip()

    def status(self) -> dict[str, Any]:
        """What it was asked, by what it then did, and how many connections are open."""
        self._told.write("\n")
        self._told.flush()
        return json.loads(self._said.readline())


@contextmanager
def faulty_server() -> Generator[FaultyServer]:
    """Run it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.faulty_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield FaultyServer(process.stdout, process.stdin)
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(main())
