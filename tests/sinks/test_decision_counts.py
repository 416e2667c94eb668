"""Whatever is decided about a call is counted, by provider and by kind, and breaks nothing."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest

from tokenrill import (
    BreakerState,
    Call,
    Closed,
    CompletionRequest,
    Decision,
    Fallback,
    FleetLink,
    GaveUp,
    Hedge,
    LimiterRate,
    Queued,
    Resume,
    Retry,
    StreamMetrics,
    Usage,
)

EVERY: list[Decision] = [
    Retry("before_response", 2, 0.5, "ConnectError"),
    Retry("before_content", 3, 1.0, "Overloaded", spent=Usage(10, 2)),
    GaveUp("attempts", "Overloaded", 3),
    Fallback("openai", "anthropic", "refusal", spent=Usage(5, 1)),
    Hedge("started", "anthropic"),
    Hedge("lost", "anthropic", seconds=0.01, spent=Usage(7, 3)),
    Resume("resumed", "prefill", "ConnectionLost", seconds=0.2),
    Queued("openai", 1.5),
    LimiterRate("openai/gpt", "requests", 12.5),
    BreakerState("openai", "half_open"),
    FleetLink("redis", connected=True, processes=3),
    Closed(0.002),
]


def call(provider: str = "openai") -> Call:
    return Call(provider, CompletionRequest(model="m", messages="Hi"))


def told(decisions: list[Decision]) -> StreamMetrics:
    metrics, asked = StreamMetrics(), call()
    observer = metrics(asked)
    for decision in decisions:
        asked.decide(decision)
    observer.on_completed()
    return metrics


def value(found: list[Any], **attributes: str) -> float:
    (one,) = (item.value for item in found if attributes.items() <= dict(item.attributes).items())
    return one


def test_every_decision_has_its_figure() -> None:
    metrics = told(EVERY)
    counters, gauges, measured = metrics.counters(), metrics.gauges(), metrics.measurements()
    assert value(counters["tokenrill.retries"], phase="before_response") == 1
    assert value(counters["tokenrill.retries"], phase="before_content") == 1
    assert value(counters["tokenrill.gave_up"], reason="attempts") == 1
    assert value(counters["tokenrill.fallback"], reason="refusal") == 1
    assert value(counters["tokenrill.hedge"], outcome="lost") == 1
    assert value(counters["tokenrill.resume"], outcome="resumed") == 1
    assert value(counters["tokenrill.stream_end"], reason="completed") == 1
    assert value(gauges["tokenrill.limiter_rate"], name="openai/gpt", unit="requests") == 12.5
    assert value(gauges["tokenrill.breaker_state"], name="openai") == 1
    assert value(gauges["tokenrill.fleet_processes"], name="redis") == 3
    assert measured["tokenrill.queued_seconds"][0].values.sum == 1.5
    assert measured["tokenrill.cancel_to_close_seconds"][0].values.count == 1


def test_what_was_spent_in_vain_is_told_by_who_was_asked() -> None:
    spent = told(EVERY).counters()["tokenrill.abandoned_tokens"]
    name, kind = "gen_ai.provider.name", "gen_ai.token.type"
    assert value(spent, **{name: "openai", kind: "input"}) == 15
    assert value(spent, **{name: "anthropic", kind: "output"}) == 3


def test_the_summary_says_what_was_decided_and_nothing_when_nothing_was() -> None:
    assert "retries before content: 1" in told(EVERY).summary()
    assert len(told([]).summary().splitlines()) == 2


def test_how_long_the_source_was_kept_waiting_is_measured() -> None:
    metrics, asked = StreamMetrics(), call()
    observer = metrics(asked)
    asked.demand.buffered(asked.demand.high)
    asked.demand.taken(asked.demand.high)
    observer.on_completed()
    paused = asked.demand.paused_seconds
    assert metrics.calls[-1].paused_seconds == paused > 0
    assert metrics.measurements()["tokenrill.demand_paused_seconds"][0].values.sum == pytest.approx(paused)


def test_names_are_bounded() -> None:
    metrics, asked = StreamMetrics(max_series=3), call()
    metrics(asked)
    for number in range(50):
        asked.decide(BreakerState(f"breaker {number}", "open"))
    assert len(metrics.gauges()["tokenrill.breaker_state"]) == 3


def test_an_observer_that_raises_is_logged_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    asked, seen = call(), list[Decision]()

    def fail(_: Decision) -> None:
        raise ValueError("secret")

    asked.decisions.subscribe(fail)
    asked.decisions.subscribe(seen.append)
    with caplog.at_level(logging.ERROR):
        for decision in EVERY:
            asked.decide(decision)
    assert seen == EVERY
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_who_unsubscribes_hears_no_more() -> None:
    asked, seen = call(), list[Decision]()
    subscription = asked.decisions.subscribe(seen.append)
    asked.decide(EVERY[0])
    subscription.dispose()
    asked.decide(EVERY[1])
    assert seen == EVERY[:1]


def test_metrics_keep_no_call_alive() -> None:
    metrics, asked = StreamMetrics(), call()
    metrics(asked).on_completed()
    gone = weakref.ref(asked)
    gc.disable()
    try:
        del asked
        assert gone() is None
    finally:
        gc.enable()
