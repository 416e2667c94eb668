"""Anthropic's Messages when something goes wrong: refusals, errors in the stream, limits, broken answers."""

from __future__ import annotations

import json
from itertools import chain, count, product
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from tests.sources.dialects.anthropic_events import (
    ANSWER,
    STOP,
    begin,
    decode,
    delta,
    encode,
    message,
    payloads,
)
from tokenrill import (
    ANTHROPIC_MESSAGES,
    ApiError,
    AuthenticationError,
    Finish,
    InvalidRequest,
    LimitExceeded,
    Overloaded,
    PermissionDenied,
    RateLimit,
    RateLimited,
    ResponseStart,
    StreamError,
    StreamToken,
)
from tokenrill.sources.dialects.anthropic_messages.decode import MessagesDecoder


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [
        ("overloaded_error", Overloaded, True),
        ("api_error", Overloaded, True),
        ("timeout_error", Overloaded, True),
        ("rate_limit_error", RateLimited, True),
        ("invalid_request_error", InvalidRequest, False),
        ("billing_error", InvalidRequest, False),
        ("authentication_error", AuthenticationError, False),
        ("permission_error", PermissionDenied, False),
        ("brand_new_error", Overloaded, True),
    ],
)
def test_an_error_inside_the_stream_is_typed(kind: str, error: type[ApiError], retryable: bool) -> None:
    said = {"type": kind, "message": "Busy", "details": {"error_code": "ramp"}}
    with pytest.raises(error) as caught:
        decode(message(), {"type": "error", "error": said, "request_id": "req_1"})
    failure = caught.value
    assert (str(failure), failure.kind, failure.code) == ("Busy", kind, "ramp")
    assert (failure.request_id, failure.retryable) == ("req_1", retryable)


def test_a_gateways_error_without_a_type_is_an_error_too() -> None:
    with pytest.raises(Overloaded, match="upstream"):
        decode(message(), {"error": {"message": "upstream went away", "code": 502}})
    with pytest.raises(Overloaded, match="upstream"):
        decode({"type": "error", "error": "upstream went away"})


def test_a_flood_of_blocks_and_an_endless_block_are_bounded() -> None:
    with pytest.raises(LimitExceeded, match="max_blocks"):
        decode(*(begin(index, "text", text="") for index in range(5000)))
    decoder = MessagesDecoder()
    for payload in payloads(message(), begin(0, "server_tool_use", id="s", name="n", input={})):
        list(decoder.feed(payload))
    more = json.dumps(delta(0, "input_json_delta", partial_json="x" * 1_000_000)).encode()
    with pytest.raises(LimitExceeded, match="max_block_characters"):
        list(chain.from_iterable(decoder.feed(more) for _ in count()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "index", "usage", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> list[bytes]:
    """An answer some of whose values, at any depth, are of any other shape; or is missing, twice, or out of order."""
    events: list[Any] = json.loads(json.dumps(ANSWER))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = events
        key: Any = draw(st.integers(0, len(events) - 1))
        while isinstance(holder[key], dict) and holder[key] and draw(st.integers(0, 3)):
            holder = holder[key]
            key = draw(st.sampled_from(sorted(cast("dict[str, Any]", holder))))
        holder[key] = draw(JSON)
    return [json.dumps(event).encode() for event in draw(st.permutations(events) | st.just(events))]


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_nothing_but_stream_errors_come_out_of_a_broken_answer(wire: list[bytes]) -> None:
    decoder = MessagesDecoder()
    tokens: list[StreamToken] = []
    try:
        for payload in wire:
            decoder.feed_batch([payload])
            tokens.extend(decoder.feed(payload))
        tokens.extend(decoder.close())
    except StreamError:
        return
    assert isinstance(tokens[-1], Finish)
    assert sum(isinstance(token, ResponseStart) for token in tokens) <= 1
    assert encode(*tokens)[-1] == STOP


def test_rate_limits_are_read_from_the_vendors_headers() -> None:
    # https://platform.claude.com/docs/en/api/rate-limits#response-headers
    names = [f"anthropic-ratelimit-{bucket}" for bucket in ("requests", "tokens", "input-tokens", "output-tokens")]
    headers = {
        f"{name}-{what}": value for name, (what, value) in product(names, [("limit", "50"), ("remaining", "49")])
    }
    limits = ANTHROPIC_MESSAGES.rate_limits({**headers, "anthropic-ratelimit-requests-reset": "2001-01-01T00:00:00Z"})
    assert limits is not None
    assert limits.requests == RateLimit(50, 49, 0.0)
    assert limits.tokens == limits.input_tokens == limits.output_tokens == RateLimit(50, 49)
    assert ANTHROPIC_MESSAGES.rate_limits({"anthropic-ratelimit-requests-reset": "soon"}) is None
    assert ANTHROPIC_MESSAGES.request_id({"request-id": "req_1"}) == "req_1"


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", InvalidRequest),
        (401, "authentication_error", AuthenticationError),
        (402, "billing_error", InvalidRequest),
        (403, "permission_error", PermissionDenied),
        (404, "not_found_error", InvalidRequest),
        (413, "request_too_large", InvalidRequest),
        (429, "rate_limit_error", RateLimited),
        (500, "api_error", Overloaded),
        (504, "timeout_error", Overloaded),
        (529, "overloaded_error", Overloaded),
    ],
)
def test_a_refusal_is_typed_and_written_back_the_same(status: int, kind: str, error: type[ApiError]) -> None:
    # https://platform.claude.com/docs/en/api/errors#http-errors
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "No"}, "request_id": "req_1"}).encode()
    failure = ANTHROPIC_MESSAGES.refuse(status, {"request-id": "req_1", "retry-after": "7"}, body)
    assert type(failure) is error
    assert isinstance(failure, ApiError)
    assert (failure.status, failure.kind, failure.request_id, failure.retry_after) == (status, kind, "req_1", 7.0)
    again, headers, written = ANTHROPIC_MESSAGES.encode_error(failure)
    assert (again, json.loads(written), headers["retry-after"]) == (status, json.loads(body), "7")
    plain = ANTHROPIC_MESSAGES.encode_error(error("No"))
    assert type(ANTHROPIC_MESSAGES.refuse(plain[0], plain[1], plain[2])) is error


def test_googles_refusal_in_front_of_claude_is_understood() -> None:
    body = b'[{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}]'
    failure = ANTHROPIC_MESSAGES.refuse(403, {}, body)
    assert isinstance(failure, PermissionDenied)
    assert (str(failure), failure.kind) == ("Permission denied", "PERMISSION_DENIED")
    assert str(ANTHROPIC_MESSAGES.refuse(502, {}, b"<html>Bad gateway</html>")) == "<html>Bad gateway</html>"
