"""StreamMetrics counts the same however a stream's tokens are cut into reads."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.sinks.test_metrics import Clock, call
from tokenrill import (
    Call,
    CompletionRequest,
    Raw,
    ReasoningDelta,
    StreamMetrics,
    StreamToken,
    TextDelta,
    ToolCallDelta,
)
from tokenrill.sinks.call_record import CallRecord
from tokenrill.streams.text_run import TextRun

SAID = [TextDelta("ab"), ReasoningDelta("c"), Raw("ping", 1), ToolCallDelta("{}")]


@given(st.lists(st.sampled_from(SAID), max_size=30))
def test_a_read_at_once_counts_what_its_tokens_one_by_one_count(tokens: list[StreamToken]) -> None:
    counted: list[tuple[int, int, int]] = []
    for at_once in (True, False):
        metrics = StreamMetrics(clock=lambda: 1.0)
        observer = metrics(Call("test", CompletionRequest(model="m", messages="Hi")))
        if at_once and tokens:
            observer.on_batch(tokens)
        else:
            for token in tokens:
                observer.on_next(token)
        observer.on_completed()
        record = metrics.calls[-1]
        (between,) = metrics.measurements()["gen_ai.client.operation.time_per_output_chunk"]
        counted.append((record.tokens, record.characters, between.values.count))
    assert counted[0] == counted[1]


@given(st.lists(st.sampled_from(SAID), max_size=30))
def test_reads_of_one_token_each_count_what_tokens_count(tokens: list[StreamToken]) -> None:
    def record(*, reads: bool) -> CallRecord:
        metrics = StreamMetrics(clock=(clock := Clock()), now=lambda: 0.0)
        observer = metrics(call())
        for number, token in enumerate(tokens):
            clock.now += number / 7
            observer.on_batch((token,)) if reads else observer.on_next(token)
        observer.on_completed()
        return metrics.calls[-1]

    assert record(reads=True) == record(reads=False)


@given(st.lists(st.lists(st.sampled_from(["a", "bc", "\u00e9"]), min_size=1, max_size=5), max_size=8))
def test_a_run_of_text_counts_what_its_tokens_count(reads: list[list[str]]) -> None:
    def counted(*, runs: bool) -> tuple[CallRecord, dict[int, int]]:
        metrics = StreamMetrics(clock=(clock := Clock()), now=lambda: 0.0)
        observer = metrics(call())
        for number, texts in enumerate(reads):
            clock.now += number / 7
            run = TextRun.of(texts, index=0, choice=0)
            observer.on_batch(run if runs else list(run))
        observer.on_completed()
        (between,) = metrics.measurements()["gen_ai.client.operation.time_per_output_chunk"]
        return metrics.calls[-1], between.values.buckets

    assert counted(runs=True) == counted(runs=False)
