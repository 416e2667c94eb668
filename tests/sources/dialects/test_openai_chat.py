"""OpenAI chat completions: what is particular to this dialect."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from tests.sources.dialects.canonical import answer, calls, reasonings, recode, texts, usages, words
from tokenrill import (
    OPENAI_CHAT,
    Citation,
    ContentBlocked,
    Finish,
    InvalidRequest,
    Logprobs,
    Overloaded,
    RateLimited,
    Raw,
    RefusalDelta,
    ResponseStart,
    StreamError,
    StreamToken,
    StreamTruncated,
    TextDelta,
    TokenLogprob,
    Usage,
)
from tokenrill.sources.dialects.openai_chat.decode import ChatDecoder

DONE = b"[DONE]"


def decode(*payloads: bytes | dict[str, Any]) -> list[StreamToken]:
    decoder = ChatDecoder()
    tokens: list[StreamToken] = []
    for payload in payloads:
        tokens.extend(decoder.feed(payload if isinstance(payload, bytes) else json.dumps(payload).encode()))
    tokens.extend(decoder.close())
    return tokens


def chunk(choice: int = 0, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": choice, "delta": delta, "finish_reason": finish_reason}]}


@given(
    content=st.lists(texts | reasonings | st.builds(RefusalDelta, words), max_size=8),
    tools=calls(),
    usage=usages,
    reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    cut=st.integers(1, 400),
)
def test_what_is_encoded_decodes_to_the_same_tokens(
    content: list[StreamToken], tools: list[StreamToken], usage: Usage, reason: Any, cut: int
) -> None:
    finish = Finish("tool_calls" if tools and reason == "stop" else reason, reason)
    tokens = answer(ResponseStart("chatcmpl-1", "gpt-4o"), content + tools, usage, finish)
    asked: dict[str, object] = {"stream_options": {"include_usage": True}}
    again = recode(OPENAI_CHAT, tokens, asked, cut)
    assert [replace(token, raw=None) if isinstance(token, Usage) else token for token in again] == tokens


@given(st.lists(st.tuples(st.sampled_from(["text", "empty", "role", "logprobs", "odd"]), words), max_size=20))
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(shapes: list[tuple[str, str]]) -> None:
    payloads: list[bytes] = [json.dumps(chunk(role="assistant", content="")).encode()]
    for shape, text in shapes:
        made = chunk(content="" if shape == "empty" else text)
        if shape == "role":
            made["choices"][0]["delta"]["role"] = "assistant"
        if shape == "logprobs":
            made["choices"][0]["logprobs"] = {"content": [{"token": text, "logprob": -0.5, "top_logprobs": []}]}
        if shape == "odd":
            made["unheard_of"] = text
        payloads.append(json.dumps(made).encode())
    slow, fast = ChatDecoder(), ChatDecoder()
    expected = [token for payload in payloads for token in slow.feed(payload)]
    list(fast.feed(payloads[0]))
    got: list[StreamToken] = []
    for payload in payloads[1:]:
        batch = fast.feed_batch([payload])
        got.extend(fast.feed(payload) if batch is None else batch)
    assert got == expected[len(list(ChatDecoder().feed(payloads[0]))) :]


def test_plain_text_really_takes_the_typed_path() -> None:
    decoder = ChatDecoder()
    list(decoder.feed(json.dumps(chunk(role="assistant", content="")).encode()))
    recorded: dict[str, Any] = {
        **chunk(content="Hi"),
        "object": "chat.completion.chunk",
        "created": 1751568161,
        "service_tier": "default",
        "system_fingerprint": "fp",
        "usage": None,
        "obfuscation": "aB3",
    }
    recorded["choices"][0]["logprobs"] = None
    assert decoder.feed_batch([json.dumps(recorded).encode()] * 2) == [TextDelta("Hi")] * 2


def test_a_whole_message_is_what_was_said_unless_it_was_said_before() -> None:
    whole: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    assert TextDelta("Hi") in decode({"id": "c", "choices": [whole]}, DONE)
    tokens = decode(chunk(content="Hi"), {"id": "c", "choices": [whole]}, DONE)
    assert [token for token in tokens if isinstance(token, TextDelta)] == [TextDelta("Hi")]
    both = {"index": 0, "delta": {"content": "Hi"}, "message": {"content": "Hi"}, "stop_reason": "stop"}
    assert decode({"id": "c", "choices": [both]}, DONE)[-1] == Finish("stop", "stop")


def test_a_number_that_no_float_can_hold_is_none() -> None:
    absurd: dict[str, Any] = {"content": [{"token": "a", "logprob": 10**400, "top_logprobs": []}]}
    tokens = decode({"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": absurd}]}, DONE)
    assert Logprobs((TokenLogprob("a", 0.0),)) in tokens


@pytest.mark.parametrize(("total", "output"), [(38, 33), (5 + 23, 23), (None, 23)])
def test_reasoning_counts_as_output_also_where_the_server_tells_it_apart(total: int | None, output: int) -> None:
    """xAI's total is prompt, completion and reasoning; OpenAI's completion holds the reasoning."""
    told = {"prompt_tokens": 5, "completion_tokens": 23, "completion_tokens_details": {"reasoning_tokens": 10}}
    usage = {**told, "total_tokens": total}
    usage = {name: value for name, value in usage.items() if value is not None}
    tokens = decode(chunk(0, "stop"), {"choices": [], "usage": usage}, DONE)
    assert tokens[-2] == Usage(5, output, reasoning_output_tokens=10, raw=usage)


def test_usage_comes_in_a_chunk_without_choices_after_the_finish_reason() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    tokens = decode(chunk(content="Hi"), chunk(0, "stop"), {"choices": [], "usage": usage}, DONE)
    assert tokens[-2:] == [Usage(5, 2, cache_read_input_tokens=4, raw=usage), Finish("stop", "stop")]


def test_done_without_a_finish_reason_is_complete() -> None:
    assert decode(chunk(content="Hi"), DONE)[-1] == Finish("other", None)


def test_a_finish_reason_without_done_is_complete_and_neither_is_truncated() -> None:
    assert decode(chunk(content="Hi"), chunk(0, "stop"))[-1] == Finish("stop", "stop")
    with pytest.raises(StreamTruncated):
        decode(chunk(content="Hi"))


def test_an_answer_of_which_one_choice_was_cut_is_truncated() -> None:
    with pytest.raises(StreamTruncated):
        decode(chunk(0, content="Hi"), chunk(0, "stop"), chunk(1, content="Hel"))
    assert decode(chunk(0, "stop"), chunk(1, "length"))[-1] == Finish("length", "length", 1)


def test_an_event_without_data_says_nothing() -> None:
    assert decode(b"", chunk(content="Hi"), b" ", chunk(0, "stop"), b"", DONE) == decode(
        chunk(content="Hi"), chunk(0, "stop"), DONE
    )


def test_nothing_after_done_counts() -> None:
    assert decode(chunk(content="Hi"), DONE, chunk(content="more"), {"choices": [], "cost": 1})[-1] == Finish(
        "other", None
    )


def test_azure_begins_with_empty_choices_and_an_empty_id() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    tokens = decode(first, chunk(content="Hi"), chunk(0, "stop"), DONE)
    assert tokens[:3] == [Raw("prompt_filter_results", [{"prompt_index": 0}]), ResponseStart("c", "m"), TextDelta("Hi")]


def test_refusals_logprobs_citations_and_reasoning_have_tokens_of_their_own() -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "https://e.example", "title": "E"}}
    with_logprobs = chunk(content="Hi")
    with_logprobs["choices"][0]["logprobs"] = {
        "content": [{"token": "Hi", "logprob": -0.1, "top_logprobs": [{"token": "Ho", "logprob": -2}]}]
    }
    tokens = decode(chunk(refusal="No."), with_logprobs, chunk(annotations=[annotation]), DONE)
    assert tokens[1:5] == [
        RefusalDelta("No."),
        TextDelta("Hi"),
        Logprobs((TokenLogprob("Hi", -0.1, (("Ho", -2.0),)),)),
        Citation("https://e.example", "E", raw=annotation),
    ]


def test_unknown_fields_pass_as_raw_once_until_they_change() -> None:
    chunks = [{**chunk(content="a"), "cost": 1}, {**chunk(content="b"), "cost": 1}, {**chunk(content="c"), "cost": 2}]
    raw = [token for token in decode(*chunks, DONE) if isinstance(token, Raw)]
    assert raw == [Raw("cost", 1), Raw("cost", 2)]
    assert Raw("delta.audio", {"id": "a"}) in decode(chunk(audio={"id": "a"}), DONE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "m", "type": "server_error", "code": None}, Overloaded),
        ({"message": "m", "type": "tokens", "code": "rate_limit_exceeded"}, RateLimited),
        (
            {"message": "m", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400},
            InvalidRequest,
        ),
        ({"message": "m", "code": 502}, Overloaded),
        ({"message": "m", "code": "content_filter"}, ContentBlocked),
        ("m", Overloaded),
    ],
)
def test_an_error_in_the_stream_is_typed(error: Any, kind: type[StreamError]) -> None:
    with pytest.raises(kind, match="m"):
        decode(chunk(content="Hi"), {"error": error})


def test_a_used_up_quota_is_not_retried() -> None:
    body = json.dumps({"error": {"message": "m", "code": "insufficient_quota"}}).encode()
    error = OPENAI_CHAT.refuse(429, {}, body)
    assert isinstance(error, RateLimited)
    assert not error.retryable


KEYS = (
    "id choices index delta content tool_calls function name arguments usage prompt_tokens error message code "
    "finish_reason logprobs annotations refusal reasoning_details"
).split()
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
documents = st.recursive(
    leaves,
    lambda kids: st.lists(kids, max_size=3) | st.dictionaries(st.sampled_from(KEYS), kids, max_size=6),
    max_leaves=25,
)


@given(documents)
@settings(max_examples=300)
def test_no_json_makes_it_raise_anything_but_a_stream_error(value: Any) -> None:
    for payload in (value, {"choices": value}, {"choices": [value]}, {"choices": [{"delta": value}]}):
        with suppress(StreamError):
            decode(json.dumps(payload).encode(), DONE)
        OPENAI_CHAT.refuse(500, {}, json.dumps(payload).encode())
