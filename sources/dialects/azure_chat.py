"""Chat completions as Azure OpenAI speaks them: the same format, with a content filter beside it.

https://learn.microsoft.com/azure/foundry/openai/concepts/content-streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from msgspec import Raw as JsonRaw

from ...streams import codec
from ...streams.codec import Json
from ...streams.errors import ContentBlocked, StreamError
from ...streams.tokens import Retract, StreamToken, TextDelta
from ..dialect import Dialect
from ..refusal import json_body
from ..shape import count_of, object_of, text_of
from .openai_chat import OPENAI_CHAT
from .openai_chat.decode import ChatDecoder
from .openai_chat.errors import refuse as refuse_as_openai
from .openai_chat.plain import DeltaChoice, DeltaChunk, TextChoice, TextChunk
from .openai_responses import OPENAI_RESPONSES

__all__ = ["AZURE_CHAT", "AZURE_RESPONSES", "AzureChatDecoder", "refuse"]

RESULTS: Final = "content_filter_results"
OFFSETS: Final = "content_filter_offsets"
MAX_SEEN: Final = 64


class FilteredText(TextChoice, gc=False, forbid_unknown_fields=True):
    content_filter_results: JsonRaw = JsonRaw()


class FilteredTextChunk(TextChunk, gc=False, forbid_unknown_fields=True):
    """A chunk of text with the filter's verdict. Every other shape goes the general way."""

    choices: tuple[FilteredText]  # pyright: ignore[reportIncompatibleVariableOverride]


class FilteredDelta(DeltaChoice, gc=False, forbid_unknown_fields=True):
    content_filter_results: JsonRaw = JsonRaw()


class FilteredDeltaChunk(DeltaChunk, gc=False, forbid_unknown_fields=True):
    """The same of whatever may be said piece by piece."""

    choices: tuple[FilteredDelta]  # pyright: ignore[reportIncompatibleVariableOverride]


decode_text = codec.typed_decoder(FilteredTextChunk).decode
decode_delta = codec.typed_decoder(FilteredDeltaChunk).decode


class AzureChatDecoder(ChatDecoder):
    """Decode the payloads of one answer. A transducer.

    Verdicts of the filter pass as :class:`.Raw`, each told once until it changes. With the asynchronous filter
    they come after the text, with offsets: a verdict that filters becomes a :class:`.Retract`. Azure counts
    offsets from the beginning of the prompt; the first verdict begins where the answer does, and says where.
    """

    _decode_delta = staticmethod(decode_delta)

    def __init__(self) -> None:
        super().__init__()
        self._begins: dict[int, int] = {}
        self._verdicts: dict[bytes, Json] = {}
        self._same: dict[int, bytes] = {}  # the verdict that each choice was last seen to repeat

    def feed_batch(self, payloads: Sequence[bytes], /) -> Sequence[StreamToken] | None:
        if not self._started or self.ended:
            return None
        tokens: list[StreamToken] = []
        if self._mixed:
            return self._pieces(payloads, tokens, payloads)
        rest = iter(payloads)
        payload = b""
        try:
            for payload in rest:
                choice = decode_text(payload).choices[0]
                if choice.index not in self._reasons or not self._is_judged(choice):
                    break
                if text := choice.delta.content:
                    tokens.append(TextDelta(text, 0, choice.index))
            else:
                return tokens
        except codec.UNREADABLE:
            pass
        return self._pieces(payloads, tokens, (payload, *rest))

    def _is_told(self, chunk: DeltaChunk) -> bool:
        return super()._is_told(chunk) and self._is_judged(cast(FilteredDeltaChunk, chunk).choices[0])

    def _is_judged(self, choice: FilteredText | FilteredDelta) -> bool:
        """Whether its verdict was told."""
        raw = bytes(choice.content_filter_results)
        if not raw or self._same.get(choice.index) == raw:
            return True
        if raw not in self._verdicts:
            if len(self._verdicts) >= MAX_SEEN:
                return False
            try:
                self._verdicts[raw] = object_of(codec.loads(raw))
            except StreamError:
                return False
        verdict = self._verdicts[raw]
        told = not verdict or (self._said or {}).get(("choice." + RESULTS, choice.index)) == verdict
        if told:
            self._same[choice.index] = raw
        return told

    def _choice(self, choice: Json, answer_id: str) -> Iterator[StreamToken]:
        self._same.clear()
        offsets = object_of(choice.get(OFFSETS))
        empty = (RESULTS,) if choice.get(RESULTS) == {} else ()
        told = {name: value for name, value in choice.items() if name not in (OFFSETS, *empty)}
        yield from super()._choice(told, answer_id)
        if offsets:
            yield from self._verdict(choice, offsets)

    def _verdict(self, choice: Json, offsets: Json) -> Iterator[StreamToken]:
        number = count_of(choice.get("index"))
        start, end = count_of(offsets.get("start_offset")), count_of(offsets.get("end_offset"))
        begin = self._begins.setdefault(number, start)
        reason = ", ".join(filtered_in(object_of(choice.get(RESULTS))))
        if reason and end > begin:
            yield Retract(max(0, start - begin), end - begin, reason, number)


def filtered_in(results: Json) -> Iterator[str]:
    """The categories that the filter acts on."""
    for name, verdict in results.items():
        if object_of(verdict).get("filtered") is True:
            yield name


def refuse(status: int, headers: Mapping[str, str], body: bytes) -> StreamError:
    """An answer that is not 2xx; a prompt that the filter blocks is the provider's :class:`.ContentBlocked`."""
    error = refuse_as_openai(status, headers, body)
    details = object_of(json_body(body).get("error"))
    if text_of(details.get("code")) != "content_filter":
        return error
    inner: Any = details.get("innererror") or details.get("inner_error")
    categories = ", ".join(filtered_in(object_of(object_of(inner).get("content_filter_result"))))
    message = f"{error} (filtered: {categories})" if categories else str(error)
    return ContentBlocked(message, source="provider", request_id=error.request_id)


AZURE_CHAT: Final[Dialect] = replace(OPENAI_CHAT, name="azure_chat", decoder=AzureChatDecoder, refuse=refuse)
AZURE_RESPONSES: Final[Dialect] = replace(OPENAI_RESPONSES, name="azure_responses", refuse=refuse)
