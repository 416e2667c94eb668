"""Show a stream in the terminal as it comes. Needs the extra ``cli`` (rich)."""

from __future__ import annotations

import re
from typing import Final

from reactivex import abc

from ..streams.call import Call
from ..streams.recipe import recorded
from ..streams.tokens import (
    Citation,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Retract,
    Seam,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ..streams.types import Sink
from .printable import printable

try:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.style import Style
except ImportError as error:
    raise ImportError("the console sink needs rich: pip install 'tokenrill[cli]'", name=error.name) from error

__all__ = ["ConsoleObserver", "console"]

REASONING: Final = Style(dim=True)
TOOL: Final = Style(color="cyan")
REFUSAL: Final = Style(color="yellow")
NOTE: Final = Style(dim=True, italic=True)
FAILURE: Final = Style(color="red")
USUAL: Final = ("stop", "tool_calls")

WORD: Final = re.compile(r"(\s*)(\S*)")


@recorded
def console(
    terminal: Console | None = None,
    *,
    reasoning: bool = True,
    tool_calls: bool = True,
    notes: bool = True,
    wrap: bool = False,
) -> Sink[StreamToken]:
    """Print the answer as it comes: reasoning dimmed, tool calls and refusals marked. ``.attach(console())``.

    Nothing that the model says is taken for markup, and none of it can command the terminal.

    Args:
        terminal: A rich console; by default standard output.
        reasoning: Show the model's reasoning.
        tool_calls: Show which tools it calls, and with what.
        notes: Show citations, takings back, and why an answer ended early.
        wrap: Begin a new line at a space, where the terminal would break a word. What is copied from it then
            holds those line ends.

    Returns:
        A sink. Choices after the first are not shown: they come at the same time.
    """

    def watch(call: Call) -> ConsoleObserver:
        return ConsoleObserver(
            terminal or Console(), reasoning=reasoning, tool_calls=tool_calls, notes=notes, wrap=wrap
        )

    return watch


class ConsoleObserver(abc.ObserverBase[StreamToken]):
    """Print one stream. Text goes to the terminal's file exactly as it is, but for control characters."""

    def __init__(
        self,
        terminal: Console,
        *,
        reasoning: bool = True,
        tool_calls: bool = True,
        notes: bool = True,
        wrap: bool = False,
    ) -> None:
        self._terminal = terminal
        self._reasoning = reasoning
        self._tool_calls = tool_calls
        self._notes = notes
        self._wrap = wrap
        self._column = 0
        self._speaker: object = None
        self._line_open = False
        self._call_open = False

    def on_next(self, value: StreamToken) -> None:
        if getattr(value, "choice", 0):
            return
        match value:
            case TextDelta(text):
                self._turn(TextDelta)
                self._text(text)
            case ReasoningDelta(text) if self._reasoning:
                self._turn(ReasoningDelta)
                self._text(text, REASONING)
            case RefusalDelta(text):
                self._turn(RefusalDelta)
                self._text(text, REFUSAL)
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd() if self._tool_calls:
                self._tool(value)
            case Citation() | Retract() | Seam() | Finish() if self._notes:
                self._note(value)
            case _:
                pass

    def on_error(self, error: Exception) -> None:
        self.end_line()
        self._text(f"{type(error).__name__}: {error}", FAILURE)
        self.end_line()

    def on_completed(self) -> None:
        self.end_line()

    def on_dispose(self) -> None:
        """The consumer hung up."""
        self.end_line()

    def end_line(self) -> None:
        """Go to the beginning of a line, if we are not there."""
        if self._call_open:
            self._call_open = False
            self._text(")", TOOL)
        if self._line_open:
            self._text("\n")
        self._speaker = None

    def _turn(self, speaker: object) -> None:
        if speaker != self._speaker:
            self.end_line()
            self._speaker = speaker

    def _text(self, text: str, style: Style | None = None) -> None:
        safe = printable(text)
        if not safe:
            return
        if self._wrap:
            safe = self._wrapped(safe)
        encoding = self._terminal.encoding
        try:
            safe.encode(encoding)
        except UnicodeEncodeError:  # better a question mark than a word that is not there
            safe = safe.encode(encoding, "replace").decode(encoding)
        if style is None:
            self._terminal.file.write(safe)
        else:
            self._terminal.out(safe, end="", style=style, highlight=False)
        self._terminal.file.flush()
        self._line_open = not safe.endswith("\n")

    def _wrapped(self, text: str) -> str:
        """The text with a line end in place of the spaces before each word that does not fit."""
        width, column = self._terminal.width, self._column
        pieces: list[str] = []
        for spaces, word in WORD.findall(text):
            line_end = spaces.rfind("\n")
            column = column + cell_len(spaces) if line_end < 0 else cell_len(spaces[line_end + 1 :])
            wide = cell_len(word)
            if spaces and word and column + wide > width:
                pieces.append("\n")
                column = 0
            else:
                pieces.append(spaces)
            pieces.append(word)
            column += wide
        self._column = column
        return "".join(pieces)

    def _tool(self, token: ToolCallStart | ToolCallDelta | ToolCallEnd) -> None:
        match token:
            case ToolCallStart(_, name, index):
                self._turn((ToolCallStart, index))
                self._text(f"→ {name}(", TOOL)
                self._call_open = True
            case ToolCallDelta(arguments, index):
                if self._speaker != (ToolCallStart, index):
                    self._turn((ToolCallStart, index))
                    self._text("→ … ", TOOL)
                self._text(arguments, TOOL)
            case ToolCallEnd(index):
                if self._speaker == (ToolCallStart, index):
                    self.end_line()

    def _note(self, token: Citation | Retract | Seam | Finish) -> None:
        match token:
            case Citation(url, title):
                self._text(f" [{' '.join(filter(None, (title, url))) or 'source'}]", NOTE)
            case Retract(start, end, reason):
                self._line(f"[characters {start} to {end} are taken back: {reason}]")
            case Seam(provider, reason):
                self._line(f"[{provider} goes on: {reason}]")
            case Finish(reason, raw_reason):
                if reason not in USUAL:
                    self._line(f"[ended: {reason}{f' ({raw_reason})' if raw_reason not in (None, reason) else ''}]")

    def _line(self, note: str) -> None:
        self.end_line()
        self._text(note, NOTE)
        self.end_line()
