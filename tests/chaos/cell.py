"""One cell of the matrix: a provider, a fault, and what comes of the call."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from psutil import Process
from reactivex import Observable

from tests.chaos.providers import KEY, Asked
from tokenrill import StreamPipelineBuilder, deadline
from tokenrill.runners.emulator import Answer, Emulator, Fault, FaultKind, FaultPoint
from tokenrill.streams.errors import StreamError
from tokenrill.streams.parts import ToolCall
from tokenrill.streams.reply import Reply, ReplyBuilder
from tokenrill.streams.tokens import StreamToken

__all__ = ["Outcome", "run_cell"]

TEXT = "one two three"
CALLS = (ToolCall("call_1", "add", '{"first":1,"second":22222}'), ToolCall("call_2", "now", '{"zone":"CET"}'))
LATENCY = 0.02
HANGS_AFTER = 60.0


class Outcome(NamedTuple):
    """How a call ended, how much of the answer was kept, and how exactly its cost is known."""

    terminal: str
    kept: str
    usage: str


class Ending(NamedTuple):
    """All that a subscriber was told."""

    tokens: list[StreamToken]
    terminals: list[Exception | None]


async def run_cell(asked: Asked, kind: FaultKind, point: FaultPoint, patience: float) -> Outcome:
    """Ask, let it go wrong, and see what is left; ``patience`` is the seconds until a silence is a stall.

    Raises:
        AssertionError: When it ends twice, or says something twice.
        TimeoutError: When it hangs, or leaves anything behind.
    """
    tasks, files = asyncio.all_tasks(), Process().num_fds()
    answer = Answer.text(TEXT, tool_calls=CALLS, fault=Fault(kind, point, seconds=LATENCY))
    async with Emulator(answer, keys=[KEY]) as server:
        source = asked.at(server.url)
        builder = StreamPipelineBuilder.source(source)
        if kind == "stall" and point.startswith("before"):
            builder = builder.pipe(deadline(first_token=patience))
        elif kind in ("stall", "slow_close"):
            builder = builder.pipe(deadline(idle=patience))  # which does not run before the first token
        ending = await ended(builder.build().stream(asked.request))
        await source.aclose()
        assert server.calls[0].struck, "the fault has not struck"
        assert len(server.calls) == 1, "it asked again"
        await nothing_is_open(server)
    async with asyncio.timeout(HANGS_AFTER):
        # Nobody tells when the last task or socket has gone.
        while not asyncio.all_tasks() <= tasks or Process().num_fds() > files:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return outcome(ending)


async def ended(stream: Observable[Any]) -> Ending:
    over = asyncio.Event()
    ending = Ending([], [])

    def end(error: Exception | None = None) -> None:
        ending.terminals.append(error)
        over.set()

    subscription = stream.subscribe(ending.tokens.append, end, end)
    async with asyncio.timeout(HANGS_AFTER):
        await over.wait()
    await asyncio.sleep(0)
    subscription.dispose()
    return ending


async def nothing_is_open(server: Emulator) -> None:
    async with asyncio.timeout(HANGS_AFTER):
        while server.open_connections:  # noqa: ASYNC110  # nobody tells when a connection has gone
            await asyncio.sleep(0.001)


def outcome(ending: Ending) -> Outcome:
    (error,) = ending.terminals
    builder = ReplyBuilder()
    for token in ending.tokens:
        builder.feed(token)
    heard = builder.reply()
    if error is None:
        assert heard.finish is not None
        assert heard.usage is not None
        return Outcome("Finish", kept(heard), heard.usage.kind)
    if not isinstance(error, StreamError):
        raise error
    assert error.provider is not None
    partial = error.partial or Reply()
    assert partial.choices == heard.choices or not ending.tokens, "what was told is not what was kept"
    return Outcome(type(error).__name__, kept(partial), error.usage.kind if error.usage else "none")


def kept(reply: Reply) -> str:
    """How much of the answer this is; nothing of it may stand there twice."""
    calls = reply.tool_calls
    whole = [(call.name, call.input) for call in CALLS]
    if reply.text == TEXT and [(call.name, call.arguments and call.input) for call in calls if is_whole(call)] == whole:
        return "all"
    assert TEXT.startswith(reply.text), f"{reply.text!r} is no beginning of the answer"
    for call, said in zip(calls, CALLS, strict=False):
        assert call.name == said.name
        assert is_whole(call) or said.arguments.startswith(call.arguments)
    return "a call" if calls else "text" if reply.text else "nothing"


def is_whole(call: ToolCall) -> bool:
    return call.arguments.endswith("}")
