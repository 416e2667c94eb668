"""Connections to Redis that never keep anybody waiting: the only place that knows its client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from ...streams.decisions import Decisions, FleetLink

__all__ = ["Link", "connect", "failures"]

log: Final = logging.getLogger("tokenrill")
HOW: Final = "what processes share is kept in Redis, which needs its client: pip install 'tokenrill[redis]'"


def connect(url: str, timeout: float, *, asynchronous: bool) -> Any:
    """A client that gives up after ``timeout`` seconds and does not try again by itself.

    Nothing is sent yet.

    Raises:
        ImportError: When redis is not installed.
    """
    try:
        module = import_module("redis.asyncio" if asynchronous else "redis")
        retrying = import_module("redis.asyncio.retry" if asynchronous else "redis.retry")
        pauses = import_module("redis.backoff")
    except ImportError:
        raise ImportError(HOW) from None
    return module.Redis.from_url(
        url,
        decode_responses=False,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=retrying.Retry(pauses.NoBackoff(), 0),
    )


def failures() -> tuple[type[Exception], ...]:
    """What says that Redis cannot be had."""
    return import_module("redis.exceptions").RedisError, OSError


class Link:
    """Whether Redis can be reached, and when to try again. What changes is logged once, and told."""

    def __init__(self, name: str, changes: Decisions, now: Callable[[], float], pause: float) -> None:
        self._name = name
        self._changes = changes
        self._now = now
        self._pause = pause
        self._again_at = 0.0
        self.connected = True
        self.processes = 1

    @property
    def worth_trying(self) -> bool:
        """Whether Redis was well when last heard of, or it is time to see."""
        return self.connected or self._now() >= self._again_at

    def held(self) -> None:
        """Redis has answered."""
        if not self.connected:
            self.connected = True
            log.warning("%s: Redis is back; its state is shared again", self._name)
            self._changes.say(FleetLink(self._name, True, self.processes))

    def broke(self, error: Exception) -> None:
        """Redis has not answered."""
        self._again_at = self._now() + self._pause
        if self.connected:
            self.connected = False
            log.warning("%s: Redis fails with %s; going on alone until it is back", self._name, type(error).__name__)
            self._changes.say(FleetLink(self._name, False, self.processes))
