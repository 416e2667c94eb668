"""The totals of one model, and how to show them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from .call_record import CallRecord, duration_text
from .distribution import Distribution

__all__ = ["COMPLETED", "DISPOSED", "HEADINGS", "Series"]

DURATION: Final = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"
COMPLETED: Final = "completed"
DISPOSED: Final = "disposed"

HEADINGS: Final = (
    "provider",
    "model",
    "calls",
    "completed",
    "left",
    "failed",
    "first token p50",
    "p99",
    "between tokens p50",
    "p99",
    "tokens in",
    "tokens out",
)


class Series:
    """All calls to one model of one provider."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.durations: defaultdict[str, Distribution] = defaultdict(Distribution)
        self.first = Distribution()
        self.between = Distribution()
        self.read = Distribution()
        self.written = Distribution()

    @property
    def calls(self) -> int:
        return self.ends.total()

    def add(self, record: CallRecord, gaps: Mapping[int, int], gap_sum: float) -> None:
        self.ends[record.stream_end] += 1
        self.durations[record.stream_end].add(record.duration)
        self.between.merge(gaps, gap_sum)
        if record.time_to_first_token is not None:
            self.first.add(record.time_to_first_token)
        if record.usage is not None:
            self.read.add(record.usage.input_tokens)
            self.written.add(record.usage.output_tokens)

    def measurements(self) -> Iterator[tuple[str, dict[str, str], Distribution]]:
        for end, durations in self.durations.items():
            yield DURATION, {} if end in (COMPLETED, DISPOSED) else {"error.type": end}, durations
        yield TIME_TO_FIRST_CHUNK, {}, self.first
        yield TIME_PER_OUTPUT_CHUNK, {}, self.between
        yield TOKEN_USAGE, {"gen_ai.token.type": "input"}, self.read
        yield TOKEN_USAGE, {"gen_ai.token.type": "output"}, self.written

    def row(self, provider: str, model: str) -> tuple[str, ...]:
        completed, left = self.ends[COMPLETED], self.ends[DISPOSED]
        counts = (self.calls, completed, left, self.calls - completed - left)
        times = (middle_and_tail(self.first), middle_and_tail(self.between))
        tokens = (f"{self.read.sum:,.0f}", f"{self.written.sum:,.0f}")
        return (provider, model, *map(str, counts), *times[0], *times[1], *tokens)


def middle_and_tail(values: Distribution) -> tuple[str, str]:
    if not values.count:
        return "-", "-"
    return duration_text(values.percentile(50)), duration_text(values.percentile(99))
