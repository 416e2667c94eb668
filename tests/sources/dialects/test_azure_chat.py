"""Azure's content filter, beside the chat completions it watches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tokenrill import (
    AZURE_CHAT,
    AZURE_RESPONSES,
    ApiError,
    ContentBlocked,
    Finish,
    InvalidRequest,
    Raw,
    ResponseStart,
    Retract,
    StreamError,
    StreamToken,
    TextDelta,
)
from tokenrill.sources.dialects.azure_chat import AzureChatDecoder

SAFE = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "safe"}}
BAD = {"protected_material_text": {"detected": True, "filtered": True}, "hate": {"filtered": False}}
DONE = b"[DONE]"


def decode(*payloads: bytes | dict[str, Any]) -> list[StreamToken]:
    decoder = AzureChatDecoder()
    tokens: list[StreamToken] = []
    for payload in payloads:
        tokens.extend(decoder.feed(payload if isinstance(payload, bytes) else json.dumps(payload).encode()))
    return [*tokens, *decoder.close()]


def chunk(text: str = "", finish: str | None = None, **choice: Any) -> dict[str, Any]:
    made = {"index": 0, "delta": {"content": text}, "finish_reason": finish, **choice}
    return {"id": "c", "model": "gpt-4o", "choices": [made]}


def verdict(start: int, end: int, results: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """https://learn.microsoft.com/azure/foundry/openai/concepts/content-streaming#annotation-message"""
    offsets = {"check_offset": start, "start_offset": start, "end_offset": end}
    made = {"index": 0, "finish_reason": finish, "content_filter_results": results, "content_filter_offsets": offsets}
    return {"id": "", "object": "", "created": 0, "model": "", "choices": [made], "usage": None}


def test_the_prompts_verdict_comes_first_and_is_told_once() -> None:
    results = [{"prompt_index": 0, "content_filter_results": SAFE}]
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": results}
    tokens = decode(first, chunk("Hi"), chunk("", "stop"), DONE)
    assert tokens == [
        Raw("prompt_filter_results", results),
        ResponseStart("c", "gpt-4o"),
        TextDelta("Hi"),
        Finish("stop", "stop"),
    ]


def test_the_answers_verdict_is_told_once_until_it_changes_and_an_empty_one_never() -> None:
    other = {**SAFE, "violence": {"filtered": False, "severity": "low"}}
    given_: tuple[dict[str, Any], ...] = ({}, SAFE, SAFE, other)
    chunks = [chunk(str(at), content_filter_results=results) for at, results in enumerate(given_)]
    assert [token for token in decode(*chunks, chunk("", "stop"), DONE) if isinstance(token, Raw)] == [
        Raw("choice.content_filter_results", SAFE),
        Raw("choice.content_filter_results", other),
    ]


def test_what_the_asynchronous_filter_acts_on_is_retracted_in_the_answers_own_characters() -> None:
    tokens = decode(
        chunk("x" * 120), verdict(44, 94, SAFE), verdict(74, 164, BAD), verdict(164, 164, BAD, "content_filter"), DONE
    )
    assert [token for token in tokens if isinstance(token, Retract)] == [
        Retract(30, 120, "protected_material_text"),
        Retract(120, 120, "protected_material_text"),
    ]
    assert tokens[-1] == Finish("content_filter", "content_filter")


def test_a_verdict_after_the_finish_reason_does_not_undo_it() -> None:
    tokens = decode(chunk("1"), chunk("", "stop"), verdict(35, 36, SAFE), DONE)
    assert tokens[-1] == Finish("stop", "stop")
    assert not any(isinstance(token, Retract) for token in tokens)


shapes = st.sampled_from(["text", "safe", "low", "empty", "offsets", "usage", "odd"])


@given(st.lists(shapes, max_size=20))
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(given_: list[str]) -> None:
    low = {"violence": {"filtered": False, "severity": "low"}}
    made: dict[str, Any] = {
        "text": chunk("a"),
        "safe": chunk("b", content_filter_results=SAFE),
        "low": chunk("c", content_filter_results=low),
        "empty": chunk("d", content_filter_results={}),
        "offsets": verdict(10, 20, BAD),
        "usage": {**chunk("e"), "usage": {"prompt_tokens": 1}},
        "odd": chunk("f", unheard_of=1),
    }
    payloads = [json.dumps(made[shape]).encode() for shape in ["text", *given_]]
    slow, fast = AzureChatDecoder(), AzureChatDecoder()
    expected = [token for payload in payloads for token in slow.feed(payload)]
    got: list[StreamToken] = []
    for payload in payloads:
        batch = fast.feed_batch([payload])
        got.extend(fast.feed(payload) if batch is None else batch)
    assert got == expected


def test_a_blocked_prompt_is_the_providers_filter_and_says_which_category() -> None:
    """https://learn.microsoft.com/azure/foundry/openai/concepts/content-filter"""
    results = {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False, "severity": "safe"}}
    body = {
        "error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results},
        }
    }
    for dialect in (AZURE_CHAT, AZURE_RESPONSES):
        error = dialect.refuse(400, {"apim-request-id": "r1"}, json.dumps(body).encode())
        assert isinstance(error, ContentBlocked)
        assert (error.source, error.request_id, error.retryable) == ("provider", "r1", False)
        assert "filtered: violence" in str(error)


@pytest.mark.parametrize(
    "body", [b'{"error":{"code":"DeploymentNotFound","message":"m"}}', b'{"error":"m"}', b"m", b"[]"]
)
def test_other_refusals_are_as_openais(body: bytes) -> None:
    error = AZURE_CHAT.refuse(404, {}, body)
    assert isinstance(error, StreamError)
    assert isinstance(error, ApiError)
    assert type(error) is InvalidRequest


def test_plain_text_takes_the_typed_path() -> None:
    decoder = AzureChatDecoder()
    list(decoder.feed(json.dumps(chunk("a", content_filter_results=SAFE)).encode()))
    more = [json.dumps(chunk("b", content_filter_results=results)).encode() for results in (SAFE, {})]
    assert decoder.feed_batch(more) == [TextDelta("b"), TextDelta("b")]
