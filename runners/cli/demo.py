"""``tokenrill demo``: an answer through the whole pipeline, with no key and no network."""

from __future__ import annotations

import asyncio
import sys

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...operators import deadline, filter_content
from ...sinks.call_record import CallRecord
from ...sinks.console import console
from ...sinks.metrics import StreamMetrics
from ...sources.openai import openai
from ...streams.errors import StreamError
from ...streams.pipeline import StreamPipelineBuilder
from ...streams.request import CompletionRequest
from ..emulator import Answer, Emulator, Pace
from .exits import INTERRUPTED, OK, complain, exit_code, explain

__all__ = ["demo"]

PACE = Pace(first_token=0.5, between_tokens=0.04, jitter=0.7)

WHAT_HAPPENED = (
    "One request went over a real socket; bytes became events, events tokens, and each token was printed as it came. "
    "Give the same pipeline a real provider, and nothing else has to change."
)
NEXT = (
    ("tokenrill doctor", "what is installed, which keys are set, what can be reached"),
    ("tokenrill chat --help", "ask a real provider"),
    ("tokenrill emulate --fault cut", "the same server, to break things with"),
    ("notebooks/01-first-stream.ipynb", "the same answer as bytes, events, tokens and a reply"),
)


@click.command()
def demo() -> None:
    """Stream an answer from a server on this machine. Needs no key and no network."""
    terminal = Console(highlight=False)
    metrics = StreamMetrics(keep=1)
    code = OK
    try:
        asyncio.run(play(terminal, metrics))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except StreamError as error:
        complain(explain(error))
        code = exit_code(error)
    if metrics.calls:
        terminal.print()
        terminal.print(measured(metrics.calls[-1]))
    if code == OK:
        conclude(terminal)
    sys.exit(code)


async def play(terminal: Console, metrics: StreamMetrics) -> None:
    """Start the server, ask it, and show the answer as it comes."""
    async with Emulator(Answer.text(pace=PACE)) as server:
        source = openai(api_key="demo", base_url=f"{server.url}/v1")
        pipeline = (
            StreamPipelineBuilder.source(source)
            .pipe(deadline(first_token=10, idle=10))
            .pipe(filter_content(["what nobody wants to read"], action="mask"), name="filter_content")
            .attach(metrics)
            .attach(console(terminal, wrap=terminal.is_terminal))
            .build()
        )
        terminal.print(Panel(introduction(server.url, str(pipeline)), title="tokenrill demo", title_align="left"))
        terminal.print()
        try:
            await pipeline.stream(CompletionRequest(model="emulator", messages="What am I looking at?"))
        finally:
            await pipeline.aclose()


def introduction(url: str, pipeline: str) -> Table:
    """Where the answer comes from, and what it goes through."""
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("server", "bold"), Text(f"{url}, the built-in emulator: real HTTP, no model, no key"))
    table.add_row(Text("pipeline", "bold"), Text(pipeline))
    return table


def measured(record: CallRecord) -> Table:
    """The numbers of the call."""
    table = Table(title="what was measured on the way", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in record.rows():
        table.add_row(name, Text(value))
    return table


def conclude(terminal: Console) -> None:
    """What just happened, and what to do next."""
    terminal.print()
    terminal.print(WHAT_HAPPENED)
    terminal.print()
    terminal.print(Text("Try next", "bold"))
    table = Table.grid(padding=(0, 2))
    for command, purpose in NEXT:
        table.add_row(Text(f"  {command}", "cyan"), Text(purpose))
    terminal.print(table)
