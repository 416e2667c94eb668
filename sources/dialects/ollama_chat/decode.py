"""Lines of Ollama's chat to tokens. The line that says ``done`` is the last; without one the answer was cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Raw as JsonRaw, Struct

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.tokens import (
    Finish,
    FinishReason,
    Raw,
    ReasoningDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from ...shape import count_of, object_of, objects_of, text_of
from ..openai_chat.errors import in_stream_error
from ..openai_chat.pieces import parse_logprobs

__all__ = ["COUNTS", "FINISH_REASONS", "OllamaDecoder"]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "load": "other",
    "unload": "other",
}
COUNTS: Final = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
KNOWN_LINE: Final = frozenset(("model", "created_at", "message", "done", "done_reason", "logprobs", "error", *COUNTS))
KNOWN_MESSAGE: Final = frozenset("role content thinking tool_calls tool_name images".split())
MAX_TOOL_CALLS: Final = 1024


class FastMessage(Struct, gc=False, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    thinking: str = ""


class FastLine(Struct, gc=False, forbid_unknown_fields=True):
    """A line that says nothing but text or thoughts. Every other shape fails to decode, and goes the general way."""

    message: FastMessage
    done: bool
    model: JsonRaw = JsonRaw()
    created_at: JsonRaw = JsonRaw()


decode_fast = codec.typed_decoder(FastLine).decode


class OllamaDecoder:
    """Decode the lines of one answer. A transducer.

    Calls come whole, with their arguments as an object; where the server gives a call no id, it gets one made of
    the line's time, since results are told apart by it.
    """

    def __init__(self) -> None:
        self._started = False
        self.ended = False
        self._calls = 0

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self.ended:
            return
        line = codec.loads_object(payload)
        if line.get("error"):
            raise in_stream_error(line)
        if not self._started:
            self._started = True
            yield ResponseStart("", text_of(line.get("model")))
        yield from self._message(object_of(line.get("message")), text_of(line.get("created_at")))
        if logprobs := parse_logprobs({"content": line.get("logprobs")}, 0):
            yield logprobs
        for name in sorted(line.keys() - KNOWN_LINE):
            yield Raw(name, line[name])
        if line.get("done") is True:
            yield from self._finish(line)

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        tokens: list[StreamToken] = []
        try:
            for payload in payloads:
                line = decode_fast(payload)
                if line.done:
                    return None
                if thinking := line.message.thinking:
                    tokens.append(ReasoningDelta(thinking))
                if text := line.message.content:
                    tokens.append(TextDelta(text))
        except codec.UNREADABLE:
            return None
        return tokens

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            raise StreamTruncated
        return iter(())

    def _message(self, message: Json, created_at: str) -> Iterator[StreamToken]:
        if thinking := text_of(message.get("thinking")):
            yield ReasoningDelta(thinking)
        if text := text_of(message.get("content")):
            yield TextDelta(text)
        for call in objects_of(message.get("tool_calls")):
            yield from self._call(call, created_at)
        for name in sorted(message.keys() - KNOWN_MESSAGE):
            yield Raw(f"message.{name}", message[name])

    def _call(self, call: Json, created_at: str) -> Iterator[StreamToken]:
        if self._calls >= MAX_TOOL_CALLS:
            raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
        number, function = self._calls, object_of(call.get("function"))
        self._calls += 1
        time = "".join(character for character in created_at if character.isalnum())
        yield ToolCallStart(text_of(call.get("id")) or f"call_{time}_{number}", text_of(function.get("name")), number)
        arguments = function.get("arguments")
        if arguments is not None:
            text = arguments if isinstance(arguments, str) else codec.dumps(arguments).decode()
            if text:
                yield ToolCallDelta(text, number)
        yield ToolCallEnd(number)

    def _finish(self, line: Json) -> Iterator[StreamToken]:
        self.ended = True
        counts = {name: line[name] for name in COUNTS if name in line}
        if counts:
            yield Usage(count_of(line.get("prompt_eval_count")), count_of(line.get("eval_count")), raw=counts)
        word = text_of(line.get("done_reason")) or None
        reason = FINISH_REASONS.get(word or "", "other")
        # Ollama says "stop" also when the model waits for a tool.
        yield Finish("tool_calls" if reason == "stop" and self._calls else reason, word)
