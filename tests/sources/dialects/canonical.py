"""Token streams as a provider would give them, for round trips through a dialect's own wire."""

from __future__ import annotations

from hypothesis import strategies as st

from tokenrill import (
    Finish,
    ReasoningDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialect import Dialect

__all__ = ["calls", "recode", "spoken", "texts", "usages", "words"]

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
spoken = words.filter(str.strip)  # no vendor says nothing but blanks gladly
texts = st.builds(TextDelta, words)
reasonings = st.builds(ReasoningDelta, words)
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
usages = st.builds(
    Usage,
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    cache_read_input_tokens=st.integers(0, 10**5),
    reasoning_output_tokens=st.integers(0, 10**5),
)


@st.composite
def calls(draw: st.DrawFn, most: int = 3) -> list[StreamToken]:
    """Tool calls one after the other, ends held back to the end of the answer, as chat completions have it."""
    tokens: list[StreamToken] = []
    count = draw(st.integers(0, most))
    for index in range(count):
        tokens.append(ToolCallStart(f"call_{index}", draw(names), index))
        tokens.extend(ToolCallDelta(part, index) for part in draw(st.lists(words, max_size=3)))
    return tokens + [ToolCallEnd(index) for index in range(count)]


def recode(dialect: Dialect, tokens: list[StreamToken], asked: dict[str, object], cut: int) -> list[StreamToken]:
    """The tokens, written by the dialect's encoder, cut, and read by its decoder."""
    encoder = dialect.encode(asked)
    wire = b"".join(piece for token in tokens for piece in encoder.feed(token)) + b"".join(encoder.close())
    return list(dialect.decode(wire[start : start + cut] for start in range(0, len(wire), cut)))


def answer(start: ResponseStart, content: list[StreamToken], usage: Usage, finish: Finish) -> list[StreamToken]:
    """One whole answer."""
    return [start, *content, usage, finish]
