"""Gemini's frames: events, arrays, and errors that come between."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.canonical import words
from tests.sources.dialects.gemini_chunks import END, chunk, decode, events, from_bytes
from tokenrill import (
    GEMINI,
    AuthenticationError,
    Finish,
    InvalidRequest,
    LimitExceeded,
    Overloaded,
    PermissionDenied,
    RateLimited,
    StreamError,
    StreamToken,
    StreamTruncated,
    Usage,
)
from tokenrill.sources.dialects.gemini.decode import GeminiDecoder
from tokenrill.sources.dialects.gemini.frames import GeminiFrames

HELLO = chunk({"text": "Hi"})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, RateLimited),
        ({"status": "RESOURCE_EXHAUSTED"}, RateLimited),
        ({"code": 503, "status": "UNAVAILABLE"}, Overloaded),
        ({"status": "INTERNAL"}, Overloaded),
        ({"status": "UNAUTHENTICATED"}, AuthenticationError),
        ({"code": 403}, PermissionDenied),
        ({"code": 400, "status": "FAILED_PRECONDITION"}, InvalidRequest),
        ({"code": "x", "status": 3}, Overloaded),
    ],
)
def test_errors_inside_the_stream_are_typed(error: dict[str, Any], kind: type[StreamError]) -> None:
    with pytest.raises(kind, match="no }"):
        decode(HELLO, {"error": {"message": "no } more", **error}})


def test_an_error_tells_first_what_has_been_used() -> None:
    decoder = GeminiDecoder()
    for usage in ({"promptTokenCount": 1}, {"promptTokenCount": 1, "candidatesTokenCount": 2}):
        list(decoder.feed(json.dumps({**HELLO, "usageMetadata": usage}).encode()))
    told: list[StreamToken] = []
    with suppress(Overloaded):
        told.extend(decoder.feed(b'{"error": {"code": 500}}'))
    assert told == [Usage(1, 2, kind="partial", raw={"promptTokenCount": 1, "candidatesTokenCount": 2})]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("before", [b"", events(HELLO), events(HELLO, HELLO)[:-2]])
def test_an_error_may_come_printed_between_events(before: bytes, size: int, indent: int | None) -> None:
    message = 'a } and a "quote"\n\ndata: x'
    error: dict[str, Any] = {"error": {"code": 499, "message": message, "status": "CANCELLED", "details": [{}]}}
    wire = before + json.dumps(error, indent=indent).encode().replace(b"\n", b"\r\n") + b"\r\n"
    with pytest.raises(InvalidRequest) as caught:
        from_bytes(wire, size)
    assert (str(caught.value), caught.value.kind, caught.value.retryable) == (message, "CANCELLED", True)


def test_what_is_printed_between_the_events_of_a_long_read_is_read() -> None:
    frames = GeminiFrames()
    event = b'data: {"a": 1}\n\n'
    assert len(list(frames.feed(event))) == 1
    found = frames.feed_batch((event * 400 + b'{"error":\n\n{"code": 429}}\n\n' + event * 400,))
    assert found is not None
    assert [json.loads(payload) for payload in found] == [{"a": 1}] * 400 + [{"error": {"code": 429}}] + [
        {"a": 1}
    ] * 400


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("then", [b"data: [DONE]\n\n", b": a comment\n\n", b'{"b": 2}\n', b'data: {"b": 2}\n\n', b"\n"])
@pytest.mark.parametrize(
    "printed", ['{"error": {"code": 429}}', '{\n"error": {"code":\n\n429}}', '[{"a": 1},\n{"b": 2}]']
)
def test_lines_may_follow_right_behind_what_is_printed(printed: str, then: bytes, size: int) -> None:
    wire = b'data: {"a": 1}\n\n' + printed.encode() + b"\n" + then
    frames = GeminiFrames()
    found = [payload for at in range(0, len(wire), size) for payload in frames.feed(wire[at : at + size])]
    found += frames.close()
    elements: Any = json.loads(printed)
    after = {b"data: [DONE]\n\n": [b"[DONE]"], b'{"b": 2}\n': [b'{"b": 2}'], b'data: {"b": 2}\n\n': [b'{"b": 2}']}
    assert [found[0], *found[len(found) - len(after.get(then, [])) :]] == [b'{"a": 1}', *after.get(then, [])]
    assert [json.loads(payload) for payload in found[1 : len(found) - len(after.get(then, []))]] == (
        elements if isinstance(elements, list) else [elements]
    )


@given(st.integers(1, 300), st.sampled_from([b"\r\n", b"\n"]))
def test_an_event_whose_blank_line_did_not_come_counts(size: int, end: bytes) -> None:
    wire = events(HELLO, END).replace(b"\r\n", end)
    whole = from_bytes(wire, size)
    assert whole[-1] == Finish("stop", "STOP")
    assert from_bytes(wire.removesuffix(end), size) == from_bytes(wire.removesuffix(end + end), size) == whole
    with pytest.raises(StreamTruncated):
        from_bytes(wire[: -len(end + end) - 1], size)


@given(st.lists(words, min_size=1, max_size=5), st.integers(1, 60), st.sampled_from([None, 2]))
def test_an_array_says_the_same_as_events(said: list[str], size: int, indent: int | None) -> None:
    chunks = [*(chunk({"text": text}) for text in said), END]
    assert from_bytes(json.dumps(chunks, indent=indent).encode(), size) == from_bytes(events(*chunks), size)


def test_a_picture_fits_in_one_event_and_nothing_endless_does() -> None:
    picture = chunk({"inlineData": {"mimeType": "image/png", "data": "A" * (3 << 20)}}, reason="STOP")
    assert from_bytes(events(picture), 1 << 16)[-1] == Finish("stop", "STOP")
    framer = GEMINI.framer()
    endless = [b"data: " + b"x" * (1 << 16)] * 300
    with pytest.raises(LimitExceeded):
        list(itertools.chain.from_iterable(map(framer.feed, endless)))
