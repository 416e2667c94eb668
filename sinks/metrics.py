"""Counters and clocks in memory, named by the OpenTelemetry conventions for generative AI.

Names: https://github.com/open-telemetry/semantic-conventions-genai (status: development).
"""

from __future__ import annotations

import time
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from math import log1p
from threading import Lock
from typing import Final, TypeAlias

from msgspec import Struct
from reactivex import abc

from ..streams.call import Call
from ..streams.decisions import Decision
from ..streams.recipe import Recipe
from ..streams.text_run import TextRun
from ..streams.tokens import (
    Finish,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from .call_record import CallRecord
from .decision_counts import Count, DecisionCounts, Gauge
from .distribution import MICRO, SCALE, Distribution
from .series import COMPLETED, DISPOSED, HEADINGS, Series

__all__ = ["Measurement", "StreamMetrics"]

STREAM_END: Final = "tokenrill.stream_end"
OTHER: Final = "_OTHER"
MANY: Final = 256  # gaps between reads, before they are counted

Clock: TypeAlias = Callable[[], float]


class Measurement(Struct, frozen=True):
    """One metric of one provider and model."""

    attributes: Mapping[str, str]
    values: Distribution


class StreamMetrics:
    """Measure every call of a pipeline. A sink: ``.attach(metrics)``.

    It keeps no word of what was said, and its size does not grow with the length of a stream or with the
    number of calls. One instance can be attached to many pipelines, and read at any time.

    Args:
        keep: How many finished calls to remember one by one; the totals count all.
        max_series: How many pairs of provider and model to count apart; later ones are counted as ``_OTHER``.
        clock: Seconds that never go back.
        now: Seconds since 1970.

    Example:
        >>> from tokenrill import OPENAI_CHAT, CompletionRequest, Replay, StreamPipelineBuilder
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
        >>> metrics = StreamMetrics()
        >>> pipeline = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).attach(metrics).build()
        >>> _ = pipeline.run(CompletionRequest(model="any", messages="Hello"))
        >>> record = metrics.calls[-1]
        >>> record.tokens, record.characters, record.finish_reason, record.stream_end
        (1, 2, 'stop', 'completed')
    """

    def __init__(
        self, *, keep: int = 1000, max_series: int = 256, clock: Clock = time.perf_counter, now: Clock = time.time
    ) -> None:
        if keep < 1 or max_series < 1:
            raise ValueError("keep and max_series must be 1 or more")
        self.recipe = Recipe("StreamMetrics", {"keep": keep, "max_series": max_series})
        self.clock = clock
        self.now = now
        self._max_series = max_series
        self._calls: deque[CallRecord] = deque(maxlen=keep)
        self._series: dict[tuple[str, str], Series] = {}
        self._decided = DecisionCounts(max_series)
        self._active = 0
        self._lock = Lock()

    def __call__(self, call: Call) -> CallObserver:
        with self._lock:
            self._active += 1
        call.hear(self)
        return CallObserver(call, self)

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The calls that have ended, the last one last; at most ``keep``."""
        with self._lock:
            return tuple(self._calls)

    @property
    def active(self) -> int:
        """How many calls are on their way."""
        return self._active

    def add(self, record: CallRecord, gaps: Mapping[int, int], gap_sum: float) -> None:
        """Count a call that has ended."""
        with self._lock:
            self._active -= 1
            self._calls.append(record)
            if record.paused_seconds:
                self._decided.paused(record.provider, record.paused_seconds)
            key = (record.provider, record.model)
            if key not in self._series and len(self._series) >= self._max_series:
                key = (OTHER, OTHER)
            self._series.setdefault(key, Series()).add(record, gaps, gap_sum)

    def measurements(self) -> dict[str, list[Measurement]]:
        """All that was measured, by the names of OpenTelemetry; times in seconds."""
        found: defaultdict[str, list[Measurement]] = defaultdict(list)
        with self._lock:
            for (provider, model), series in self._series.items():
                common = {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": provider,
                    "gen_ai.request.model": model,
                }
                for name, attributes, values in series.measurements():
                    found[name].append(Measurement({**common, **attributes}, values.copy()))
            for name, attributes, values in self._decided.times():
                found[name].append(Measurement(attributes, values.copy()))
        return dict(found)

    def counters(self) -> dict[str, list[Count]]:
        """How often what happened: ``tokenrill.stream_end{reason}``, ``.retries{phase}``, ``.hedge{outcome}``,
        ``.resume{outcome}``, ``.fallback{reason}``, ``.gave_up{reason}``, and ``.abandoned_tokens``, which attempts
        have cost whose answer was not used."""
        with self._lock:
            ends = [
                Count({"gen_ai.provider.name": provider, "gen_ai.request.model": model, "reason": end}, count)
                for (provider, model), series in self._series.items()
                for end, count in series.ends.items()
            ]
            return {**({STREAM_END: ends} if ends else {}), **self._decided.counters()}

    def gauges(self) -> dict[str, list[Gauge]]:
        """What is now: ``tokenrill.breaker_state{name}``, ``.limiter_rate{name, unit}``, ``.fleet_processes{name}``."""
        with self._lock:
            return self._decided.gauges()

    def decided(self, call: Call, decision: Decision) -> None:
        """Count a decision about a call."""
        with self._lock:
            self._decided.see(call.provider, decision)

    def summary(self) -> str:
        """A plain table, one line for each provider and model."""
        with self._lock:
            rows = [HEADINGS, *(series.row(*key) for key, series in self._series.items())]
            decided = str(self._decided)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(line.rstrip() for line in [*lines, *filter(None, [decided])])

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"StreamMetrics(calls={sum(series.calls for series in self._series.values())}, active={self._active})"


class CallObserver(abc.ObserverBase[StreamToken]):
    """Watch one call. For each network read: one reading of the clock, and one count."""

    __slots__ = (
        "_call",
        "_characters",
        "_clock",
        "_counted",
        "_finish",
        "_first",
        "_gaps",
        "_last",
        "_metrics",
        "_started",
        "_together",
        "_wall",
    )

    def __init__(self, call: Call, metrics: StreamMetrics) -> None:
        self._call = call
        self._metrics = metrics
        self._clock = metrics.clock
        self._wall = metrics.now()
        self._started = metrics.clock()
        self._first = self._last = 0.0
        self._characters = 0
        # The bucket of each read's gap but the first's, two bytes each, and counted when there are many.
        self._gaps: array[int] | None = None
        self._counted: Distribution | None = None
        self._together = 0  # tokens that came with another: their gap is nothing
        self._finish: FinishReason | None = None

    def on_next(self, value: StreamToken) -> None:
        self.on_batch((value,))

    def on_batch(self, values: Sequence[StreamToken]) -> None:
        """All tokens of one network read: they have come at one moment."""
        if type(values) is TextRun:
            tokens, characters = len(values), len(values.text)
        else:
            tokens = characters = 0
            for value in values:
                if type(value) is TextDelta or isinstance(value, (ReasoningDelta, RefusalDelta)):
                    characters += len(value.text)
                elif isinstance(value, ToolCallDelta):
                    characters += len(value.arguments)
                elif not isinstance(value, ToolCallStart):
                    if isinstance(value, Finish) and (self._finish is None or value.choice == 0):
                        self._finish = value.reason
                    continue
                tokens += 1
            if not tokens:
                return
        now = self._clock()
        gaps = self._gaps
        if gaps is None:
            self._first = now
            self._gaps = array("H")
        else:
            gaps.append(int(log1p((now - self._last) * MICRO) * SCALE))
            if len(gaps) >= MANY:
                self._counted = self._counted or Distribution()
                self._counted.merge(Counter(gaps), 0.0)
                del gaps[:]
        if tokens > 1:
            self._together += tokens - 1
        self._last = now
        self._characters += characters

    def on_completed(self) -> None:
        self._end(COMPLETED)

    def on_error(self, error: Exception) -> None:
        self._end(type(error).__name__)

    def on_dispose(self) -> None:
        """The consumer hung up."""
        self._end(DISPOSED)

    def _end(self, stream_end: str) -> None:
        call = self._call
        spoke = self._gaps is not None
        spent = self._last - self._first
        gaps = Distribution() if self._counted is None else self._counted.copy()
        gaps.merge(Counter(self._gaps or ()), spent)
        if self._together:
            gaps.merge({0: self._together}, 0.0)
        record = CallRecord(
            provider=call.provider,
            model=call.request.model,
            started=self._wall,
            duration=self._clock() - self._started,
            time_to_first_token=self._first - self._started if spoke else None,
            tokens=gaps.count + spoke,
            tokens_per_second=gaps.count / spent if spent > 0 else None,
            between_tokens_p50=gaps.percentile(50) if gaps.count else None,
            between_tokens_p99=gaps.percentile(99) if gaps.count else None,
            characters=self._characters,
            received_bytes=call.received_bytes,
            usage=call.usage,
            finish_reason=self._finish,
            stream_end=stream_end,
            request_id=call.request_id,
            attempts=call.attempts,
            paused_seconds=0.0 if call.counted is None else call.counted.paused_seconds,
        )
        self._metrics.add(record, gaps.buckets, spent)
