"""How long to wait, and how often to try: tenacity's policies, used as values.

Tenacity runs functions again; a stream is no function, and yielding from inside its loop would say everything twice.
So nothing of it runs here but the policies, which are asked with a state that we fill in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ..streams.errors import CircuitOpen, StreamError

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["LONGEST_WAIT", "Backoff", "Stop", "Wait", "may_go_better"]

Wait: TypeAlias = "Callable[[RetryCallState], float]"
Stop: TypeAlias = "Callable[[RetryCallState], bool]"

# What a server asks for is waited for up to a minute, as the vendors' own clients have it.
# https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py (_calculate_retry_timeout)
LONGEST_WAIT: Final = 60.0
# A breaker that opens later than this is left to whoever has an alternative.
LONGEST_OPEN: Final = 1.0


class Backoff:
    """A policy: ``wait`` and ``stop`` of tenacity's, asked by our clock."""

    __slots__ = ("_new_state", "_stop", "_wait")

    def __init__(self, attempts: int, base: float, longest: float, wait: Wait | None, stop: Stop | None) -> None:
        import tenacity  # here, since it takes its time, and not every program retries

        policy = tenacity.AsyncRetrying()
        self._new_state = lambda: tenacity.RetryCallState(policy, None, (), {})
        # "Full jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        self._wait: Wait = wait or tenacity.wait_random_exponential(multiplier=base, max=longest)
        self._stop: Stop = stop or tenacity.stop_after_attempt(attempts)

    def pause(self, error: StreamError, attempt: int, passed: float, slept: float) -> float | None:
        """Seconds until the next attempt, when ``attempt`` has failed with ``error``; None when it was the last.

        Args:
            error: What the provider asks for comes before what the policy has.
            attempt: 1 for the first.
            passed: Seconds since the first began.
            slept: Seconds of them spent waiting.
        """
        state = self._new_state()
        state.attempt_number = attempt
        state.idle_for = slept
        state.set_exception((type(error), error, None))
        state.start_time, state.outcome_timestamp = 0.0, passed
        seconds = error.retry_after
        state.upcoming_sleep = max(0.0, float(self._wait(state)) if seconds is None else seconds)
        return None if self._stop(state) else state.upcoming_sleep


def may_go_better(error: StreamError) -> bool:
    """Whether it makes sense to ask the same again before long."""
    if isinstance(error, CircuitOpen):
        return error.retry_after is not None and error.retry_after <= LONGEST_OPEN
    return error.retryable
