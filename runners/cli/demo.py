"""``tokenrill demo``: seven providers side by side through the whole pipeline, with no key and no network."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import click
from reactivex import abc
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ...operators import deadline, filter_content
from ...sources.http import Http
from ...streams.call import Call
from ...streams.errors import StreamError
from ...streams.pipeline import StreamPipelineBuilder
from ...streams.request import CompletionRequest
from ...streams.tokens import StreamToken
from ...streams.types import Sink
from ..emulator import Emulator
from .demo_cast import CAST, QUESTION, answer_for
from .demo_screen import Stage, columns_for, measured, screen
from .exits import FAILED, INTERRUPTED, OK

__all__ = ["demo"]

PIPELINE: Final = "deadline, filter_content, StreamMetrics, this panel"
FRAME_SECONDS: Final = 1 / 15

WHAT_HAPPENED: Final = (
    "Seven requests, each rendered, signed and answered as its provider does it, over a socket of its own; one kind "
    "of tokens came out. No extra was needed: Bedrock was signed by our own SigV4, Vertex AI given a token. Set a real "
    "key, and nothing else has to change."
)
NEXT: Final = (
    ("tokenrill doctor", "what is installed, which keys are set, what can be reached"),
    ("tokenrill chat --list-providers", "whom to ask, and how"),
    ("tokenrill emulate --fault cut", "the same server, to break things with"),
    ("notebooks/01-first-stream.ipynb", "an answer as bytes, events, tokens and a reply"),
)


@click.command()
def demo() -> None:
    """Stream from seven providers at once, played by a server on this machine. Needs no key and no network."""
    terminal = Console(highlight=False)
    stages = [Stage(part) for part in CAST]
    code = OK
    try:
        asyncio.run(play(terminal, stages))
    except KeyboardInterrupt:
        code = INTERRUPTED
    if any(stage.record for stage in stages):
        terminal.print()
        terminal.print(measured(stages))
    if code == OK and any(stage.state != "complete" for stage in stages):
        code = FAILED
    if code == OK:
        conclude(terminal)
    sys.exit(code)


async def play(terminal: Console, stages: Sequence[Stage]) -> None:
    """Start the server, ask it seven times, and show the answers as they come."""
    live = columns_for(terminal, len(stages) + 1) > 0
    http = Http()
    async with Emulator(answer_for) as server:
        address = server.url.removeprefix("http://")
        terminal.print(f"Seven providers stream from the emulator at {address}: no model, no key.", markup=False)
        if not live:
            terminal.print()
        started = time.monotonic()
        calls = [ask(stage, server.url, http, [] if live else [Lines(terminal, stage)]) for stage in stages]
        try:
            if live:
                await animate(terminal, stages, asyncio.gather(*calls), started)
            else:
                await asyncio.gather(*calls)
        finally:
            await http.aclose()


async def ask(stage: Stage, url: str, http: Http, more: Sequence[Sink[StreamToken]]) -> None:
    """One provider's call, to whichever end; its stage tells how it ended."""
    builder = (
        StreamPipelineBuilder.source(stage.part.source(url, http))
        .pipe(deadline(first_token=10, idle=10))
        .pipe(filter_content(["what nobody wants to read"], action="mask"), name="filter_content")
        .attach(stage.metrics)
        .attach(stage)
    )
    for sink in more:
        builder = builder.attach(sink)
    with suppress(StreamError):
        await builder.build().stream(CompletionRequest(model=stage.part.model, messages=QUESTION))


async def animate(terminal: Console, stages: Sequence[Stage], calls: asyncio.Future[Any], started: float) -> None:
    """Draw until all calls have ended. Nothing is drawn from another thread: it would be in the figures."""

    def draw() -> Table:
        return screen(terminal, stages, PIPELINE, time.monotonic() - started)

    with Live(draw(), console=terminal, auto_refresh=False) as panels:
        try:
            while not calls.done():
                await asyncio.wait([calls], timeout=FRAME_SECONDS)
                panels.update(draw(), refresh=True)
        finally:
            calls.cancel()
            await asyncio.wait([calls])
            panels.update(draw(), refresh=True)
    calls.result()


class Lines(abc.ObserverBase[StreamToken]):
    """Where there is no place for panels: a line when the first token comes, and the text when the last has."""

    def __init__(self, terminal: Console, stage: Stage) -> None:
        self._terminal = terminal
        self._stage = stage
        self._started = time.monotonic()
        self._spoke = False

    def __call__(self, call: Call) -> Lines:
        return self

    def on_next(self, value: StreamToken) -> None:
        if not self._spoke and self._stage.tokens:
            self._spoke = True
            self._say(f"begins: {self._stage.part.wire}")

    def on_error(self, error: Exception) -> None:
        self._say(self._stage.text.plain)

    def on_completed(self) -> None:
        self._say(self._stage.text.plain)

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        self._terminal.print(f"{seconds:4.1f} s  {self._stage.part.title}: {text}", markup=False, soft_wrap=True)
        self._terminal.file.flush()


def conclude(terminal: Console) -> None:
    """What just happened, and what to do next."""
    terminal.print()
    terminal.print(WHAT_HAPPENED)
    terminal.print()
    table = Table.grid(padding=(0, 2))
    for command, purpose in NEXT:
        table.add_row(Text(f"  {command}", "cyan"), Text(purpose))
    terminal.print(table)
