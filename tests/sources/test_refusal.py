from __future__ import annotations

import pytest

from tokenrill import RateLimited
from tokenrill.sources.dialects.openai_chat.errors import in_stream_error, refuse
from tokenrill.sources.refusal import refusal, retry_after, wait_in

LIMITED = b'{"error": {"code": "rate_limit_exceeded", "message": "Rate limit reached. Please try again in 1m2.5s."}}'


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 7.76s.", 7.76),
        ("Please try again in 20ms. Visit https://example.com/", 0.02),
        ("Please try again in 1m2.5s", 62.5),
        ("please TRY AGAIN IN 6m0s", 360),
        ("try again in 24h0m0s.", 86400),
        ("Please try again in 5 seconds.", None),
        ("Please try again in 5 min", None),
        ("Please try again in 1..2s", None),
        ("Please try again in 5sec", None),
        ("Please try again later.", None),
        ("", None),
    ],
)
def test_a_wait_in_words(message: str, seconds: float | None) -> None:
    assert wait_in(message) == seconds


def test_the_words_count_where_there_is_no_header() -> None:
    assert refuse(429, {}, LIMITED).retry_after == 62.5
    assert refuse(429, {"retry-after": "3"}, LIMITED).retry_after == 3
    assert refuse(429, {"retry-after-ms": "0"}, LIMITED).retry_after == 0


def test_they_count_inside_a_stream() -> None:
    error = in_stream_error({"error": {"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}})
    assert isinstance(error, RateLimited)
    assert error.retry_after == 1.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, 20),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, 0),
        ({"retry-after": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=10.0) == seconds


@pytest.mark.parametrize(
    ("status", "word", "retryable"),
    [(503, "false", False), (400, "true", True), (503, "maybe", True), (400, "", False), (429, "false", False)],
)
def test_the_servers_word_whether_to_retry(status: int, word: str, retryable: bool) -> None:
    assert refusal(status, {"x-should-retry": word}, "no").retryable is retryable
