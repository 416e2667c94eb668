"""Tokens to response events: the server's side of :mod:`.decode`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.tokens import (
    Citation,
    Finish,
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
from ..openai_chat.encode import render_logprobs
from .written import Event, WrittenCall, WrittenMessage, WrittenReasoning

__all__ = ["ResponsesEncoder"]

# What a response says of its request, and what it says when the request said nothing.
DEFAULTS: Final[Json] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesEncoder:
    """Write one answer as the vendor does, given the body of its request. A transducer.

    Each run of text, of reasoning, and each call becomes an item; the last event holds them all. Without a
    :class:`.Finish` there is no last event: whoever reads sees that the answer broke off.
    """

    def __init__(self, asked: Json, *, created: int = 0) -> None:
        known = {name: value if asked.get(name) is None else asked[name] for name, value in DEFAULTS.items()}
        self._response: Json = {
            "id": "",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": asked.get("model") or "",
            "output": [],
            "usage": None,
            **known,
        }
        self._sequence = 0
        self._output: list[Json] = []
        self._speaking: WrittenMessage | WrittenReasoning | None = None
        self._calls: dict[int, WrittenCall] = {}
        self._hosted: dict[Any, int] = {}
        self._finish: Finish | None = None

    def feed(self, token: StreamToken, /) -> Iterator[bytes]:
        if getattr(token, "choice", 0) == 0:  # a response has one answer
            yield from map(self._numbered, self._events(token))

    def close(self) -> Iterator[bytes]:
        yield from map(self._numbered, self._hush())
        for call in self._calls.values():
            yield from map(self._numbered, call.end())
        if self._finish is not None:
            yield self._numbered(self._last(self._finish))

    def _events(self, token: StreamToken) -> Iterator[Event]:
        match token:
            case ResponseStart():
                self._response |= {"id": token.id, "model": token.model}
                yield "response.created", {"response": self._response}
                yield "response.in_progress", {"response": self._response}
            case TextDelta(text, index):
                yield from self._message(index)
                yield from self._told().text(text)
            case RefusalDelta(text, index):
                yield from self._message(index)
                yield from self._told().refusal(text)
            case Logprobs():
                yield from self._message(None)
                yield from self._told().text("", render_logprobs(token))
            case Citation(index=index):
                yield from self._message(index)
                yield from self._told().cite(token)
            case ReasoningDelta() | ReasoningSignature(kind="id" | "encrypted" | "signature"):
                yield from self._reasoning(token)
            case ToolCallStart():
                yield from self._hush()
                call = self._calls[token.index] = WrittenCall(self._place(), self._name("fc"), token)
                yield from call.begin()
                self._output[call.place] = call.item
            case ToolCallDelta():
                if token.index in self._calls:
                    yield from self._calls[token.index].arguments(token.arguments)
            case ToolCallEnd():
                if token.index in self._calls:
                    yield from self._calls.pop(token.index).end()
            case Usage():
                self._response["usage"] = render_usage(token)
            case Finish():
                self._finish = token
            case Raw():
                yield from self._raw(token)
            case _:
                pass

    def _told(self) -> WrittenMessage:
        assert isinstance(self._speaking, WrittenMessage)
        return self._speaking

    def _message(self, index: int | None, given: Json | None = None) -> Iterator[Event]:
        speaking = self._speaking
        if isinstance(speaking, WrittenMessage) and given is None and index in (None, speaking.index):
            return
        yield from self._hush()
        place = self._place()
        self._speaking = WrittenMessage(place, self._name("msg"), place if index is None else index, given or {})
        self._output[place] = self._speaking.item
        yield from self._speaking.begin()

    def _reasoning(self, token: ReasoningDelta | ReasoningSignature) -> Iterator[Event]:
        signature = token if isinstance(token, ReasoningSignature) else None
        given_id = signature.signature if signature and signature.kind == "id" else ""
        speaking = self._speaking
        if not isinstance(speaking, WrittenReasoning) or speaking.index != token.index or given_id:
            yield from self._hush()
            place = self._place()
            speaking = self._speaking = WrittenReasoning(place, given_id or self._name("rs"), token.index)
            self._output[place] = speaking.item
            yield from speaking.begin()
        if isinstance(token, ReasoningDelta):
            yield from speaking.text(token.text)
        else:
            speaking.sign(token)

    def _raw(self, token: Raw) -> Iterator[Event]:
        """An event of this dialect, as it came; what other dialects had to say has no place here."""
        event = object_of(token.data)
        if token.name == "content_filters":
            self._response["content_filters"] = token.data
        if event.get("type") != token.name:
            return
        fields = {name: value for name, value in event.items() if name not in ("type", "sequence_number")}
        item = object_of(event.get("item"))
        match token.name:
            case "response.output_item.added" if item.get("type") == "message":
                yield from self._message(None, item)
                return
            case "response.output_item.added":
                yield from self._hush()
                place = self._hosted[text_of(item.get("id")) or event.get("output_index")] = self._place()
                self._output[place] = item
                fields["output_index"] = place
            case "response.output_item.done":
                place = self._hosted.get(text_of(item.get("id")) or event.get("output_index"))
                if place is not None:
                    self._output[place] = item
                    fields["output_index"] = place
            case "response.reasoning_summary_part.added":
                if isinstance(self._speaking, WrittenReasoning):
                    yield from self._speaking.paragraph()
                return
            case _ if "output_index" in fields:
                fields["output_index"] = self._hosted.get(text_of(event.get("item_id")), fields["output_index"])
            case _:
                pass
        yield token.name, fields

    def _hush(self) -> Iterator[Event]:
        if self._speaking is not None:
            yield from self._speaking.end()
            self._speaking = None

    def _place(self) -> int:
        self._output.append({})
        return len(self._output) - 1

    def _name(self, prefix: str) -> str:
        """An id for the item placed last, made of the response's, so that the same tokens give the same bytes."""
        rest = self._response["id"].partition("_")[2] or self._response["id"]
        return f"{prefix}_{rest}_{len(self._output) - 1}"

    def _last(self, finish: Finish) -> Event:
        reason = INCOMPLETE.get(finish.reason)
        status = "incomplete" if reason else "failed" if finish.reason == "error" else "completed"
        self._response |= {"status": status, "output": self._output}
        if reason:
            self._response["incomplete_details"] = {"reason": reason}
        if status == "failed":
            message = f"the model stopped: {finish.raw_reason or finish.reason}"
            self._response["error"] = {"code": "server_error", "message": message}
        return f"response.{status}", {"response": self._response}

    def _numbered(self, event: Event) -> bytes:
        kind, fields = event
        body = codec.dumps({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + body + b"\n\n"


def render_usage(usage: Usage) -> Json:
    known = usage.raw or {}
    if "input_tokens" in known and "output_tokens" in known and "total_tokens" in known:
        return known
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_input_tokens,
            "cache_write_tokens": usage.cache_creation_input_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
