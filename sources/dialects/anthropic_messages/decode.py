"""The events of a Messages stream to tokens.

https://platform.claude.com/docs/en/build-with-claude/streaming

Events are told apart by the ``type`` in their JSON, so proxies that strip the ``event:`` line do no harm. There are
two ways through: :meth:`MessagesDecoder.feed` takes any event, :meth:`MessagesDecoder.feed_batch` only plain deltas,
typed, several times as fast. Both give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ....streams import codec
from ....streams.burst import Burst
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, StreamTruncated
from ....streams.text_run import TextRun
from ....streams.tokens import (
    Finish,
    FinishReason,
    Raw,
    ReasoningDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageKind,
)
from ...partly import Partly
from ...shape import count_of, object_of, text_of
from ...template import Learner
from .blocks import CallBlock, OpaqueBlock, TextBlock, ThinkingBlock, parse_citation
from .errors import in_stream_error
from .plain import FastInput, FastText, FastThinking, Said, decode_fast, look
from .usage import merged, parse_usage

__all__ = ["FINISH_REASONS", "MessagesDecoder"]

# https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    # The vendor's own clients treat a refusal, also that of a classifier in mid-answer, as an end, not as an error.
    "refusal": "content_filter",
    # The turn is not over: hand the reply back as it is, and it goes on.
    "pause_turn": "other",
    "compaction": "other",
}
MAX_BLOCKS: Final = 4096
MAX_SAID: Final = 64
KNOWN_EVENT: Final = frozenset("type index delta content_block message usage".split())
KNOWN_MESSAGE: Final = frozenset("id type role model content stop_reason stop_sequence usage".split())
KNOWN_MESSAGE_DELTA: Final = frozenset(("stop_reason",))
KNOWN_BLOCK: Final = frozenset("type text citations thinking signature data id name input caller toolset_name".split())
Block: TypeAlias = TextBlock | ThinkingBlock | CallBlock | OpaqueBlock


class MessagesDecoder(Partly):
    """Decode the payloads of one answer. A transducer.

    ``message_stop`` ends it; so does a connection that closes after the stop reason was told. Without either the
    answer was cut.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self.ended = False
        self._reason: str | None = None
        self._usage: Json = {}
        self._blocks: dict[int, Block] = {}
        self._begun = 0
        self._calls = 0
        self._said: dict[str, Any] = {}
        self._learner: Learner[Said] | None = None

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        self._kept = None
        if self.ended:
            return
        if payload.strip() == b"[DONE]":  # gateways add it
            if self._reason:
                yield from self._finish()
            return
        yield from self._event(codec.loads_object(payload))

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if self.ended:
            return None
        if type(payloads) is Burst and (alike := self._alike(payloads)) is not None:
            return alike
        tokens: list[StreamToken] = []
        blocks, rest = self._blocks, iter(payloads)
        try:
            for payload in rest:
                event = decode_fast(payload)
                delta, index = event.delta, event.index
                block = blocks.get(index)
                if type(delta) is FastText and type(block) is TextBlock:
                    if delta.text:
                        tokens.append(TextDelta(delta.text, index))
                elif type(delta) is FastThinking and type(block) is ThinkingBlock:
                    if delta.thinking:
                        tokens.append(ReasoningDelta(delta.thinking, index))
                elif type(delta) is FastInput and type(block) is CallBlock and not block.given:
                    if delta.partial_json:
                        tokens.append(ToolCallDelta(delta.partial_json, block.number))
                else:
                    break
            else:
                return tokens
        except codec.UNREADABLE:
            pass
        return self._keep(payloads, tokens, len(payloads) - 1 - len([*rest]))

    def _alike(self, payloads: Sequence[bytes]) -> Sequence[StreamToken] | None:
        """The tokens of many deltas that differ in what they say alone."""
        if self._going_on:
            return None
        if self._learner is None:
            self._learner = Learner(look)
        alike = self._learner.texts(payloads)
        if alike is None:
            return None
        (kind, index), texts = alike
        block = self._blocks.get(index)
        if kind is TextDelta and type(block) is TextBlock:
            return TextRun.of(texts, index, 0)
        if kind is ReasoningDelta and type(block) is ThinkingBlock:
            return [ReasoningDelta(text, index) for text in texts if text]
        if kind is ToolCallDelta and type(block) is CallBlock and not block.given:
            return [ToolCallDelta(text, block.number) for text in texts if text]
        return None

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            if not self._reason:
                raise StreamTruncated
            yield from self._finish()

    def _event(self, event: Json) -> Iterator[StreamToken]:
        kind = text_of(event.get("type"))
        match kind:
            case "ping":
                return
            case "message_start":
                yield from self._message(object_of(event.get("message")))
            case "content_block_start":
                yield from self._begin(count_of(event.get("index")), object_of(event.get("content_block")))
            case "content_block_delta":
                yield from self._delta(count_of(event.get("index")), object_of(event.get("delta")), event)
            case "content_block_stop":
                yield from self._end(count_of(event.get("index")))
            case "message_delta":
                yield from self._message_delta(object_of(event.get("delta")), object_of(event.get("usage")))
            case "message_stop":
                yield from self._start("", "")
            case _:
                if kind == "error" or event.get("error"):
                    raise in_stream_error(event)
                yield from self._start("", "")
                yield Raw(kind or "message", event)
                return
        yield from self._unknown(event, KNOWN_EVENT, "" if kind.startswith("message_") else f"{kind}.")
        if kind == "message_stop":
            yield from self._finish()

    def _start(self, id: str, model: str) -> Iterator[StreamToken]:
        if not self._started:
            self._started = True
            yield ResponseStart(id, model)

    def _message(self, message: Json) -> Iterator[StreamToken]:
        yield from self._start(text_of(message.get("id")), text_of(message.get("model")))
        self._reason = text_of(message.get("stop_reason")) or self._reason
        yield from self._count(object_of(message.get("usage")), "partial")
        yield from self._unknown(message, KNOWN_MESSAGE, "message.")

    def _message_delta(self, delta: Json, usage: Json) -> Iterator[StreamToken]:
        yield from self._start("", "")
        self._reason = text_of(delta.get("stop_reason")) or self._reason
        yield from self._count(usage, "exact")
        yield from self._unknown(delta, KNOWN_MESSAGE_DELTA, "delta.")

    def _count(self, usage: Json, kind: UsageKind) -> Iterator[Usage]:
        self._usage = merged(self._usage, usage)
        told = parse_usage(self._usage, kind)
        if usage and (told.input_tokens or (told.output_tokens and kind == "exact")):
            yield told  # some gateways begin with zeros: they tell nothing

    def _begin(self, index: int, block: Json) -> Iterator[StreamToken]:
        yield from self._start("", "")
        yield from self._end(index)
        self._begun += 1
        if self._begun > MAX_BLOCKS:
            raise LimitExceeded("max_blocks", MAX_BLOCKS)
        opened = self._blocks[index] = self._opened(index, block)
        yield from opened.begin(block)
        if type(opened) is not OpaqueBlock:
            yield from self._unknown(block, KNOWN_BLOCK, "content_block.")

    def _opened(self, index: int, block: Json) -> Block:
        match block.get("type"):
            case "text":
                return TextBlock(index)
            case "thinking" | "redacted_thinking":
                return ThinkingBlock(index)
            case "tool_use":
                self._calls += 1
                return CallBlock(self._calls - 1)
            case _:
                return OpaqueBlock(index)

    def _delta(self, index: int, delta: Json, event: Json) -> Iterator[StreamToken]:
        yield from self._start("", "")
        block = self._blocks.get(index)
        match delta:
            case _ if type(block) is OpaqueBlock:
                block.absorb(delta)
            case {"type": "text_delta", "text": str(text)}:
                if text:
                    yield TextDelta(text, index)
            case {"type": "thinking_delta", "thinking": str(text)}:
                if text:
                    yield ReasoningDelta(text, index)
            case {"type": "signature_delta", "signature": str(signature)} if type(block) is ThinkingBlock:
                block.signature = signature
            case {"type": "citations_delta", "citation": dict()}:
                yield parse_citation(object_of(delta["citation"]), index)
            case {"type": "input_json_delta", "partial_json": str(text)} if type(block) is CallBlock:
                if text:
                    block.given = {}
                    yield ToolCallDelta(text, block.number)
            case _:
                yield Raw("content_block_delta", event)

    def _end(self, index: int) -> Iterator[StreamToken]:
        block = self._blocks.pop(index, None)
        if block is not None:
            yield from block.end()

    def _unknown(self, holder: Json, known: frozenset[str], prefix: str) -> Iterator[Raw]:
        if holder.keys() <= known:
            return
        for name, value in holder.items():
            path = prefix + name
            if name in known or value is None or self._said.get(path) == value:
                continue
            if len(self._said) < MAX_SAID:
                self._said[path] = value
            yield Raw(path, value)

    def _finish(self) -> Iterator[StreamToken]:
        self.ended = True
        for index in list(self._blocks):
            yield from self._end(index)
        yield Finish(FINISH_REASONS.get(self._reason or "", "other"), self._reason)
