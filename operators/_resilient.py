"""All that lets a stream survive, in the right order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..streams.circuit_breaker import Breaker
from ..streams.rate_limiter import RateLimiter
from ..streams.recipe import recorded
from ..streams.retry_budget import Paid, RetryBudget
from ..streams.tokens import StreamToken
from ..streams.types import Operator
from ._alternatives import Asked, Given, Plain, asked
from ._circuit_break import circuit_break
from ._compose import Composed
from ._deadline import deadline
from ._fallback import fallback
from ._race import race
from ._rate_limit import rate_limit
from ._resume import Tools, resume
from ._retry import retry

__all__ = ["resilient"]


@recorded
def resilient(
    *alternatives: Given,
    attempts: int = 3,
    resumes: int = 3,
    base: float = 0.5,
    hedge_after: float | None = None,
    mid_stream: bool = False,
    strategies: Sequence[str] | None = None,
    tools: Tools = "refuse",
    connect: float | None = None,
    first_token: float | None = 120.0,
    idle: float | None = 60.0,
    total: float | None = None,
    limiter: RateLimiter | bool = True,
    requests_per_second: float | None = None,
    tokens_per_minute: float | None = None,
    breaker: Breaker | bool = True,
    budget: RetryBudget | None = None,
) -> Composed:
    """Let a stream survive what can be survived: limits, breakers, retries, races, resumption and other providers.

    .. marble::
        --#
        [ resilient() ]    the same request again, after a pause
        -----a--b-#
                           from here on the answer is gone on with
        -----a--b----≈-c--d--|

    It is these operators in this order, from the source outwards::

        deadline(connect, first_token, idle)    what a silence is
        circuit_break                           asks nobody who keeps failing
        rate_limit                              waits for its turn; an open breaker takes none, a wait is no failure
        retry                                   before the first content; each attempt waits for its turn
        race                                    with ``hedge_after``: a second request when the first is slow
        resume                                  after content: goes on where the answer broke off
        fallback                                with ``alternatives``: asks somebody else
        deadline(total)                         what is left of the caller's patience

    Each is documented by itself, can be left out by writing the chain by hand, and tells what it decides on
    ``call.decisions``. Put it first in a pipeline: what stands after it sees one healthy stream, or one typed error.
    Every alternative is guarded in the same way as the source, but a pipeline, which brings its own guards.

    Example:
        >>> from tokenrill import OPENAI_CHAT, CompletionRequest, Replay, StreamPipelineBuilder, accumulate
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
        >>> builder = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).pipe(resilient(attempts=5))
        >>> builder.pipe(accumulate()).build().run(CompletionRequest(model="any", messages="Hello")).text
        'Hi'

    Args:
        alternatives: Whom to ask when the source fails or refuses: sources, pipelines, ``Alternative(source,
            model=…)`` where the model has another name.
        attempts: How often to ask each in all, before the first content; 1 asks once.
        resumes: How often to try to go on with a broken answer until something new comes; 0 never does.
        base: The longest first wait before asking again, in seconds; see ``retry``.
        hedge_after: Seconds without a word after which the same provider is asked once more, and the first to say
            something wins. It costs: see ``race``.
        mid_stream: Let an alternative go on with an answer that another has begun.
        strategies: The ways of going on that may be used; by default all that the source has. See ``resume``.
        tools: What to do about a tool call cut in its arguments: ``refuse`` or ``hold``. See ``resume``.
        connect, first_token, idle, total: Limits in seconds; None for no limit. A model that thinks long without a
            sign needs a longer ``first_token``.
        limiter: Shared with other pipelines, or a fleet's; by default one of its own, which learns from the provider's
            answers. False is none at all.
        requests_per_second, tokens_per_minute: Ceilings for the limiter of its own.
        breaker: Shared with other pipelines, or a fleet's; by default one of its own. False is none at all.
        budget: What retries and hedges are paid from; by default one of its own.

    Returns:
        An operator, for tokens. It errors as the operators that it is made of do.

    Raises:
        ValueError: When a number is out of range.
    """
    if resumes < 0:
        raise ValueError(f"resumes must be 0 or more, not {resumes}")
    shared = budget or RetryBudget()
    circuit = circuit_break(None if breaker is True else breaker) if breaker is not False else None
    guards: list[Operator[Any, Any]] = []
    limits = {"connect": connect, "first_token": first_token, "idle": idle}
    if any(seconds is not None for seconds in limits.values()):
        guards.append(deadline(**limits))
    if circuit is not None:
        guards.append(circuit)
    if limiter is not False:
        own = None if limiter is True else limiter
        guards.append(rate_limit(own, requests_per_second=requests_per_second, tokens_per_minute=tokens_per_minute))
    elif requests_per_second is not None or tokens_per_minute is not None:
        raise ValueError("requests_per_second and tokens_per_minute are ceilings of a limiter, and limiter is False")
    if circuit is not None:
        guards.append(circuit.ahead)
    if attempts != 1:
        own_budget = shared if hedge_after is None else Paid(shared)  # the race around it pays
        guards.append(retry(attempts, base=base, longest=max(8.0, base), within=total, budget=own_budget))
    if hedge_after is not None:
        guards.append(race(delay=hedge_after, budget=shared))
    if resumes:
        guards.append(resume(attempts=resumes, strategies=strategies, tools=tools))
    guarded = Composed(tuple(guards))
    outer: list[Operator[Any, Any]] = [guarded]
    if alternatives:
        outer.append(
            fallback(*(alike(one, guarded) for one in asked(alternatives, "resilient")), mid_stream=mid_stream)
        )
    if total is not None:
        outer.append(deadline(total=total))
    made = Composed(tuple(outer))
    made.__qualname__ = "resilient"  # what a pipeline calls this step
    return made


def alike(alternative: Asked, guard: Operator[StreamToken, StreamToken]) -> Any:
    """An alternative with the same guards, unless it has its own."""
    if isinstance(alternative, Plain):
        return alternative.observable
    return alternative.through(guard) if alternative.is_plain else alternative
