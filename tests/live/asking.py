"""The one question that every real provider is asked, and what its answer must hold."""

from __future__ import annotations

from tokenrill import CompletionRequest, StreamMetrics, StreamPipelineBuilder, accumulate
from tokenrill.streams.types import Source

__all__ = ["ask"]

QUESTION = "Reply with the single word: ok"


async def ask(source: Source, model: str) -> None:
    """Ask, and see that text, end, cost and timing are there."""
    metrics = StreamMetrics()
    pipeline = StreamPipelineBuilder.source(source).attach(metrics).pipe(accumulate()).build()
    try:
        # Models that reason spend tokens before the first word.
        reply = await pipeline.stream(CompletionRequest(model=model, messages=QUESTION, max_tokens=500))
    finally:
        await pipeline.aclose()
    assert "ok" in reply.text.lower()
    assert reply.finish is not None
    assert reply.finish.reason == "stop"
    assert reply.usage is not None
    assert reply.usage.kind == "exact"
    assert min(reply.usage.input_tokens, reply.usage.output_tokens) > 0
    assert metrics.calls[-1].time_to_first_token is not None
