from __future__ import annotations

from typing import Any

import reactivex as rx

from tests.contracts.inputs import PAYLOADS
from tests.contracts.pushing import Seen
from tests.marbles import BOOM, check
from tokenrill import (
    OPENAI_CHAT,
    Finish,
    MalformedEvent,
    ResponseStart,
    SseEvent,
    StreamTruncated,
    TextDelta,
    decode,
    parse_sse,
    transduce,
)

HELLO = b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
VALUES: dict[str, Any] = {
    "h": SseEvent(HELLO),
    "s": SseEvent(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'),
    "D": SseEvent(b"[DONE]"),
    "x": SseEvent(b"{"),
    "R": ResponseStart("c1", "m"),
    "a": TextDelta("Hi"),
    "F": Finish("stop", "stop"),
}


def test_gives_the_tokens_of_each_event() -> None:
    check(decode(OPENAI_CHAT), "-h----s-D-|", "-(Ra)---(F|)", VALUES)


def test_takes_bare_payloads_as_well() -> None:
    events, payloads = rx.from_iterable(map(SseEvent, PAYLOADS)), rx.from_iterable(PAYLOADS)
    assert Seen(payloads.pipe(decode(OPENAI_CHAT))).signals == Seen(events.pipe(decode(OPENAI_CHAT))).signals


def test_events_and_payloads_give_the_same_tokens() -> None:
    wire = b"".join(b"data: " + payload + b"\n\n" for payload in PAYLOADS)
    by_hand = rx.of(wire).pipe(parse_sse(), decode(OPENAI_CHAT))
    inside = rx.of(wire).pipe(transduce(OPENAI_CHAT.framer), transduce(OPENAI_CHAT.decoder))
    assert Seen(by_hand).signals == Seen(inside).signals


def test_errors_when_the_end_mark_is_missing() -> None:
    check(decode(OPENAI_CHAT), "-h----|", "-(Ra)-#", VALUES, error=StreamTruncated())


def test_errors_for_an_event_that_cannot_be_read() -> None:
    seen = Seen(rx.of(VALUES["h"], VALUES["x"], VALUES["s"]).pipe(decode(OPENAI_CHAT)))
    assert seen.items == [VALUES["R"], VALUES["a"]]
    assert isinstance(seen.error, MalformedEvent)


def test_forwards_an_error() -> None:
    check(decode(OPENAI_CHAT), "-h----#", "-(Ra)-#", VALUES, error=BOOM)
