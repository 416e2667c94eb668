"""StreamMetrics: what it counts, what it never keeps, and what it costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest
import reactivex as rx

from tokenrill import (
    OPENAI_CHAT,
    Call,
    CompletionRequest,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Replay,
    ResponseStart,
    StreamMetrics,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    StreamTruncated,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    watch,
)
from tokenrill.sinks.call_record import CallRecord

WIRE = (
    b'data: {"id":"r1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"id":"r1","model":"m","choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n'
    b'data: {"id":"r1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"r1","model":"m","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def call(provider: str = "openai", model: str = "m") -> Call:
    return Call(provider, CompletionRequest(model=model, messages="the secret prompt"))


def measured(timed: Iterable[tuple[float, StreamToken]], end: Exception | str = "completed") -> CallRecord:
    """The record of a call whose tokens come after these seconds each."""
    clock = Clock()
    metrics = StreamMetrics(clock=clock, now=lambda: 1_700_000_000.0)
    observer = metrics(call())
    for seconds, token in timed:
        clock.now += seconds
        observer.on_next(token)
    clock.now += 1
    if isinstance(end, Exception):
        observer.on_error(end)
    else:
        observer.on_completed() if end == "completed" else observer.on_dispose()
    return metrics.calls[-1]


def test_times_are_taken_from_the_subscription_to_what_the_model_says() -> None:
    record = measured(
        [
            (0.2, ResponseStart("r1", "m")),
            (0.3, TextDelta("a")),
            (0.1, TextDelta("bc")),
            (0.1, TextDelta("d")),
            (0.1, Finish("stop")),
        ]
    )
    assert record.started == 1_700_000_000.0
    assert record.time_to_first_token == pytest.approx(0.5)
    assert record.duration == pytest.approx(1.8)
    assert record.tokens == 3
    assert record.characters == 4
    assert record.tokens_per_second == pytest.approx(10)
    assert record.between_tokens_p50 == pytest.approx(0.1, rel=0.023)
    assert record.between_tokens_p99 == pytest.approx(0.1, rel=0.023)
    assert (record.finish_reason, record.stream_end) == ("stop", "completed")


def test_everything_that_the_model_says_counts_and_nothing_else() -> None:
    said = [
        ReasoningDelta("123"),
        RefusalDelta("45"),
        ToolCallStart("c", "weather"),
        ToolCallDelta("{}"),
        ToolCallEnd(),
        Usage(1, 2),
    ]
    record = measured([(0.1, token) for token in said])
    assert (record.tokens, record.characters) == (4, 7)


@pytest.mark.parametrize("reads", [2, 200, 257, 1000])
def test_every_gap_counts_however_many_there_are(reads: int) -> None:
    """Two of three tokens come with the one before; one gap in ten is a second."""
    clock = Clock()
    metrics = StreamMetrics(clock=clock)
    observer = metrics(call())
    for number in range(reads):
        clock.now += 1.0 if number % 10 == 9 else 0.02
        observer.on_batch([TextDelta("a"), TextDelta("b"), TextDelta("c")])
    observer.on_completed()
    record = metrics.calls[-1]
    gaps = sorted([0.0] * (2 * reads) + [1.0 if number % 10 == 9 else 0.02 for number in range(1, reads)])
    assert record.tokens == len(gaps) + 1
    assert record.between_tokens_p50 == 0.0
    assert record.between_tokens_p99 == pytest.approx(gaps[max(0, -(-len(gaps) * 99 // 100) - 1)], rel=0.023)
    (measured,) = metrics.measurements()["gen_ai.client.operation.time_per_output_chunk"]
    assert (measured.values.count, measured.values.sum) == (len(gaps), pytest.approx(sum(gaps)))


def test_one_token_has_no_pace() -> None:
    record = measured([(0.1, TextDelta("a"))])
    assert record.tokens_per_second is None
    assert record.between_tokens_p50 is None


def test_a_call_without_a_word_has_no_first_token() -> None:
    record = measured([], StreamStalled("first_token", 1))
    assert (record.time_to_first_token, record.tokens, record.usage) == (None, 0, None)
    assert record.stream_end == "StreamStalled"


def test_an_error_and_a_consumer_who_left_are_told_apart() -> None:
    assert measured([(0, TextDelta("a"))], StreamTruncated()).stream_end == "StreamTruncated"
    assert measured([(0, TextDelta("a"))], "disposed").stream_end == "disposed"


def test_of_several_choices_the_first_says_why_it_ended() -> None:
    tokens = [(0.0, Finish("length", choice=1)), (0.0, Finish("stop", choice=0)), (0.0, Finish("other", choice=2))]
    assert measured(tokens).finish_reason == "stop"


def test_a_pipeline_tells_usage_exactly_at_the_end() -> None:
    metrics = StreamMetrics()
    pipeline = StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT, cut=7)).attach(metrics).build()
    pipeline.run(CompletionRequest(model="m", messages="the secret prompt"))
    record = metrics.calls[-1]
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.output_tokens, record.usage.kind) == (12, 3, "exact")
    assert (record.tokens, record.characters, record.stream_end) == (2, 5, "completed")


def test_leaving_early_is_recorded_with_estimated_usage() -> None:
    metrics = StreamMetrics()
    asked = call()
    asked.attempt.see((TextDelta("12345678"),))
    source = rx.concat(rx.of(TextDelta("12345678")), rx.never())
    source.pipe(watch(metrics(asked))).subscribe().dispose()
    record = metrics.calls[-1]
    assert record.stream_end == "disposed"
    assert record.usage == Usage(5, 2, kind="estimated")


def test_a_call_on_its_way_is_counted_as_active() -> None:
    metrics = StreamMetrics()
    observer = metrics(call())
    assert (metrics.active, metrics.calls) == (1, ())
    observer.on_completed()
    assert (metrics.active, len(metrics.calls)) == (0, 1)


def test_no_word_of_prompt_or_answer_is_kept_or_shown() -> None:
    metrics = StreamMetrics()
    observer = metrics(call())
    observer.on_next(TextDelta("the secret answer"))
    observer.on_error(StreamTruncated("the secret error"))
    everything = repr((metrics, metrics.calls, metrics.measurements(), metrics.summary(), metrics.calls[-1].rows()))
    assert "secret" not in everything


def test_two_hundred_thousand_tokens_take_no_more_memory_than_a_thousand() -> None:
    clock = Clock()
    observer = StreamMetrics(clock=clock)(call())
    token = TextDelta("a")

    def run(count: int) -> None:
        for number in range(count):
            clock.now += (number % 997 + 1) * 1e-5
            observer.on_next(token)

    run(1_000)
    tracemalloc.start()
    try:
        run(200_000)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 8_192


def test_old_calls_are_forgotten_and_still_counted() -> None:
    metrics = StreamMetrics(keep=2)
    for number in range(5):
        metrics(call(model="m")).on_error(LookupError(str(number)))
    assert len(metrics.calls) == 2
    assert "calls=5" in repr(metrics)


def test_models_beyond_the_bound_share_one_line() -> None:
    metrics = StreamMetrics(max_series=2)
    for number in range(5):
        metrics(call(model=f"m{number}")).on_completed()
    lines = metrics.summary().splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["openai", "m0", "1"],
        ["openai", "m1", "1"],
        ["_OTHER", "_OTHER", "3"],
    ]


def test_measurements_have_the_names_of_opentelemetry() -> None:
    clock = Clock()
    metrics = StreamMetrics(clock=clock)
    for end in ("completed", "error"):
        asked = call()
        asked.attempt.usage_told = Usage(12, 3)
        observer = metrics(asked)
        clock.now += 0.25
        observer.on_next(TextDelta("a"))
        clock.now += 0.5
        observer.on_next(TextDelta("b"))
        observer.on_completed() if end == "completed" else observer.on_error(StreamTruncated())
    found = metrics.measurements()
    common = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
    plain = {
        name: [(dict(one.attributes), one.values.count, one.values.sum) for one in many] for name, many in found.items()
    }
    assert plain == {
        "gen_ai.client.operation.duration": [(common, 1, 0.75), (common | {"error.type": "StreamTruncated"}, 1, 0.75)],
        "gen_ai.client.operation.time_to_first_chunk": [(common, 2, 0.5)],
        "gen_ai.client.operation.time_per_output_chunk": [(common, 2, 1.0)],
        "gen_ai.client.token.usage": [
            (common | {"gen_ai.token.type": "input"}, 2, 24.0),
            (common | {"gen_ai.token.type": "output"}, 2, 6.0),
        ],
    }


def test_measurements_are_a_copy() -> None:
    metrics = StreamMetrics()
    metrics(call()).on_completed()
    before = metrics.measurements()["gen_ai.client.operation.duration"][0].values
    metrics(call()).on_completed()
    assert before.count == 1


def test_the_summary_has_a_line_for_each_model() -> None:
    metrics = StreamMetrics(clock=Clock())
    metrics(call(model="a")).on_completed()
    metrics(call(model="b")).on_dispose()
    metrics(call(model="b")).on_error(StreamTruncated())
    heading, *lines = str(metrics).splitlines()
    assert heading.split()[:6] == ["provider", "model", "calls", "completed", "left", "failed"]
    assert [line.split()[:6] for line in lines] == [
        ["openai", "a", "1", "1", "0", "0"],
        ["openai", "b", "2", "0", "1", "1"],
    ]


def test_a_record_says_itself_in_one_line() -> None:
    record = CallRecord(
        provider="openai", model="m", started=0, duration=2.5, time_to_first_token=0.25, finish_reason="stop"
    )
    assert str(record) == "openai m · no usage · first token after 250.0 ms · 2.50 s in all · stop"


def test_bounds_must_be_positive() -> None:
    with pytest.raises(ValueError, match="keep and max_series"):
        StreamMetrics(keep=0)
