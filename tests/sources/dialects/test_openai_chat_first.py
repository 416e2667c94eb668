"""The first chunk of chat completions, typed or not: the same tokens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, strategies as st

from tokenrill import ResponseStart, StreamToken
from tokenrill.sources.dialects.openai_chat.decode import ChatDecoder
from tokenrill.streams.call import Account, Call
from tokenrill.streams.request import CompletionRequest
from tokenrill.streams.tokens import RateLimit, RateLimits, TextDelta

TEXT = st.sampled_from(["", "a", "é"])
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", None]),
        "content": st.one_of(TEXT, st.none()),
        "refusal": st.one_of(TEXT, st.none()),
        "reasoning_content": TEXT,
    },
)
CHOICE = st.fixed_dictionaries(
    {"delta": DELTA},
    optional={"index": st.integers(-1, 2), "finish_reason": st.sampled_from([None, "stop"]), "odd": TEXT},
)
CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(TEXT, st.none()),
        "model": st.one_of(TEXT, st.none(), st.just(3)),
        "choices": st.lists(CHOICE, max_size=2),
        "usage": st.sampled_from([None, {"prompt_tokens": 3}]),
        "odd": TEXT,
    },
)
PLAIN: dict[str, Any] = {"id": "i", "choices": [{"delta": {"role": "assistant", "content": ""}}]}


@given(st.lists(CHUNK, min_size=1, max_size=4), st.integers(1, 4))
@example([PLAIN, PLAIN], 2)
@example([PLAIN, {"odd": "x"}], 2)
@example([PLAIN, {"choices": [{"index": 1, "delta": {"content": "b"}}]}], 2)
def test_a_first_chunk_gives_the_same_tokens_either_way(chunks: list[dict[str, Any]], size: int) -> None:
    payloads = [json.dumps(chunk).encode() for chunk in chunks]
    plain, fast = ChatDecoder(), ChatDecoder()
    one_by_one: list[StreamToken] = [token for payload in payloads for token in plain.feed(payload)]
    batched: list[StreamToken] = []
    for start in range(0, len(payloads), size):
        some = payloads[start : start + size]
        given = fast.feed_batch(some)
        batched += [token for payload in some for token in fast.feed(payload)] if given is None else given
    assert batched == one_by_one
    assert [*fast.feed(b"[DONE]")] == [*plain.feed(b"[DONE]")]


def test_the_typed_way_takes_a_usual_first_chunk() -> None:
    given = ChatDecoder().feed_batch([json.dumps(PLAIN).encode()])
    assert given == [ResponseStart("i", "")]


def test_the_beginning_is_told_what_the_headers_said_in_a_batch_too() -> None:
    call = Call("openai", CompletionRequest(model="m", messages="Hi"))
    account = Account(call)
    call.attempt.request_id = "req"
    call.attempt.rate_limits = limits = RateLimits(RateLimit(5))
    tokens = account.feed_batch([ResponseStart("i", "m"), TextDelta("a"), TextDelta("b")])
    assert tokens == [ResponseStart("i", "m", "req", limits), TextDelta("a"), TextDelta("b")]
    assert call.reply.text == "ab"
    assert call.reply.request_id == "req"
