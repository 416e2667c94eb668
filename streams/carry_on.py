"""Ask a model to go on with an answer that broke off: the request, and when it must not be made.

Only text can be gone on with. Reasoning that was cut is left out: providers want thinking back whole and signed, or
not at all. https://platform.claude.com/docs/en/build-with-claude/streaming#error-recovery
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from .attempt import Attempt, characters_in
from .parts import Text
from .request import CompletionRequest, Message

__all__ = ["TAIL", "going_on", "interrupted", "objection", "prefilled", "quoting"]

# How much of the end is quoted: enough to find the place, and the most that is held back to see it repeated.
TAIL: Final = 240
# https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/claude-prompting-best-practices
# "Migrating away from prefilled responses"
SENTENCE: Final = "Your previous response was interrupted and ended with `{}`. Continue from where you left off."
INTERRUPTED: Final = re.compile(re.escape(SENTENCE).replace(r"\{\}", "(.*)"), re.DOTALL)


def objection(attempt: Attempt) -> str | None:
    """Why no model may be asked to go on with what this attempt has brought; None when one may."""
    reply, request = attempt.reply, attempt.request
    first = reply.choices[0]
    if request.choice_count > 1 or len(reply.choices) > 1:
        return "several choices were asked for"
    if request.response_format is not None:
        return "structured output was asked for, and two halves need not make one document"
    if reply.tool_calls:
        return "it has called a tool, and nobody has answered"
    if reply.refusal:
        return "the model was refusing"
    if first.retracted:
        return "the provider has taken text back"
    if sum(characters_in(part) for part in first.parts) < attempt.so_far.characters:
        return "the answer is longer than what is kept of it"
    if not reply.text.strip():
        return "no text had come, and reasoning cannot be gone on with"
    return None


def prefilled(request: CompletionRequest, text: str) -> CompletionRequest:
    """The request with the beginning of the answer as its last turn, for models that go on from there.

    It must not end in white space, which vendors refuse.

    >>> prefilled(CompletionRequest(model="m", messages="Count."), "One, two,").turns[-1].text
    'One, two,'
    """
    return replace(request, messages=answered(request, text))


def quoting(request: CompletionRequest, text: str) -> CompletionRequest:
    """The request with the answer so far as a turn, and a user who says where it was interrupted.

    >>> quoting(CompletionRequest(model="m", messages="Count."), "One, two,").turns[-1].text
    'Your previous response was interrupted and ended with `One, two,`. Continue from where you left off.'
    """
    return replace(request, messages=(*answered(request, text), Message("user", SENTENCE.format(text[-TAIL:]))))


def interrupted(request: CompletionRequest) -> str | None:
    """What had been said, if this request asks to go on with it; the emulator wants to know.

    >>> interrupted(quoting(CompletionRequest(model="m", messages="Count."), "One, two,"))
    'One, two,'
    """
    *before, last = request.turns
    if last.role == "assistant":
        return last.text
    if last.role == "user" and before and before[-1].role == "assistant" and INTERRUPTED.fullmatch(last.text):
        return before[-1].text
    return None


def going_on(attempt: Attempt) -> CompletionRequest:
    """The request of this attempt, with what is left of ``max_tokens`` by the count, or the estimate, so far."""
    request, usage = attempt.request, attempt.usage
    budget = request.reasoning and request.reasoning.budget_tokens
    if request.max_tokens is None or usage is None or budget:
        return request
    return replace(request, max_tokens=max(request.max_tokens - usage.output_tokens, 1))


def answered(request: CompletionRequest, text: str) -> tuple[Message, ...]:
    """The turns with the answer so far; one that the user had begun is gone on with."""
    *before, last = request.turns
    if last.role != "assistant":
        return (*request.turns, Message("assistant", text))
    match last.parts:
        case (*parts, Text() as said):
            return (*before, Message("assistant", (*parts, Text(said.text + text, said.cache))))
        case parts:
            return (*before, Message("assistant", (*parts, Text(text))))
