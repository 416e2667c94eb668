"""Who is bound by the contracts. A new operator or machine joins by adding one row here; all tests follow from it.

An operator's row says how to make it and what to feed it::

    "stop_at": OperatorCase(lambda: stop_at("END"), TOKENS, repeat=TextDelta("x"), takes="tokens", gives="tokens"),

Several rows for one operator are told apart behind a dot: ``filter_content.stop``. A machine's row says how to make
it, one whole input, how that may be cut, and which of its bounds is passed by what::

    "anthropic": MachineCase(lambda: Framed(ANTHROPIC_MESSAGES), WIRE, cut_bytes, ("max_event_bytes", endless_line)),
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, repeat
from typing import Any

from reactivex import Observer

from tests.contracts.case import MachineCase, OperatorCase, tokens_case
from tests.contracts.claude import CLAUDE, CLAUDE_EVENTS, endless_blocks
from tests.contracts.converse import CONVERSE, CONVERSE_CUT, CONVERSE_MESSAGES, MESSAGE, endless_tools, long_messages
from tests.contracts.google import (
    GEMINI_CHUNKS,
    GEMINI_LIST,
    GEMINI_WIRE,
    INTERACTION,
    INTERACTION_EVENTS,
    endless_candidates,
    endless_steps,
)
from tests.contracts.inputs import CHAT, PAYLOADS, SAY, SSE, TOKENS, cut_bytes, cut_texts, settled, uncut
from tests.contracts.invoke import COMPLETIONS, INVOKED
from tests.contracts.openai import (
    AZURE_PAYLOADS,
    OLLAMA,
    OLLAMA_LINES,
    RESPONSE_EVENTS,
    RESPONSES,
    endless_calls,
    endless_items,
    endless_ollama_calls,
)
from tests.contracts.resilience import RESILIENCE
from tokenrill import (
    ANTHROPIC_MESSAGES,
    AZURE_CHAT,
    BEDROCK_CONVERSE,
    BEDROCK_INVOKE,
    GEMINI,
    GEMINI_INTERACTIONS,
    OLLAMA_CHAT,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    EventStreamParser,
    NdjsonLines,
    ReplyBuilder,
    SseEvent,
    SseParser,
    SsePayloads,
    StreamTruncated,
    TextDelta,
    accumulate,
    deadline,
    decode,
    filter_content,
    parse_eventstream,
    parse_sse,
    transduce,
    watch,
)
from tokenrill.operators._filter_content import Action, ContentFilter
from tokenrill.operators._phrases import PhraseSearch
from tokenrill.sources.dialect import Dialect
from tokenrill.sources.dialects.anthropic_text import ANTHROPIC_TEXT
from tokenrill.sources.dialects.gemini.frames import GeminiFrames
from tokenrill.streams.json_array import JsonArrayParser

__all__ = ["MACHINES", "OPERATORS", "Framed", "MachineCase", "OperatorCase"]


class Framed:
    """A dialect's framer and decoder as one machine."""

    def __init__(self, dialect: Dialect) -> None:
        self._framer = dialect.framer()
        self._decoder = dialect.decoder()

    def feed(self, chunk: bytes, /) -> Iterator[Any]:
        for payload in self._framer.feed(chunk):
            yield from self._decoder.feed(payload)

    def close(self) -> Iterator[Any]:
        for payload in self._framer.close():
            yield from self._decoder.feed(payload)
        yield from self._decoder.close()


