"""Anthropic's retired text completions, for the models that still take them, such as Claude 2 on Amazon Bedrock.

The conversation is one text of ``Human:`` and ``Assistant:`` turns; there are no tools, images or documents.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-text-completion.html

Amazon takes the model in the address: ``replace(ANTHROPIC_TEXT, render=render_for_bedrock)``, with Amazon's frames.
Its last event counts the tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Raw as JsonRaw, Struct

from ...streams import codec
from ...streams.codec import Json
from ...streams.errors import StreamTruncated
from ...streams.parts import ReasoningPart, RefusalPart, Text
from ...streams.request import CompletionRequest, Message
from ...streams.sse import SsePayloads
from ...streams.tokens import Finish, FinishReason, Raw, ResponseStart, StreamToken, TextDelta, Usage
from ..dialect import Dialect
from ..rate_limits import anthropic_rate_limits
from ..shape import count_of, object_of, text_of
from .anthropic_messages.errors import encode_error, in_stream_error, refuse

__all__ = ["ANTHROPIC_TEXT", "render_for_bedrock"]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {"stop_sequence": "stop", "max_tokens": "length"}
STOP_REASONS: Final[Mapping[FinishReason, str]] = {"length": "max_tokens"}
MAX_TOKENS: Final = 4_096
HUMAN: Final = "\n\nHuman:"
ASSISTANT: Final = "\n\nAssistant:"
TURN: Final = re.compile(r"\n\n(Human|Assistant): ?")
METRICS: Final = "amazon-bedrock-invocationMetrics"
KNOWN: Final = frozenset(("type", "id", "completion", "model", "stop_reason", "stop", "log_id", METRICS))
ASKED: Final = frozenset(
    "model prompt max_tokens_to_sample temperature top_p top_k stop_sequences metadata stream".split()
)


def render(request: CompletionRequest) -> Json:
    """The request as a prompt. Without ``max_tokens``, which the vendor wants, it is 4,096.

    Raises:
        ValueError: For whatever is neither text nor sampling, and for a text that holds the mark of a turn, which
            would let its author speak as somebody else.
    """
    refuse_what_has_no_place(request)
    body: Json = {
        "model": request.model,
        "prompt": prompt_of(request),
        "max_tokens_to_sample": request.max_tokens or MAX_TOKENS,
    }
    optional: Json = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": list(request.stop) or None,
        "metadata": {"user_id": request.user} if request.user else None,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    return {**body, "stream": True}


def render_for_bedrock(request: CompletionRequest) -> Json:
    """The body for Amazon Bedrock's InvokeModelWithResponseStream.

    Raises:
        ValueError: As :func:`render` does, and for a user.
    """
    if request.user is not None:
        raise ValueError("anthropic_text cannot take user on Amazon Bedrock: leave it out")
    body = render(request)
    return {name: value for name, value in body.items() if name not in ("model", "stream")}


def refuse_what_has_no_place(request: CompletionRequest) -> None:
    for name, given in {
        "tools": bool(request.tools),
        "response_format": request.response_format is not None,
        "reasoning": request.reasoning is not None,
        "metadata": bool(request.metadata),
        "frequency_penalty": request.frequency_penalty is not None,
        "presence_penalty": request.presence_penalty is not None,
        "seed": request.seed is not None,
        "logprobs": request.logprobs,
        "choice_count above 1": request.choice_count > 1,
    }.items():
        if given:
            raise ValueError(f"anthropic_text cannot take {name}: leave it out, or use a model that speaks Messages")


def prompt_of(request: CompletionRequest) -> str:
    """The turns, and the mark after which the model goes on; an assistant's turn at the end is what it goes on from."""
    turns = request.turns
    prompt = "".join(turn_of(message) for message in turns)
    return prompt if turns[-1].role == "assistant" else prompt + ASSISTANT


def turn_of(message: Message) -> str:
    text = "".join(text_in(part) for part in message.parts)
    if TURN.search(text):
        raise ValueError("anthropic_text cannot take a text that holds the mark of a turn, such as '\\n\\nHuman:'")
    match message.role:
        case "system":
            return text
        case "user":
            return f"{HUMAN} {text}"
        case _:
            return f"{ASSISTANT} {text}"


def text_in(part: Any) -> str:
    match part:
        case Text() | RefusalPart():
            return part.text
        case ReasoningPart():
            return ""
        case _:
            raise ValueError(
                f"anthropic_text cannot take {type(part).__name__}: it takes text, or use a model that speaks Messages"
            )


