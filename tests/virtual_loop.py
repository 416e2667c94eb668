"""An event loop whose time is virtual: minutes of waiting take no time at all.

Everything that asks the loop for the time (``asyncio.sleep``, ``timeout``, ``call_later``, ``loop.time``) lives in
it. When all tasks wait, the clock jumps to the next timer. It is no place for sockets and threads, for which a jump
would be a hang: they belong on a loop with real time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualLoop", "run_virtual"]

T = TypeVar("T")


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as :func:`asyncio.run` does, in virtual time.

    >>> import time
    >>> async def an_hour():
    ...     await asyncio.sleep(3600)
    ...     return asyncio.get_running_loop().time()
    >>> before = time.monotonic()
    >>> run_virtual(an_hour()), time.monotonic() - before < 60
    (3600.0, True)

    Raises:
        RuntimeError: When every task waits for what will never happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that begins at second 0 and never sleeps."""

    def __init__(self) -> None:
        self._clock = Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


class Clock(selectors.DefaultSelector):
    """A selector that lets time pass instead of waiting. It shows what woken threads and signals have left."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("every task waits, and no timer is set: this would hang")
        self.now += max(0.0, timeout)
        return []
