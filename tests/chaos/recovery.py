"""One cell of the matrix, survived: the first answer fails, the next ones do not, and ``resilient`` stands between."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from psutil import Process

from tests.chaos.cell import CALLS, HANGS_AFTER, LATENCY, TEXT, ended, kept, nothing_is_open
from tests.chaos.providers import KEY, Asked
from tokenrill import Decision, Resume, Retry, Seam, StreamPipelineBuilder, on_decision, resilient
from tokenrill.runners.emulator import Answer, Emulator, Fault, FaultKind, FaultPoint
from tokenrill.streams.errors import StreamError
from tokenrill.streams.reply import Reply, ReplyBuilder

__all__ = ["Recovered", "recover"]

ATTEMPTS = 4


class Recovered(NamedTuple):
    """How a call ended, how much of the answer the consumer has, and what it took."""

    terminal: str
    kept: str
    took: str


async def recover(asked: Asked, kind: FaultKind, point: FaultPoint, patience: float) -> Recovered:
    """Ask through ``resilient``, let the first answer go wrong, and see what is left.

    Raises:
        AssertionError: When it ends twice, says something twice, or asks more often than it may.
        TimeoutError: When it hangs, or leaves anything behind.
    """
    tasks, files = asyncio.all_tasks(), Process().num_fds()
    whole = Answer.text(TEXT, tool_calls=CALLS)
    broken = Answer.text(TEXT, tool_calls=CALLS, fault=Fault(kind, point, seconds=LATENCY))
    decisions: list[Decision] = []
    async with Emulator([broken, whole], keys=[KEY]) as server:
        source = asked.at(server.url)
        guard = resilient(
            attempts=ATTEMPTS, resumes=ATTEMPTS, base=0.001, tools="hold", first_token=patience, idle=patience
        )
        pipeline = StreamPipelineBuilder.source(source).pipe(guard).attach(on_decision(decisions.append)).build()
        ending = await ended(pipeline.stream(asked.request))
        await pipeline.aclose()
        assert server.calls[0].struck, "the fault has not struck"
        assert len(server.calls) <= 2 * ATTEMPTS
        await nothing_is_open(server)
    async with asyncio.timeout(HANGS_AFTER):
        # Nobody tells when the last task or socket has gone.
        while not asyncio.all_tasks() <= tasks or Process().num_fds() > files:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    (error,) = ending.terminals
    builder = ReplyBuilder()
    for token in ending.tokens:
        builder.feed(token)
    heard = builder.reply()
    steps = ["asked again"] if any(isinstance(said, Retry) for said in decisions) else []
    if any(isinstance(said, Resume) and said.outcome == "resumed" for said in decisions):
        steps.append("joined" if any(isinstance(token, Seam) for token in ending.tokens) else "resumed")
    if error is None:
        assert heard.finish is not None
        assert heard.usage is not None
        return Recovered("Finish", kept(heard), " and ".join(steps) or "nothing")
    if not isinstance(error, StreamError):
        raise error
    return Recovered(type(error).__name__, kept(heard if ending.tokens else Reply()), " and ".join(steps) or "nothing")
