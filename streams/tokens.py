"""What a model says, one increment at a time.

Tokens are :class:`msgspec.Struct` values: frozen, comparable, and already their own JSON form
(``msgspec.json.encode(token)`` writes ``{"type": "TextDelta", "text": …}``).

Where several alternatives are asked for (``choice_count > 1``), ``choice`` says which one a fragment
belongs to; ``index`` says which part of that choice, for providers that number their parts.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

__all__ = [
    "Citation",
    "Finish",
    "FinishReason",
    "Logprobs",
    "RateLimit",
    "RateLimits",
    "Raw",
    "ReasoningDelta",
    "ReasoningSignature",
    "RefusalDelta",
    "ResponseStart",
    "Retract",
    "Seam",
    "SignatureKind",
    "StreamToken",
    "TextDelta",
    "TokenLogprob",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallStart",
    "Usage",
    "UsageKind",
    "is_content",
]

FinishReason: TypeAlias = Literal["stop", "length", "content_filter", "tool_calls", "error", "other"]
SignatureKind: TypeAlias = Literal["signature", "redacted", "block", "thought_signature", "id", "encrypted", "item"]
UsageKind: TypeAlias = Literal["exact", "partial", "estimated"]


class Token(Struct, frozen=True, gc=False, tag=True):
    """Base of all tokens: frozen, and left out of the garbage collector's walks, since none can hold a cycle."""


class RateLimit(Struct, frozen=True, gc=False):
    """One bucket of a provider: what it holds, what is left, and how many seconds until it is full again."""

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


class RateLimits(Struct, frozen=True, gc=False):
    """What the provider's headers say of your quota; a bucket it does not mention is None."""

    requests: RateLimit | None = None
    tokens: RateLimit | None = None
    input_tokens: RateLimit | None = None
    output_tokens: RateLimit | None = None


class ResponseStart(Token, frozen=True, gc=False):
    """The provider accepted the request (``gen_ai.response.id`` and ``.model``)."""

    id: str
    model: str
    request_id: str | None = None
    rate_limits: RateLimits | None = None


class TextDelta(Token, frozen=True, gc=False):
    """A fragment of the answer's text."""

    text: str
    index: int = 0
    choice: int = 0


class ReasoningDelta(Token, frozen=True, gc=False):
    """A fragment of the model's reasoning, or of the provider's summary of it."""

    text: str
    index: int = 0
    choice: int = 0


class ReasoningSignature(Token, frozen=True, gc=False):
    """What a provider wants back, byte for byte, with the reasoning that it closes.

    ``kind`` says which opaque value this is, and so whose: Claude's ``signature`` over the text, its ``redacted``
    reasoning that has no text, and the JSON of a ``block`` that its own tools made; Gemini's ``thought_signature``;
    of OpenAI's Responses the ``id`` of a reasoning item, its ``encrypted`` form, and the JSON of an ``item`` that its
    own tools made. A dialect hands back what is its own, and leaves out the rest: it would be refused.
    """

    signature: str
    index: int = 0
    choice: int = 0
    kind: SignatureKind = "signature"


class RefusalDelta(Token, frozen=True, gc=False):
    """A fragment of the model's refusal to answer, where the provider keeps it apart from the text."""

    text: str
    index: int = 0
    choice: int = 0


class TokenLogprob(Struct, frozen=True, gc=False):
    """One sampled token with its natural-log probability, and the likeliest alternatives as (token, logprob)."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Logprobs(Token, frozen=True, gc=False):
    """Log probabilities of the text that came just before."""

    content: tuple[TokenLogprob, ...]
    choice: int = 0


class ToolCallStart(Token, frozen=True, gc=False):
    """The model begins to call a tool; ``index`` tells parallel calls of one choice apart.

    ``signature`` is what a provider wants back with the call, such as Gemini's ``thoughtSignature``.
    """

    id: str
    name: str
    index: int = 0
    choice: int = 0
    signature: str | None = None


class ToolCallDelta(Token, frozen=True, gc=False):
    """A fragment of the call's JSON arguments; join the fragments of one ``index``."""

    arguments: str
    index: int = 0
    choice: int = 0


class ToolCallEnd(Token, frozen=True, gc=False):
    """No more arguments will come for the call at ``index``."""

    index: int = 0
    choice: int = 0


class Citation(Token, frozen=True, gc=False):
    """A source for the text around it; ``raw`` is the provider's own record."""

    url: str | None = None
    title: str | None = None
    text: str | None = None
    index: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = None


class Usage(Token, frozen=True, gc=False):
    """Token counts of the whole call, named after ``gen_ai.usage.*``; at most one a stream.

    ``input_tokens`` counts everything read, cached tokens included, and ``output_tokens`` everything
    written, reasoning included, whatever the provider's own habit; ``raw`` keeps the provider's object.
    ``kind`` is ``exact`` when the provider said so at the end, ``partial`` when the stream broke after it
    had told part, ``estimated`` when we counted for it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    kind: UsageKind = "exact"
    raw: dict[str, Any] | None = None


class Retract(Token, frozen=True, gc=False):
    """The provider takes back text it has sent: characters ``start`` to ``end`` of ``choice``."""

    start: int
    end: int
    reason: str
    choice: int = 0


class Seam(Token, frozen=True, gc=False):
    """From here on another attempt or another provider speaks; the text before it stands."""

    provider: str
    reason: str


class Raw(Token, frozen=True, gc=False):
    """Something the provider said that has no token of its own, passed on as it came.

    ``name`` is the event's type, or the path of the field that was not understood.
    """

    name: str
    data: Any
    choice: int = 0


class Finish(Token, frozen=True, gc=False):
    """The last token of a healthy stream, one a choice; ``raw_reason`` is the provider's own word."""

    reason: FinishReason
    raw_reason: str | None = None
    choice: int = 0


StreamToken: TypeAlias = (
    ResponseStart
    | TextDelta
    | ReasoningDelta
    | ReasoningSignature
    | RefusalDelta
    | Logprobs
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | Citation
    | Usage
    | Retract
    | Seam
    | Raw
    | Finish
)

CONTENT = frozenset({TextDelta, ReasoningDelta, RefusalDelta, ToolCallStart, ToolCallDelta})


def is_content(token: StreamToken) -> bool:
    """Whether the model itself says something here; pings, ids and counts are not content.

    >>> is_content(TextDelta("Hi")), is_content(ResponseStart("r1", "m"))
    (True, False)
    """
    return type(token) in CONTENT
