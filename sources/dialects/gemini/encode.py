"""Tokens to chunks of a generateContent answer: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, MalformedEvent
from ....streams.tokens import (
    Citation,
    Finish,
    FinishReason,
    Logprobs,
    Raw,
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
from ...shape import object_of, text_of
from .candidate import is_own
from .decode import FINISH_REASONS

__all__ = ["GeminiArrayEncoder", "GeminiEncoder"]

REASONS: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "MALFORMED_RESPONSE",
    "other": "OTHER",
}
RAW: Final = {
    "": ("promptFeedback", "turnToken"),
    "candidate": ("finishMessage", "groundingMetadata", "safetyRatings", "urlContextMetadata"),
    "part": ("codeExecutionResult", "executableCode", "fileData", "functionResponse", "inlineData"),
}
MAX_ARGUMENTS: Final = 16 << 20


class OpenCall:
    """A call whose arguments are coming in; Gemini tells a call at once."""

    __slots__ = ("arguments", "size", "start")

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.arguments: list[str] = []
        self.size = 0


class GeminiEncoder:
    """Write one answer as Gemini does with ``alt=sse``. A transducer.

    Calls are told whole when they end, and a signature with the text that it precedes. Usage goes into the last chunk.

    Raises:
        MalformedEvent: From ``feed``, for a call whose arguments are no JSON object, the only kind Gemini has.
    """

    def __init__(self, asked: Json) -> None:
        self._head: Json = {"modelVersion": text_of(asked.get("model")), "responseId": ""}
        self._usage: Json | None = None
        self._calls: dict[tuple[int, int], OpenCall] = {}
        self._signature: ReasoningSignature | None = None
        self._thought: tuple[int, int] | None = None  # choice and index, while it may still be signed

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        for chunk in self._chunks(token):
            yield b"data: " + codec.dumps(chunk) + b"\r\n\r\n"

    def close(self) -> Iterator[bytes]:
        return iter(())

    def _chunks(self, token: StreamToken) -> Iterator[Json]:
        yield from self._flush(token)
        match token:
            case ResponseStart():
                self._head = {"modelVersion": token.model, "responseId": token.id}
            case TextDelta(text):
                yield self._part(token.choice, {"text": text, **self._signed()})
            case RefusalDelta(text):
                yield self._part(token.choice, {"text": text})
            case ReasoningDelta(text):
                yield self._part(token.choice, {"text": text, "thought": True})
            case ReasoningSignature():
                self._signature = token if token.kind == "thought_signature" else None
            case ToolCallStart():
                self._calls[token.choice, token.index] = OpenCall(token)
            case ToolCallDelta():
                self._write(token)
            case ToolCallEnd():
                call = self._calls.pop((token.choice, token.index), None)
                if call is not None:
                    yield self._part(token.choice, render_call(call))
            case Citation():
                yield self._candidate(token.choice, render_citation(token))
            case Logprobs():
                yield self._candidate(token.choice, {"logprobsResult": render_logprobs(token)})
            case Usage():
                self._usage = render_usage(token)
            case Raw():
                yield from self._raw(token)
            case Finish():
                yield self._finish(token)
            case _:
                pass
        if isinstance(token, ReasoningDelta):
            self._thought = token.choice, token.index
        elif not isinstance(token, ReasoningSignature):
            self._thought = None

    def _flush(self, token: StreamToken) -> Iterator[Json]:
        """A signature waits for the text that it may stand before; by any other token it is told to be alone."""
        held = self._signature
        if held is None:
            return
        thought = self._thought == (held.choice, held.index)
        match token:
            case TextDelta(_, held.index, held.choice) if not thought:
                return
            case _:
                pass
        self._signature = None
        part: Json = {"text": "", "thoughtSignature": held.signature}
        yield self._part(held.choice, {**part, "thought": True} if thought else part)

    def _signed(self) -> Json:
        held, self._signature = self._signature, None
        return {"thoughtSignature": held.signature} if held is not None else {}

    def _write(self, token: ToolCallDelta) -> None:
        call = self._calls.get((token.choice, token.index))
        if call is not None:
            call.arguments.append(token.arguments)
            call.size += len(token.arguments)
            if call.size > MAX_ARGUMENTS:
                raise LimitExceeded("max_arguments", MAX_ARGUMENTS)

    def _raw(self, token: Raw) -> Iterator[Json]:
        """What Gemini itself said goes out again; what others said has no place."""
        place, _, name = token.name.rpartition(".")
        if name not in RAW.get(place, ()):
            return
        if place == "part":
            yield self._part(token.choice, {name: token.data})
        elif place == "candidate":
            yield self._candidate(token.choice, {name: without_chunks(name, token.data)})
        else:
            yield {**self._head, name: token.data}

    def _finish(self, token: Finish) -> Json:
        said = token.raw_reason or ""
        reason = said if said in FINISH_REASONS else REASONS[token.reason]
        chunk = self._candidate(token.choice, {"finishReason": reason})
        return {**chunk, "usageMetadata": self._usage} if self._usage else chunk

    def _part(self, choice: int, part: Json) -> Json:
        return self._candidate(choice, {"content": {"parts": [part], "role": "model"}})

    def _candidate(self, choice: int, said: Json) -> Json:
        return {"candidates": [{**said, "index": choice}], **self._head}


class GeminiArrayEncoder:
    """Write one answer as Gemini does without ``alt=sse``: as one JSON array. A transducer."""

    def __init__(self, asked: Json) -> None:
        self._events = GeminiEncoder(asked)
        self._begun = False

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        for event in self._events.feed(token):
            yield (b",\r\n" if self._begun else b"[") + event.removeprefix(b"data: ").removesuffix(b"\r\n\r\n")
            self._begun = True

    def close(self) -> Iterator[bytes]:
        yield b"\n]" if self._begun else b"[]"


def render_call(call: OpenCall) -> Json:
    start, text = call.start, "".join(call.arguments)
    function: Json = {"name": start.name}
    if text.strip():
        arguments: Any = codec.loads(text)
        if not isinstance(arguments, dict):
            raise MalformedEvent("the arguments of a call are no JSON object, and Gemini has no other kind")
        function["args"] = arguments
    if start.id and not is_own(start.id):
        function["id"] = start.id
    return {"functionCall": function, **({"thoughtSignature": start.signature} if start.signature else {})}


def render_citation(citation: Citation) -> Json:
    raw = citation.raw or {}
    if any(isinstance(value, dict) for value in raw.values()):
        known = object_of(next(iter(raw.values()))).get("uri") == citation.url
        if known:
            return {"groundingMetadata": {"groundingChunks": [raw]}}
    source = raw if raw.get("uri") == citation.url else {"uri": citation.url or "", "title": citation.title or ""}
    return {"citationMetadata": {"citationSources": [source]}}


def render_logprobs(logprobs: Logprobs) -> Json:
    return {
        "chosenCandidates": [{"token": one.token, "logProbability": one.logprob} for one in logprobs.content],
        "topCandidates": [
            {"candidates": [{"token": token, "logProbability": logprob} for token, logprob in one.top]}
            for one in logprobs.content
        ],
    }


def without_chunks(name: str, data: Any) -> Any:
    """Grounding without its sources, which go out as citations."""
    grounding = object_of(data) if name == "groundingMetadata" else {}
    return {key: value for key, value in grounding.items() if key != "groundingChunks"} if grounding else data


def render_usage(usage: Usage) -> Json:
    if usage.raw is not None and "promptTokenCount" in usage.raw:
        return usage.raw
    counts = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(usage.output_tokens - usage.reasoning_output_tokens, 0),
        "thoughtsTokenCount": usage.reasoning_output_tokens,
        "cachedContentTokenCount": usage.cache_read_input_tokens,
    }
    said = {name: count for name, count in counts.items() if count}
    return {**said, "totalTokenCount": usage.input_tokens + usage.output_tokens}
