"""What the demo shows: a panel for each stream while they run, and a table of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reactivex import abc
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...sinks.call_record import CallRecord, bytes_text
from ...sinks.metrics import StreamMetrics
from ...sinks.printable import printable
from ...streams.call import Call
from ...streams.tokens import ReasoningDelta, StreamToken, TextDelta
from .demo_cast import Part

__all__ = ["Stage", "columns_for", "measured", "screen"]

COLOURS: Final = ("green", "yellow", "blue", "white", "bright_red", "cyan", "magenta")
LEAST_WIDTH: Final = 36
LEAST_HEIGHT: Final = 4


class Stage(abc.ObserverBase[StreamToken]):
    """One provider's stream as it is seen. It is its own sink: ``.attach(stage)``."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.metrics = StreamMetrics(keep=1)
        self.text = Text()
        self.tokens = 0
        self.state = "waiting"
        self._call: Call | None = None
        self._thinks = False

    def __call__(self, call: Call) -> Stage:
        self._call = call
        return self

    @property
    def received_bytes(self) -> int:
        """What has come so far."""
        return self._call.received_bytes if self._call else 0

    @property
    def record(self) -> CallRecord | None:
        """What was measured, once it has ended."""
        return self.metrics.calls[-1] if self.metrics.calls else None

    def on_next(self, value: StreamToken) -> None:
        if isinstance(value, (TextDelta, ReasoningDelta)):
            self.state = "streaming"
            self.tokens += 1
            if isinstance(value, TextDelta) and self._thinks:
                self.text.append("\n")
            self._thinks = isinstance(value, ReasoningDelta)
            self.text.append(printable(value.text), "dim" if self._thinks else "")

    def on_error(self, error: Exception) -> None:
        self.state = "failed"
        self.text.append(f"\n{type(error).__name__}: {printable(str(error))}", "red")

    def on_completed(self) -> None:
        self.state = "complete"

    def on_dispose(self) -> None:
        """Ctrl-C."""
        self.state = "left"


def columns_for(terminal: Console, cells: int) -> int:
    """How many panels fit beside each other; 0 when this is no place for panels."""
    columns = min(terminal.width // LEAST_WIDTH, 4)
    fits = columns > 0 and terminal.height - 2 >= -(-cells // columns) * LEAST_HEIGHT
    return columns if terminal.is_terminal and not terminal.is_dumb_terminal and fits else 0


def screen(terminal: Console, stages: Sequence[Stage], pipeline: str, seconds: float) -> Table:
    """All panels, as high as fits; each shows the end of what it has."""
    cells = len(stages) + 1
    columns = columns_for(terminal, cells)
    rows = -(-cells // columns)
    width = terminal.width // columns
    longest = max(len(stage.part.text) + len(stage.part.reasoning) for stage in stages)
    wanted = longest // (width - 6) + 3
    height = max(LEAST_HEIGHT, min((terminal.height - 2) // rows, wanted))
    panels = [panel(terminal, stage, COLOURS[n % len(COLOURS)], width, height) for n, stage in enumerate(stages)]
    panels.append(tally(stages, pipeline, seconds, width, height))
    table = Table.grid()
    for start in range(0, cells, columns):
        table.add_row(*panels[start : start + columns])
    return table


def panel(terminal: Console, stage: Stage, colour: str, width: int, height: int) -> Panel:
    lines = stage.text.wrap(terminal, width - 4)
    shown = Text("\n").join(lines[-(height - 2) :])
    mark = {"waiting": "…", "streaming": "▶", "complete": "✓"}.get(stage.state, "✗")
    return Panel(
        shown,
        title=Text(f"{mark} {stage.part.title}", f"bold {colour}"),
        title_align="left",
        subtitle=Text(stage.part.wire, "dim"),
        subtitle_align="right",
        border_style=colour if stage.state == "streaming" else "dim",
        width=width,
        height=height,
    )


def tally(stages: Sequence[Stage], pipeline: str, seconds: float, width: int, height: int) -> Panel:
    """All of it together, counted while it runs."""
    tokens = sum(stage.tokens for stage in stages)
    received = sum(stage.received_bytes for stage in stages)
    lines = Text(f"{seconds:.1f} s, {tokens:,} tokens, {received:,} bytes\n", "bold")
    lines.append(f"each: {pipeline}", "dim")
    return Panel(lines, title="in all", title_align="left", border_style="dim", width=width, height=height)


def measured(stages: Sequence[Stage]) -> Table:
    """One line for each call that ended, whichever way."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("provider", no_wrap=True)
    for heading in ("first\ntoken", "tokens\n/s", "between\np50", "tokens\np99", "bytes", "usage\nin, out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("finish\nreason", no_wrap=True)
    for stage in stages:
        if (record := stage.record) is not None:
            table.add_row(stage.part.title, *map(Text, figures(record)))
    return table


def figures(record: CallRecord) -> tuple[str, ...]:
    rate, usage = record.tokens_per_second, record.usage
    cost = f"{usage.input_tokens}, {'' if usage.kind == 'exact' else '~'}{usage.output_tokens}" if usage else "-"
    end = record.finish_reason if record.stream_end == "completed" else record.stream_end
    return (
        milliseconds(record.time_to_first_token),
        "-" if rate is None else f"{rate:.1f}",
        milliseconds(record.between_tokens_p50),
        milliseconds(record.between_tokens_p99),
        bytes_text(record.received_bytes),
        cost,
        end or "-",
    )


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:,.0f} ms"
