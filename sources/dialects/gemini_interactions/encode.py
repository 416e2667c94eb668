"""Tokens to the events of an interaction: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.tokens import (
    Citation,
    Finish,
    FinishReason,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from ...shape import text_of
from .decode import FINISH_REASONS

__all__ = ["InteractionsEncoder"]

REASONS: Final[dict[FinishReason, str]] = {
    "stop": "completed",
    "tool_calls": "requires_action",
    "length": "incomplete",
    "content_filter": "incomplete",
    "error": "failed",
    "other": "cancelled",
}


class InteractionsEncoder:
    """Write one answer as an interaction: each run of text, thought, and each call is a step. A transducer.

    An interaction has one choice; what is said in others is left out.
    """

    def __init__(self, asked: Json) -> None:
        self._head: Json = {"id": "", "object": "interaction", "model": text_of(asked.get("model"))}
        self._steps = 0
        self._open: tuple[str, int] | None = None  # the kind of the step being written, and its tokens' index
        self._calls: dict[int, int] = {}
        self._usage: Json = {}

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if getattr(token, "choice", 0):
            return
        for event in self._events(token):
            yield b"event: %s\ndata: %s\n\n" % (event["event_type"].encode(), codec.dumps(event))
        if isinstance(token, Finish):
            yield b"event: done\ndata: [DONE]\n\n"

    def close(self) -> Iterator[bytes]:
        return iter(())

    def _events(self, token: StreamToken) -> Iterator[Json]:
        match token:
            case ResponseStart():
                self._head |= {"id": token.id, "model": token.model}
                interaction = {**self._head, "status": "in_progress"}
                yield {"event_type": "interaction.created", "interaction": interaction}
                status = {"interaction_id": token.id, "status": "in_progress"}
                yield {"event_type": "interaction.status_update", **status}
            case TextDelta(text) | RefusalDelta(text):
                yield from self._within("model_output", token.index)
                yield self._delta({"type": "text", "text": text})
            case ReasoningDelta(text):
                yield from self._within("thought", token.index)
                yield self._delta({"type": "thought_summary", "content": {"type": "text", "text": text}})
            case ReasoningSignature() if token.kind == "thought_signature":
                yield from self._within("thought", token.index)
                yield self._delta({"type": "thought_signature", "signature": token.signature})
            case Citation():
                yield from self._within("model_output", token.index)
                yield self._delta({"type": "text_annotation_delta", "annotations": [render_citation(token)]})
            case ToolCallStart():
                yield from self._leave()
                self._calls[token.index] = self._steps
                step: Json = {"type": "function_call", "id": token.id, "name": token.name, "arguments": {}}
                yield self._begin(step)
            case ToolCallDelta() if token.index in self._calls:
                delta = {"type": "arguments_delta", "arguments": token.arguments}
                yield {"event_type": "step.delta", "index": self._calls[token.index], "delta": delta}
            case ToolCallEnd() if token.index in self._calls:
                yield {"event_type": "step.stop", "index": self._calls[token.index]}
            case Usage():
                self._usage = render_usage(token)
            case Finish():
                yield from self._leave()
                yield self._completed(token)
            case _:
                pass

    def _within(self, kind: str, index: int) -> Iterator[Json]:
        """See that the step being written is one of this kind."""
        if self._open != (kind, index):
            yield from self._leave()
            yield self._begin({"type": kind})
            self._open = (kind, index)

    def _begin(self, step: Json) -> Json:
        number, self._steps = self._steps, self._steps + 1
        return {"event_type": "step.start", "index": number, "step": step}

    def _delta(self, delta: Json) -> Json:
        return {"event_type": "step.delta", "index": self._steps - 1, "delta": delta}

    def _leave(self) -> Iterator[Json]:
        if self._open is not None:
            self._open = None
            yield {"event_type": "step.stop", "index": self._steps - 1}

    def _completed(self, token: Finish) -> Json:
        said = token.raw_reason or ""
        status = said if said in FINISH_REASONS else REASONS[token.reason]
        interaction = {**self._head, "status": status, **({"usage": self._usage} if self._usage else {})}
        return {"event_type": "interaction.completed", "interaction": interaction}


def render_citation(citation: Citation) -> Json:
    if citation.raw is not None and "type" in citation.raw:
        return citation.raw
    said = {"url": citation.url, "title": citation.title}
    return {"type": "url_citation", **{name: value for name, value in said.items() if value}}


def render_usage(usage: Usage) -> Json:
    if usage.raw is not None and "total_input_tokens" in usage.raw:
        return usage.raw
    return {
        "total_input_tokens": usage.input_tokens,
        "total_cached_tokens": usage.cache_read_input_tokens,
        "total_output_tokens": max(usage.output_tokens - usage.reasoning_output_tokens, 0),
        "total_thought_tokens": usage.reasoning_output_tokens,
        "total_tool_use_tokens": 0,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
