"""The pieces of a ``chat.completion.chunk``: words, reasoning, content in parts, citations, log probabilities, usage.

https://platform.openai.com/docs/api-reference/chat/streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ....streams.codec import Json
from ....streams.tokens import (
    Citation,
    FinishReason,
    Logprobs,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    StreamToken,
    TextDelta,
    TokenLogprob,
    Usage,
)
from ...shape import count_of, object_of, objects_of, real_of, text_of

__all__ = [
    "FINISH_REASONS",
    "KNOWN_CHOICE",
    "KNOWN_CHUNK",
    "KNOWN_DELTA",
    "parse_citation",
    "parse_logprobs",
    "parse_parts",
    "parse_reasoning",
    "parse_usage",
]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "error": "error",
    # Said by servers that speak this dialect, in their own words.
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "insufficient_system_resource": "error",
}
KNOWN_CHUNK: Final = frozenset(
    "id object created model choices usage system_fingerprint service_tier obfuscation error x_groq p".split()
)
KNOWN_CHOICE: Final = frozenset(
    "index delta finish_reason logprobs message native_finish_reason stop_reason text".split()
)
KNOWN_DELTA: Final = frozenset(
    "role content refusal tool_calls function_call reasoning_content reasoning reasoning_details annotations".split()
)


def parse_reasoning(delta: Json, choice: int) -> Iterator[StreamToken]:
    """``reasoning_content`` (DeepSeek, xAI), ``reasoning`` (Groq, OpenRouter) or ``reasoning_details`` (OpenRouter)."""
    text = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
    if text:
        yield ReasoningDelta(text, 0, choice)
    for detail in objects_of(delta.get("reasoning_details")):
        told = text_of(detail.get("text")) or text_of(detail.get("summary"))
        if told and not text:
            yield ReasoningDelta(told, 0, choice)
        if signature := text_of(detail.get("signature")):
            yield ReasoningSignature(signature, 0, choice)
        if encrypted := text_of(detail.get("data")):
            yield ReasoningSignature(encrypted, 0, choice, "encrypted")


def parse_parts(parts: list[Json], choice: int) -> Iterator[StreamToken]:
    """Mistral's content as a list of ``text``, ``thinking`` and ``reference`` parts."""
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)} if text:
                yield TextDelta(text, 0, choice)
            case {"type": "thinking"}:
                thoughts = part.get("thinking")
                for thought in objects_of(thoughts) or [{"text": thoughts}]:
                    if text := text_of(thought.get("text")):
                        yield ReasoningDelta(text, 0, choice)
            case {"type": "text"}:
                pass
            case _:
                yield Raw("delta.content", part, choice)


def parse_citation(annotation: Json, choice: int) -> Citation:
    known = object_of(annotation.get("url_citation"))
    return Citation(
        text_of(known.get("url")) or None, text_of(known.get("title")) or None, choice=choice, raw=annotation
    )


def parse_logprobs(value: Any, choice: int) -> Logprobs | None:
    """Log probabilities in OpenAI's shape; other shapes (a bare number, an empty list) say nothing."""
    entries = objects_of(object_of(value).get("content"))
    content = tuple(
        TokenLogprob(
            text_of(entry.get("token")),
            real_of(entry.get("logprob")),
            tuple(
                (text_of(top.get("token")), real_of(top.get("logprob")))
                for top in objects_of(entry.get("top_logprobs"))
            ),
        )
        for entry in entries
    )
    return Logprobs(content, choice) if content else None


def parse_usage(usage: Json) -> Usage:
    """Counts, from ``prompt_tokens`` and its like; what is not a whole number counts as 0.

    ``completion_tokens`` holds reasoning at OpenAI, and not at xAI, whose total is one of all three
    (https://docs.x.ai/docs/guides/reasoning): the total tells.
    """
    read, written = object_of(usage.get("prompt_tokens_details")), object_of(usage.get("completion_tokens_details"))
    asked, said = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    thought = count_of(written.get("reasoning_tokens"))
    if count_of(usage.get("total_tokens")) == asked + said + thought:
        said += thought
    return Usage(
        input_tokens=asked,
        output_tokens=said,
        cache_read_input_tokens=count_of(read.get("cached_tokens")) or count_of(usage.get("prompt_cache_hit_tokens")),
        cache_creation_input_tokens=count_of(read.get("cache_write_tokens")),
        reasoning_output_tokens=thought,
        raw=usage,
    )
