"""Converse: how it says no."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.bedrock import START
from tokenrill import (
    BEDROCK_CONVERSE,
    InvalidRequest,
    Overloaded,
    RateLimited,
    StreamError,
)
from tokenrill.sources.dialects.bedrock_converse.decode import ConverseDecoder
from tokenrill.sources.dialects.bedrock_converse.encode import event_message
from tokenrill.sources.dialects.bedrock_converse.errors import encode_error, encode_exception, refuse
from tokenrill.streams.eventstream import EventStreamMessage, encode_message


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [
        ("throttlingException", RateLimited, True),
        ("validationException", InvalidRequest, False),
        ("internalServerException", Overloaded, True),
        ("serviceUnavailableException", Overloaded, True),
        ("modelStreamErrorException", Overloaded, True),
        ("modelTimeoutException", Overloaded, True),
        ("brandNewException", Overloaded, True),
    ],
)
def test_an_exception_in_the_stream_is_typed(kind: str, error: type[StreamError], retryable: bool) -> None:
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    wire = event_message(*START) + encode_message(headers, b'{"message":"No."}')
    with pytest.raises(error, match=r"^No\.$") as caught:
        BEDROCK_CONVERSE.decode([wire])
    assert type(caught.value) is error
    assert caught.value.retryable is retryable
    assert getattr(caught.value, "kind", None) == kind


def test_a_models_own_error_and_a_message_of_type_error_are_told() -> None:
    headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
    body = {"message": "The model failed.", "originalStatusCode": 500, "originalMessage": "CUDA"}
    with pytest.raises(Overloaded, match=r"The model failed\. \(CUDA\)") as caught:
        BEDROCK_CONVERSE.decode([encode_message(headers, json.dumps(body).encode())])
    assert (caught.value.status, caught.value.code) == (424, "500")
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "Broken"}
    with pytest.raises(Overloaded, match="Broken"):
        BEDROCK_CONVERSE.decode([encode_message(headers, b"")])
    with pytest.raises(Overloaded, match="did not explain"):
        BEDROCK_CONVERSE.decode([encode_message({":message-type": "exception"}, b"")])


def test_refusals_name_their_type_with_or_without_an_address_behind_it() -> None:
    headers = {
        "x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "x-amzn-requestid": "r-1",
    }
    error = refuse(429, headers, b'{"message":"Too many tokens"}')
    assert (type(error), str(error), error.request_id) == (RateLimited, "Too many tokens", "r-1")
    assert getattr(error, "kind", None) == "ThrottlingException"
    assert type(refuse(424, {}, b'{"message":"m","__type":"a.b#ModelErrorException"}')) is Overloaded
    assert str(refuse(503, {}, b"")) == "HTTP 503 without an explanation"


def test_errors_are_said_as_the_vendor_says_them() -> None:
    error = RateLimited("Slow down", request_id="r-1", retry_after=2.0)
    assert encode_error(error) == (
        429,
        {
            "content-type": "application/json",
            "x-amzn-errortype": "ThrottlingException",
            "x-amzn-requestid": "r-1",
            "retry-after": "2",
        },
        b'{"message":"Slow down"}',
    )
    (message,) = BEDROCK_CONVERSE.framer().feed(encode_exception(error))
    assert message.headers[":exception-type"] == "throttlingException"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "contentBlockIndex delta text toolUse input start toolUseId name reasoningContent signature "
                "redactedContent citation location web usage inputTokens stopReason message "
                "originalStatusCode toolResult p".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
event_names = st.sampled_from(
    [*"messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop metadata".split(), "x"]
)


@given(st.lists(st.tuples(event_names, values), max_size=8), st.sampled_from(["event", "exception", "error", ""]))
def test_no_json_makes_it_raise_anything_but_a_stream_error(events: list[tuple[str, Any]], kind: str) -> None:
    messages = [
        EventStreamMessage({":event-type": name, ":message-type": "event"}, json.dumps(data).encode())
        for name, data in events
    ]
    messages.append(EventStreamMessage({":message-type": kind, ":exception-type": "x"}, b"[]"))
    for batch in (False, True):
        decoder = ConverseDecoder()
        with contextlib.suppress(StreamError):
            for message in messages:
                if not batch or decoder.feed_batch([message]) is None:
                    list(decoder.feed(message))
            list(decoder.close())
