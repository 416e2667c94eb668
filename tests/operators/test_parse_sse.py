from __future__ import annotations

from typing import Any

from tests.marbles import BOOM, check
from tokenrill import LimitExceeded, SseEvent, parse_sse

VALUES: dict[str, Any] = {
    "x": b"data: he",
    "y": b"llo\n\n",
    "z": b"event: ping\r\ndata: {}\r\n\r\ndata: [DONE]\n\n",
    "c": b": a comment\n\n",
    "e": SseEvent(b"hello"),
    "p": SseEvent(b"{}", "ping"),
    "f": SseEvent(b"[DONE]"),
    "L": b"data: " + b"x" * 100,
}


def test_joins_what_the_network_cut() -> None:
    check(parse_sse(), "--x------y---------|", "---------e---------|", VALUES)


def test_one_chunk_may_hold_several_events() -> None:
    check(parse_sse(), "-z----|", "-(pf)-|", VALUES)


def test_comments_are_not_events() -> None:
    check(parse_sse(), "-c-c-|", "-----|", VALUES)


def test_an_event_without_its_end_is_dropped() -> None:
    check(parse_sse(), "-y-x-|", "-----|", VALUES | {"y": b": a\n\n"})


def test_forwards_an_error() -> None:
    check(parse_sse(), "-x-y-x-#", "---e---#", VALUES, error=BOOM)


def test_errors_past_the_limit_after_what_came_before() -> None:
    error = LimitExceeded("max_event_bytes", 50)
    check(parse_sse(max_event_bytes=50), "-x-y-L-|", "---e-#", VALUES, error=error)