def parse(body: Json) -> CompletionRequest:
    """What was asked; fields of no known meaning are kept in ``extra``.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    pieces = TURN.split(text_of(body.get("prompt")))
    if len(pieces) < 3:
        raise ValueError("prompt must hold turns that begin with '\\n\\nHuman:' and '\\n\\nAssistant:'")
    turns = [Message("system", pieces[0])] if pieces[0] else []
    for role, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if text:
            turns.append(Message("user" if role == "Human" else "assistant", text))
    try:
        return CompletionRequest(
            model=body.get("model") or "",
            messages=tuple(turns),
            max_tokens=body.get("max_tokens_to_sample"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            top_k=body.get("top_k"),
            stop=body.get("stop_sequences") or (),
            user=object_of(body.get("metadata")).get("user_id"),
            extra={name: value for name, value in body.items() if name not in ASKED},
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a text completion request: {type(error).__name__}") from error


class FastCompletion(Struct, gc=False, forbid_unknown_fields=True):
    """An event that says nothing but text. Every other shape fails to decode, and goes the general way."""

    completion: str
    type: Literal["", "completion"] = ""
    stop_reason: Literal[""] | None = None
    stop: Literal[""] | None = None
    id: JsonRaw = JsonRaw()
    log_id: JsonRaw = JsonRaw()
    model: JsonRaw = JsonRaw()


decode_fast = codec.typed_decoder(FastCompletion).decode


class CompletionDecoder:
    """Decode ``completion`` events. A transducer; the stop reason is the end mark."""

    def __init__(self) -> None:
        self._started = False
        self._reason: str | None = None
        self.ended = False

    def feed(self, payload: bytes, /) -> Iterator[StreamToken]:
        if self.ended or payload.strip() == b"[DONE]":
            return
        event = codec.loads_object(payload)
        kind = text_of(event.get("type"))
        if kind == "error" or event.get("error"):
            raise in_stream_error(event)
        if kind == "ping":
            return
        if not self._started:
            self._started = True
            yield ResponseStart(text_of(event.get("id")) or text_of(event.get("log_id")), text_of(event.get("model")))
        if kind not in ("", "completion"):
            yield Raw(kind, event)
            return
        yield from self._completion(event)

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        try:
            return [TextDelta(text) for payload in payloads if (text := decode_fast(payload).completion)]
        except codec.UNREADABLE:
            return None

    def close(self) -> Iterator[StreamToken]:
        if not self.ended:
            raise StreamTruncated
        return iter(())

    def _completion(self, event: Json) -> Iterator[StreamToken]:
        if text := text_of(event.get("completion")):
            yield TextDelta(text)
        if stop := text_of(event.get("stop")):
            yield Raw("stop", stop)
        for name in sorted(event.keys() - KNOWN):
            yield Raw(name, event[name])
        if metrics := object_of(event.get(METRICS)):
            read, written = count_of(metrics.get("inputTokenCount")), count_of(metrics.get("outputTokenCount"))
            yield Usage(read, written, raw=metrics)
        if reason := text_of(event.get("stop_reason")):
            self.ended = True
            yield Finish(FINISH_REASONS.get(reason, "other"), reason)


class CompletionEncoder:
    """Write one answer as the vendor does: text only. A transducer."""

    def __init__(self, asked: Json) -> None:
        self._id = ""
        self._model = text_of(asked.get("model"))
        self._last: Json = {}

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        match token:
            case ResponseStart():
                self._id, self._model = token.id, token.model
            case TextDelta(choice=0):
                yield self._event(token.text)
            case Raw("stop", str(stop)):
                self._last["stop"] = stop
            case Usage(raw=dict(raw)) if "inputTokenCount" in raw:
                self._last[METRICS] = raw
            case Usage():
                counts = {"inputTokenCount": token.input_tokens, "outputTokenCount": token.output_tokens}
                self._last[METRICS] = counts
            case Finish(choice=0):
                raw = token.raw_reason
                told = raw if raw and FINISH_REASONS.get(raw, "other") == token.reason else None
                yield self._event("", stop_reason=told or STOP_REASONS.get(token.reason, "stop_sequence"), **self._last)
            case _:
                pass

    def close(self) -> Iterator[bytes]:
        return iter(())

    def _event(self, text: str, **fields: Any) -> bytes:
        empty: Json = {"stop_reason": None, "model": self._model, "stop": None}
        event: Json = {"type": "completion", "id": self._id, "completion": text, **empty, **fields}
        return b"event: completion\ndata: " + codec.dumps(event) + b"\n\n"


ANTHROPIC_TEXT: Final = Dialect(
    name="anthropic_text",
    render=render,
    framer=SsePayloads,
    decoder=CompletionDecoder,
    refuse=refuse,
    parse=parse,
    encode=CompletionEncoder,
    encode_error=encode_error,
    request_id_headers=("request-id", "x-request-id"),
    rate_limits=anthropic_rate_limits,
)