class Late:
    """Give each item when the next one comes: the smallest machine that holds something."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def feed(self, item: Any, /) -> Iterator[Any]:
        if item == "poison":
            yield from self._held
            raise ValueError("poisoned")
        self._held.append(item)
        if len(self._held) > 1:
            yield self._held.pop(0)

    def close(self) -> Iterator[Any]:
        yield from self._held
        self._held.clear()


def filtering(action: Action = "mask", *, reasoning: bool = True) -> ContentFilter:
    search = PhraseSearch(("secret", "secrecy", "secrets", "is a sec"), case_sensitive=False)
    return ContentFilter(search, action, "*", reasoning=reasoning)


def endless(item: Any) -> Callable[[], Iterable[Any]]:
    return lambda: repeat(item)


OPERATORS: dict[str, OperatorCase] = {
    "transduce": OperatorCase(lambda: transduce(Late), tuple(range(9)), 1, takes="any", gives="any", poison="poison"),
    "watch": OperatorCase(lambda: watch(Observer()), tuple(range(9)), 1, takes="any", gives="any"),
    "parse_sse": OperatorCase(
        lambda: parse_sse(max_event_bytes=400),
        cut_bytes(CHAT, range(0, 2000, 7)),
        b"data: x\n\n",
        takes="bytes",
        gives="events",
        poison=b"x" * 403,
    ),
    "parse_eventstream": OperatorCase(
        parse_eventstream, CONVERSE_CUT, MESSAGE, takes="bytes", gives="messages", poison=bytes(12)
    ),
    "decode": OperatorCase(
        lambda: decode(OPENAI_CHAT),
        tuple(map(SseEvent, PAYLOADS)),
        SseEvent(SAY),
        takes="events",
        gives="tokens",
        poison=SseEvent(b"{"),
        empty=StreamTruncated,
        ends=True,
    ),
    "accumulate": OperatorCase(
        lambda: accumulate(max_characters=200_000),
        TOKENS,
        TextDelta("x"),
        takes="tokens",
        gives="reply",
        poison=TextDelta("x" * 200_001),
    ),
    "filter_content": tokens_case(lambda: filter_content(["secret", "secrecy", "xxx"]), "xx"),
    "filter_content.mask": tokens_case(lambda: filter_content(["secret", "xxx"], action="mask", reasoning=True), "xx"),
    "filter_content.stop": tokens_case(lambda: filter_content(["stop it"], action="stop"), poison=TextDelta("stop it")),
    "deadline": tokens_case(lambda: deadline(connect=600, first_token=600, idle=600, total=600)),
}

OPERATORS.update(RESILIENCE)

MACHINES: dict[str, MachineCase] = {
    **{
        f"invoke.{name}": MachineCase(BEDROCK_INVOKE.decoder, messages, uncut, None)
        for name, messages in INVOKED.items()
    },
    "anthropic_text.decoder": MachineCase(ANTHROPIC_TEXT.decoder, COMPLETIONS, uncut, None),
    "SseParser": MachineCase(
        lambda: SseParser(max_event_bytes=300), SSE, cut_bytes, ("max_event_bytes", endless(b"data: x\n"))
    ),
    "SsePayloads": MachineCase(
        lambda: SsePayloads(max_event_bytes=300), SSE, cut_bytes, ("max_event_bytes", endless(b"data: x\n"))
    ),
    "ReplyBuilder": MachineCase(
        lambda: ReplyBuilder(max_characters=3000), TOKENS, cut_texts, ("max_characters", endless(TextDelta("x")))
    ),
    "openai_chat": MachineCase(
        lambda: Framed(OPENAI_CHAT), CHAT, cut_bytes, ("max_event_bytes", endless(b"x" * 9999)), settled
    ),
    "openai_chat.decoder": MachineCase(
        OPENAI_CHAT.decoder,
        PAYLOADS,
        uncut,
        ("max_choices", lambda: (b'{"choices":[{"index":%d,"delta":{"content":"x"}}]}' % n for n in count())),
    ),
    "NdjsonLines": MachineCase(
        lambda: NdjsonLines(max_line_bytes=300), OLLAMA, cut_bytes, ("max_line_bytes", endless(b"x" * 99))
    ),
    "openai_responses": MachineCase(
        lambda: Framed(OPENAI_RESPONSES), RESPONSES, cut_bytes, ("max_event_bytes", endless(b"x" * 9999)), settled
    ),
    "openai_responses.decoder": MachineCase(
        OPENAI_RESPONSES.decoder, RESPONSE_EVENTS, uncut, ("max_output_items", endless_items)
    ),
    "openai_responses.calls": MachineCase(
        OPENAI_RESPONSES.decoder, RESPONSE_EVENTS, uncut, ("max_tool_calls", endless_calls)
    ),
    "azure_chat.decoder": MachineCase(
        AZURE_CHAT.decoder,
        AZURE_PAYLOADS,
        uncut,
        ("max_choices", lambda: (b'{"choices":[{"index":%d,"delta":{"content":"x"}}]}' % n for n in count())),
    ),
    "ollama_chat": MachineCase(
        lambda: Framed(OLLAMA_CHAT), OLLAMA, cut_bytes, ("max_line_bytes", endless(b"x" * 9999)), settled
    ),
    "ollama_chat.decoder": MachineCase(
        OLLAMA_CHAT.decoder, OLLAMA_LINES, uncut, ("max_tool_calls", endless_ollama_calls)
    ),
    "anthropic_messages": MachineCase(
        lambda: Framed(ANTHROPIC_MESSAGES), CLAUDE, cut_bytes, ("max_event_bytes", endless(b"x" * 9999)), settled
    ),
    "anthropic_messages.decoder": MachineCase(
        ANTHROPIC_MESSAGES.decoder, CLAUDE_EVENTS, uncut, ("max_blocks", endless_blocks)
    ),
    "JsonArrayParser": MachineCase(
        lambda: JsonArrayParser(max_element_bytes=900),
        GEMINI_LIST,
        cut_bytes,
        ("max_element_bytes", endless(b"[" + b"x" * 99)),
    ),
    "GeminiFrames": MachineCase(
        lambda: GeminiFrames(max_event_bytes=900), GEMINI_WIRE, cut_bytes, ("max_event_bytes", endless(b"x" * 99))
    ),
    "gemini": MachineCase(
        lambda: Framed(GEMINI), GEMINI_WIRE, cut_bytes, ("max_event_bytes", endless(b"x" * 99_999)), settled
    ),
    "gemini.array": MachineCase(
        lambda: Framed(GEMINI), GEMINI_LIST, cut_bytes, ("max_element_bytes", endless(b"[" * 99_999)), settled
    ),
    "gemini.decoder": MachineCase(GEMINI.decoder, GEMINI_CHUNKS, uncut, ("max_choices", endless_candidates)),
    "gemini_interactions": MachineCase(
        lambda: Framed(GEMINI_INTERACTIONS),
        INTERACTION,
        cut_bytes,
        ("max_event_bytes", endless(b"x" * 99_999)),
        settled,
    ),
    "gemini_interactions.decoder": MachineCase(
        GEMINI_INTERACTIONS.decoder, INTERACTION_EVENTS, uncut, ("max_tool_calls", endless_steps)
    ),
    "EventStreamParser": MachineCase(
        lambda: EventStreamParser(max_message_bytes=300), CONVERSE, cut_bytes, ("max_message_bytes", long_messages)
    ),
    "converse": MachineCase(lambda: Framed(BEDROCK_CONVERSE), CONVERSE, cut_bytes, None, settled),
    "converse.decoder": MachineCase(BEDROCK_CONVERSE.decoder, CONVERSE_MESSAGES, uncut, ("max_blocks", endless_tools)),
    "filter": MachineCase(
        filtering, TOKENS, cut_texts, ("max_choices", lambda: (TextDelta("sec", choice=n) for n in count())), settled
    ),
    "filter.drop": MachineCase(
        lambda: filtering("drop", reasoning=False),
        TOKENS,
        cut_texts,
        ("max_choices", lambda: (TextDelta("sec", choice=n) for n in count())),
        settled,
    ),
}
