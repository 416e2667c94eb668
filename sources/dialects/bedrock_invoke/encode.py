"""Tokens to the messages of an InvokeModelWithResponseStream answer: the server's side of :mod:`.decode`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import Overloaded
from ....streams.sse import SsePayloads
from ....streams.tokens import Finish, FinishReason, RefusalDelta, StreamToken, TextDelta, Usage
from ...dialect import Encoder
from ..anthropic_messages.encode import MessagesEncoder
from ..anthropic_text import CompletionEncoder
from ..bedrock_converse.encode import ConverseWriter, event_message
from ..bedrock_converse.errors import encode_exception
from ..openai_chat.encode import ChatEncoder
from .decode import METRICS
from .native import NATIVE, Native
from .shapes import family_asked

__all__ = ["InvokeEncoder"]

LEFT_OUT: Final = (b"[DONE]", b'{"type":"ping"}')


class Writer(Protocol):
    """What writes the chunks of one shape."""

    def feed(self, token: StreamToken, /) -> Iterator[Json]: ...

    def close(self) -> Iterator[Json]: ...


class InvokeEncoder:
    """Write one answer as the model that was asked does, in the frames of an AWS event stream. A transducer.

    The last chunk carries Amazon's counts, as its own does.
    """

    def __init__(self, asked: Json) -> None:
        self._writer: Writer = writer_for(asked)
        self._held: Json | None = None
        self._usage: Usage | None = None

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if isinstance(token, Finish) and token.reason == "error" and token.raw_reason is None:
            yield from self._flush()
            yield encode_exception(Overloaded("The model broke off with an error.", kind="modelStreamErrorException"))
            return
        if isinstance(token, Usage):
            self._usage = token
        yield from self._chunks(self._writer.feed(token))

    def close(self) -> Iterator[bytes]:
        yield from self._chunks(self._writer.close())
        if self._held is not None and self._usage is not None and METRICS not in self._held:
            self._held = {**self._held, METRICS: render_metrics(self._usage)}
        yield from self._flush()

    def _chunks(self, chunks: Iterator[Json]) -> Iterator[bytes]:
        for chunk in chunks:
            yield from self._flush()
            self._held = chunk

    def _flush(self) -> Iterator[bytes]:
        if self._held is not None:
            yield event_message("chunk", {"bytes": base64.b64encode(codec.dumps(self._held)).decode()})
            self._held = None


def render_metrics(usage: Usage) -> Json:
    if usage.raw is not None and "inputTokenCount" in usage.raw:
        return usage.raw
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    metrics: Json = {
        "inputTokenCount": max(0, usage.input_tokens - read - written),
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": 0,
        "firstByteLatency": 0,
    }
    if read or written:
        metrics |= {"cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": written}
    return metrics


def writer_for(asked: Json) -> Writer:
    family = family_asked(asked)
    encoders: dict[str, Callable[[Json], Encoder]] = {
        "anthropic": MessagesEncoder,
        "anthropic_text": CompletionEncoder,
        "openai": ChatEncoder,
    }
    if family == "nova":
        return ConverseObjects()
    if family in encoders:
        return Unframed(encoders[family](asked))
    return NativeWriter(NATIVE[family])


class Unframed:
    """The payloads of an encoder that writes server-sent events, without the pings and the mark at the end."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._framer = SsePayloads()

    def feed(self, token: StreamToken, /) -> Iterator[Json]:
        for event in self._encoder.feed(token):
            yield from self._payloads(event)

    def close(self) -> Iterator[Json]:
        for event in self._encoder.close():
            yield from self._payloads(event)

    def _payloads(self, event: bytes) -> Iterator[Json]:
        for payload in self._framer.feed(event):
            if payload not in LEFT_OUT:
                yield codec.loads_object(payload)


class ConverseObjects:
    """Nova's chunks: Converse's events, each in an object under its name."""

    def __init__(self) -> None:
        self._events = ConverseWriter()

    def feed(self, token: StreamToken, /) -> Iterator[Json]:
        for name, data in self._events.feed(token):
            yield {name: data}

    def close(self) -> Iterator[Json]:
        return iter(())


class NativeWriter:
    """Chunks of text in one of the models' own shapes; the last says why it stopped."""

    def __init__(self, shape: Native) -> None:
        self._shape = shape

    def feed(self, token: StreamToken, /) -> Iterator[Json]:
        match token:
            case TextDelta(text, choice=0) | RefusalDelta(text, choice=0):
                yield self._shape.write(text, None)
            case Finish(choice=0):
                yield self._shape.write("", self._word(token.reason, token.raw_reason))
            case _:
                pass

    def close(self) -> Iterator[Json]:
        return iter(())

    def _word(self, reason: FinishReason, raw: str | None) -> str:
        if raw is not None and self._shape.reasons.get(raw, "other") == reason:
            return raw
        return self._shape.word_for(reason)
