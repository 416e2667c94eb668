"""What one call was like, and how to say it."""

from __future__ import annotations

from msgspec import Struct

from ..streams.tokens import FinishReason, Usage

__all__ = ["CallRecord", "bytes_text", "duration_text", "usage_text"]


class CallRecord(Struct, frozen=True, kw_only=True):
    """The numbers of one call that has ended. It holds no word of the prompt or the answer.

    Attributes:
        provider, model: Who was asked, and for what.
        started: When, in seconds since 1970.
        duration: Seconds until it ended.
        time_to_first_token: Seconds until the model first said something; None when it never did.
        tokens: How many fragments of text, reasoning, refusal or tool call came. Providers may put
            several tokens of the model's own counting in one fragment: ``usage`` has those.
        tokens_per_second: Fragments after the first, by the time they took; None when there was but one.
        between_tokens_p50, between_tokens_p99: Seconds from one fragment to the next.
        characters: How much text, reasoning, refusal and tool arguments came.
        received_bytes: What the body of the answer measured; 0 when it came from no socket.
        usage: What it cost, and how exactly that is known.
        finish_reason: Why the model stopped; None when it did not say.
        stream_end: ``completed``, ``disposed`` (the consumer left), or the name of the error.
        request_id: The provider's own id of the request.
        attempts: How many requests were sent for it.
        paused_seconds: For how long the consumer kept the source waiting.
    """

    provider: str
    model: str
    started: float
    duration: float
    time_to_first_token: float | None = None
    tokens: int = 0
    tokens_per_second: float | None = None
    between_tokens_p50: float | None = None
    between_tokens_p99: float | None = None
    characters: int = 0
    received_bytes: int = 0
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    stream_end: str = "completed"
    request_id: str | None = None
    attempts: int = 1
    paused_seconds: float = 0.0

    def rows(self) -> list[tuple[str, str]]:
        """Names and values for a table."""
        return [
            ("provider, model", f"{self.provider}, {self.model}"),
            ("time to first token", duration_text(self.time_to_first_token)),
            ("whole answer", duration_text(self.duration)),
            ("tokens received", f"{self.tokens:,}"),
            ("tokens/s", "-" if self.tokens_per_second is None else f"{self.tokens_per_second:,.1f}"),
            ("between tokens, p50", duration_text(self.between_tokens_p50)),
            ("between tokens, p99", duration_text(self.between_tokens_p99)),
            ("bytes received", bytes_text(self.received_bytes)),
            ("usage", usage_text(self.usage)),
            ("finish reason", self.finish_reason or "-"),
            *([("attempts", str(self.attempts))] if self.attempts > 1 else []),
            ("stream", self.stream_end),
        ]

    def __str__(self) -> str:
        said = [f"{self.provider} {self.model}", usage_text(self.usage)]
        if self.time_to_first_token is not None:
            said.append(f"first token after {duration_text(self.time_to_first_token)}")
        if self.tokens_per_second is not None:
            said.append(f"{self.tokens_per_second:,.1f} tokens/s")
        said.append(f"{duration_text(self.duration)} in all")
        said.append("left early" if self.stream_end == "disposed" else self.finish_reason or self.stream_end)
        return " · ".join(said)


def duration_text(seconds: float | None) -> str:
    """Seconds, in the unit a reader wants.

    >>> duration_text(0.000042), duration_text(0.0123), duration_text(12.3), duration_text(None)
    ('42 µs', '12.3 ms', '12.30 s', '-')
    """
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def bytes_text(count: int) -> str:
    """A number of bytes, exactly.

    >>> bytes_text(12345), bytes_text(0)
    ('12,345', '-')
    """
    return f"{count:,}" if count else "-"


def usage_text(usage: Usage | None) -> str:
    """What a call cost.

    >>> usage_text(Usage(12, 340)), usage_text(Usage(12, 34, kind="estimated")), usage_text(None)
    ('12 tokens in, 340 out', '12 tokens in, 34 out (estimated)', 'no usage')
    """
    if usage is None:
        return "no usage"
    kind = "" if usage.kind == "exact" else f" ({usage.kind})"
    return f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out{kind}"
