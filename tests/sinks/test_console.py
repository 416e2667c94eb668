"""The console sink: what a person sees, and what a model cannot do to the terminal."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
import reactivex as rx
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.console import Console

from tokenrill import (
    Call,
    Citation,
    CompletionRequest,
    ConnectionLost,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Retract,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    console,
    watch,
)
from tokenrill.sinks.console import ConsoleObserver
from tokenrill.sinks.printable import printable

CALL = Call("test", CompletionRequest(model="m", messages="Hi"))


def shown(*tokens: StreamToken, error: Exception | None = None, colour: bool = False, reasoning: bool = True) -> str:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=colour, color_system="standard" if colour else None, width=40)
    observer = console(terminal, reasoning=reasoning)(CALL)
    stream = rx.concat(rx.from_iterable(tokens), rx.throw(error) if error else rx.empty())
    stream.pipe(watch(observer)).subscribe(on_error=lambda _: None)
    return file.getvalue()


def test_text_is_printed_exactly_whatever_its_length() -> None:
    text = "one\ttwo " * 30 + "\n\n    code[0] :smile: [bold]not bold[/bold]"
    assert shown(TextDelta(text[:50]), TextDelta(text[50:])) == text + "\n"


@given(st.lists(st.sampled_from(["a", "bc", " ", "def", "\n", "  x", "日本"]), max_size=60))
def test_wrapping_breaks_no_word_that_came_whole_and_changes_nothing_else(words: list[str]) -> None:
    file = io.StringIO()
    observer = console(Console(file=file, width=12), wrap=True)(CALL)
    for word in words:
        observer.on_next(TextDelta(f" {word}"))
    assert file.getvalue().split() == " ".join(words).split()
    assert all(cell_len(line.rstrip()) <= 12 for line in file.getvalue().split("\n"))


def test_wrapping_does_not_join_fragments_of_one_word() -> None:
    file = io.StringIO()
    observer = console(Console(file=file, width=10), wrap=True)(CALL)
    for text in ("one two", " three", "fold\n", "x"):
        observer.on_next(TextDelta(text))
    assert file.getvalue() == "one two\nthreefold\nx"


def test_a_text_that_ends_its_line_gets_no_second_end() -> None:
    assert shown(TextDelta("done\n")) == "done\n"


def test_each_token_is_out_before_the_next_one_comes() -> None:
    file = io.StringIO()
    observer = console(Console(file=file))(CALL)
    observer.on_next(TextDelta("Hel"))
    assert file.getvalue() == "Hel"
    observer.on_next(TextDelta("lo"))
    assert file.getvalue() == "Hello"


def test_reasoning_is_dimmed_and_apart_from_the_text() -> None:
    assert shown(ReasoningDelta("Hm"), TextDelta("Hi"), colour=True) == "\x1b[2mHm\x1b[0m\nHi\n"


def test_reasoning_can_be_left_out() -> None:
    assert shown(ReasoningDelta("Hm"), TextDelta("Hi"), reasoning=False) == "Hi\n"


def test_tool_calls_are_shown_as_calls() -> None:
    tokens = (
        TextDelta("Let me see."),
        ToolCallStart("c1", "weather", 0),
        ToolCallDelta('{"city":', 0),
        ToolCallDelta('"Rome"}', 0),
        ToolCallEnd(0),
        ToolCallStart("c2", "time", 1),
        ToolCallDelta("{}", 1),
        Finish("tool_calls", "tool_calls"),
    )
    assert shown(*tokens) == 'Let me see.\n→ weather({"city":"Rome"})\n→ time({})\n'


def test_interleaved_tool_calls_say_whose_arguments_come() -> None:
    tokens = (ToolCallStart("a", "f", 0), ToolCallStart("b", "g", 1), ToolCallDelta("1", 0), ToolCallDelta("2", 1))
    assert shown(*tokens) == "→ f()\n→ g()\n→ … 1\n→ … 2\n"


def test_a_refusal_and_an_early_end_are_shown() -> None:
    tokens = (RefusalDelta("I cannot help."), Finish("content_filter", "SAFETY"))
    assert shown(*tokens) == "I cannot help.\n[ended: content_filter (SAFETY)]\n"


def test_citations_and_takings_back_are_noted() -> None:
    tokens = (TextDelta("So it is"), Citation("https://example.com", "A page"), Retract(0, 8, "filtered"))
    expected = "So it is [A page https://example.com]\n[characters 0 to 8 are taken back: filtered]\n"
    assert shown(*tokens) == expected


def test_an_error_ends_the_line_and_is_said() -> None:
    printed = shown(TextDelta("Hal"), error=ConnectionLost("it broke\x1b[2J off"))
    assert printed == "Hal\nConnectionLost: it broke␛[2J off\n"


def test_other_choices_are_not_mixed_in() -> None:
    assert shown(TextDelta("A"), TextDelta("B", choice=1), Finish("stop"), Finish("length", choice=1)) == "A\n"


@pytest.mark.parametrize(
    "attack",
    [
        "\x1b]0;new title\x07",
        "\x1b]52;c;ZXZpbA==\x1b\\",
        "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
        "\x1b[2J\x1b[1;1H",
        "\x9b31m",
        "\x90q\x9c",
        "safe\rEVIL",
        "\x08\x08\x08",
        "\u202egnp.exe",
        "\x7f",
        "\ud83d",
    ],
)
def test_a_model_cannot_command_the_terminal(attack: str) -> None:
    tokens = (TextDelta(attack), ReasoningDelta(attack), RefusalDelta(attack))
    tools = (ToolCallStart("c", attack, 0), ToolCallDelta(attack, 0))
    printed = shown(*tokens, *tools, Finish("other", attack), error=ConnectionLost(attack))
    assert not set(printed) & {"\x1b", "\x07", "\x08", "\r", "\x9b", "\x90", "\x9c", "\x7f", "\u202e", "\ud83d"}


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_printable_holds_no_control_character(text: str) -> None:
    safe = printable(text)
    assert all(char in "\n\t" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in safe)
    assert safe.encode().decode() == safe
    assert printable(safe) == safe


@given(st.text(), st.integers(0, 50))
def test_cutting_a_text_anywhere_prints_the_same(text: str, cut: int) -> None:
    assert printable(text[:cut]) + printable(text[cut:]) == printable(text)


def test_without_rich_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['rich'] = None\nimport tokenrill; tokenrill.console"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "ImportError: the console sink needs rich: pip install 'tokenrill[cli]'" in ran.stderr


def test_what_the_terminal_cannot_write_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    observer = ConsoleObserver(Console(file=file))
    for token in (TextDelta("déjà "), ReasoningDelta("日本"), TextDelta("vu")):
        observer.on_next(token)
    observer.on_completed()
    assert raw.getvalue().decode() == "d?j? \n??\nvu\n"
