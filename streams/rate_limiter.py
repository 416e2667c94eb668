"""What a rate limiter is: whoever wants to send asks it first, and tells it afterwards how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct
from reactivex import Observable

from .decisions import LimiterRate
from .tokens import RateLimits, Usage

__all__ = ["Cost", "Key", "Pending", "RateLimiter", "Reservation"]


class Key(NamedTuple):
    """Whose quota it is. Providers count for each key and model; ``credential`` is a fingerprint, never a key."""

    provider: str
    credential: str
    model: str

    @property
    def label(self) -> str:
        """What it is called in decisions and metrics: ``provider/model``."""
        return f"{self.provider}/{self.model}"


class Cost(Struct, frozen=True, gc=False):
    """What one request is expected to take of the quota.

    >>> Cost(input_tokens=1_200, output_tokens=400).tokens
    1600
    """

    requests: float = 1.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0

    @property
    def tokens(self) -> float:
        """Both together, as most providers count."""
        return self.input_tokens + self.output_tokens


class Reservation(Protocol):
    """A place in the quota that has been taken, for one request.

    Of :meth:`refund`, :meth:`limited` and :meth:`finished` one is called, once; what comes after it changes
    nothing. ``report`` comes before, once, when the provider has accepted the request. They may be called from
    any thread, and never block.

    Attributes:
        waited: Seconds until the place was free.
    """

    @property
    def waited(self) -> float: ...

    def report(self, limits: RateLimits | None, /) -> None:
        """The provider has accepted the request, and its headers said this of the quota."""
        ...

    def refund(self) -> None:
        """Nothing was sent: give everything back."""
        ...

    def limited(self, retry_after: float | None, /) -> None:
        """The provider answered 429: nobody with this key goes for ``retry_after`` seconds."""
        ...

    def finished(self, usage: Usage | None, /) -> None:
        """It is over, well or not: ``usage`` is what was really taken, None where nobody knows."""
        ...


class Pending(Struct, frozen=True):
    """The quota has no room yet.

    ``arrive`` is called once, at once, on the event loop: it takes the place in the queue. The reservation comes when
    it is awaited; a cancelled wait gives back its place and all that it had taken. Whoever cancels a wait that is
    over already has the reservation, and refunds it.
    """

    arrive: Callable[[], Awaitable[Reservation]]


Answer: TypeAlias = Reservation | Pending


class RateLimiter(Protocol):
    """Keeps a quota. One may serve any number of pipelines.

    Attributes:
        name: What it is called in decisions and metrics.
        changes: Every change of a rate, as it happens; it never ends.
    """

    @property
    def name(self) -> str: ...

    @property
    def changes(self) -> Observable[LimiterRate]: ...

    def acquire(self, key: Key, cost: Cost, /, max_wait: float | None = None) -> Answer:
        """Take ``cost`` of the quota of ``key``, at once where there is room and nobody waits.

        First come, first served, whatever the size.

        Raises:
            RateLimited: When the queue is full, or the wait is known to be longer than ``max_wait`` seconds;
                its ``retry_after`` says how long it would be. Also when the reservation is awaited.
        """
        ...
