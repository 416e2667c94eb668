"""All that an answer can hold, one feature at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenrill import (
    Citation,
    Finish,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

__all__ = ["ANSWERS", "whole"]


def call(index: int, signature: str | None = None) -> list[StreamToken]:
    return [
        ToolCallStart(f"call_{index}", "look", index, signature=signature),
        ToolCallDelta('{"n":"1"}', index),
        ToolCallEnd(index),
    ]


# Feature: the tokens that tell it.
ANSWERS: Final[dict[str, Sequence[StreamToken]]] = {
    "text": [TextDelta("Hi")],
    "reasoning": [ReasoningDelta("Hm.")],
    "reasoning's signature": [ReasoningDelta("Hm."), ReasoningSignature("c2lnbmVk")],
    "thought signature": [ReasoningDelta("Hm."), ReasoningSignature("c2lnbmVk", kind="thought_signature")],
    "redacted reasoning": [ReasoningSignature("c2lnbmVk", kind="redacted")],
    "encrypted reasoning": [ReasoningSignature("c2lnbmVk", kind="encrypted")],
    "tool call": call(0),
    "parallel tool calls": [*call(0), *call(1)],
    "signed tool call": call(0, "c2lnbmVk"),
    "refusal": [RefusalDelta("I would not.")],
    "citation": [TextDelta("Hi"), Citation("https://example.com", "A page")],
    "log probabilities": [TextDelta("Hi"), Logprobs((TokenLogprob("Hi", -0.5, (("Ho", -1.5),)),))],
    "several choices": [TextDelta("Hi"), TextDelta("Ho", choice=1)],
    "cached tokens read": [Usage(10, 5, cache_read_input_tokens=4)],
    "cached tokens written": [Usage(10, 5, cache_creation_input_tokens=4)],
    "reasoning tokens counted": [ReasoningDelta("Hm."), Usage(10, 5, reasoning_output_tokens=3)],
}


def whole(part: Sequence[StreamToken]) -> list[StreamToken]:
    """A healthy answer around these tokens, in the order that streams have."""
    content = [token for token in part if not isinstance(token, Usage)]
    if not any(isinstance(token, (TextDelta, ToolCallStart, RefusalDelta)) for token in content):
        content.append(TextDelta("Hi", 1 if content else 0))
    usage = next((token for token in part if isinstance(token, Usage)), Usage(10, 5))
    choices = sorted({getattr(token, "choice", 0) for token in content})
    reason = "tool_calls" if any(isinstance(token, ToolCallStart) for token in content) else "stop"
    return [ResponseStart("r1", "model"), *content, usage, *(Finish(reason, choice=choice) for choice in choices)]
