"""OpenAI Responses: what is particular to this dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sources.dialects.responses_wire import CREATED, added, completed, decode, delta, done, folded
from tokenrill import (
    OPENAI_RESPONSES,
    Citation,
    CompletionRequest,
    ContentBlocked,
    Finish,
    InvalidRequest,
    LimitExceeded,
    Logprobs,
    Overloaded,
    RateLimited,
    Raw,
    ReasoningSignature,
    ResponseStart,
    StreamError,
    StreamTruncated,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.openai_responses.decode import ResponsesDecoder


def test_the_number_of_the_last_event_is_kept_for_taking_up_the_stream_again() -> None:
    decoder = ResponsesDecoder()
    for number, event in enumerate((CREATED, delta("a"), delta("b"), {"type": "keepalive"})):
        payload = json.dumps({**event, "sequence_number": number}).encode()
        if decoder.feed_batch([payload]) is None:
            list(decoder.feed(payload))
    assert (decoder.response_id, decoder.sequence_number) == ("resp_1", 3)


def test_the_answer_ends_with_its_status_and_without_one_it_was_cut() -> None:
    assert decode(CREATED, delta("Hi"), completed())[-1] == Finish("stop", "completed")
    short = completed("incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert decode(CREATED, short)[-1] == Finish("length", "max_output_tokens")
    assert decode(CREATED, completed("incomplete", incomplete_details={"reason": "new"}))[-1] == Finish("other", "new")
    for events in ((CREATED, delta("Hi")), (CREATED, delta("Hi"), b"[DONE]"), ()):
        with pytest.raises(StreamTruncated):
            decode(*events)


def test_nothing_after_the_end_counts() -> None:
    assert decode(CREATED, completed(), delta("more"), b"[DONE]", b"not json")[-1] == Finish("stop", "completed")


def test_usage_counts_what_is_cached_written_to_the_cache_and_reasoned() -> None:
    usage = {
        "input_tokens": 9,
        "output_tokens": 8,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 7},
    }
    assert decode(CREATED, completed(usage=usage))[1] == Usage(9, 8, 5, 3, 7, raw=usage)


def test_a_final_response_may_be_empty_though_items_were_streamed() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    tokens = decode(CREATED, added(call), delta("{}", "function_call_arguments"), completed(output=[]))
    assert tokens[1:] == [
        ToolCallStart("c", "f"),
        ToolCallDelta("{}"),
        ToolCallEnd(),
        Finish("tool_calls", "completed"),
    ]


def test_a_final_response_may_be_all_that_comes() -> None:
    message: dict[str, Any] = {"type": "message", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    assert decode(completed(model="m", output=[message])) == [
        ResponseStart("resp_1", "m"),
        TextDelta("Hi"),
        Finish("stop", "completed"),
    ]


def test_what_no_delta_said_is_taken_from_the_item_and_nothing_is_said_twice() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
    whole = decode(CREATED, added({**call, "arguments": ""}), done(call), completed())
    streamed = decode(
        CREATED,
        added({**call, "arguments": ""}),
        delta('{"a":1}', "function_call_arguments"),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'},
        done(call),
        completed(),
    )
    assert whole == streamed
    text = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    assert folded(decode(CREATED, delta("Hi"), done(text), completed())).text == "Hi"


def test_a_custom_call_holds_free_text_and_says_that_it_is_one() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"}
    tokens = decode(CREATED, added(call), delta("*** Begin", "custom_tool_call_input"), done(call), completed())
    assert folded(tokens).tool_calls[0].arguments == "*** Begin"
    assert tokens[-1] == Finish("tool_calls", "completed")
    assert json.loads(folded(tokens).tool_calls[0].signature or "") == {"type": "custom_tool_call"}


def test_a_custom_call_that_text_follows_was_the_servers_own() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "x_search", "input": "{}"}
    tokens = decode(CREATED, added(call), done(call), delta("Found.", index=1), completed())
    assert tokens[-1] == Finish("stop", "completed")


def test_encrypted_reasoning_and_its_id_go_back_byte_for_byte() -> None:
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    secret = "gAAAAABo+/_-=="
    tokens = decode(
        CREATED,
        added(item),
        delta("Think", "reasoning_summary_text"),
        done({**item, "encrypted_content": secret, "summary": [{"type": "summary_text", "text": "Think"}]}),
        delta("Hi", index=1),
        completed(),
    )
    request = CompletionRequest(model="m", messages=[folded(tokens).message])
    assert OPENAI_RESPONSES.render(request)["input"] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Think"}],
            "encrypted_content": secret,
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        },
    ]


def test_citations_name_pages_and_files_and_those_never_streamed_come_with_the_item() -> None:
    page = {"type": "url_citation", "url": "https://e.example", "title": "E", "start_index": 0, "end_index": 2}
    file = {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 2}
    event = {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": page}
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hi", "annotations": [page, file]}]}
    assert [t for t in decode(CREATED, delta("Hi"), event, done(item), completed()) if isinstance(t, Citation)] == [
        Citation("https://e.example", "E", raw=page),
        Citation(None, "a.pdf", raw=file),
    ]


def test_logprobs_follow_their_text() -> None:
    entry = {"token": "Hi", "logprob": -0.1, "top_logprobs": [{"token": "Ho", "logprob": -2}]}
    assert decode(CREATED, delta("Hi", logprobs=[entry]), completed())[1:3] == [
        TextDelta("Hi"),
        Logprobs((TokenLogprob("Hi", -0.1, (("Ho", -2.0),)),)),
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "1+1"},
        {"type": "response.image_generation_call.partial_image", "partial_image_b64": "aGk="},
        {"type": "response.shell_call_command.delta", "delta": "ls"},
        {"type": "response.mcp_list_tools.failed", "item_id": "m"},
        {"type": "response.compaction.compacting", "output_index": 1},
        {"type": "response.something.of_next_year", "x": 1},
        {"type": "x", "y": 1},
        {"type": "response.content_part.added", "part": {"type": "hologram"}},
        added({"type": "program", "id": "p"}),
        added({"type": "message", "id": "m", "phase": "commentary", "content": []}),
    ],
)
def test_what_has_no_token_of_its_own_passes_as_raw(event: dict[str, Any]) -> None:
    numbered = {**event, "sequence_number": 4, "obfuscation": "xyz"}
    assert decode(CREATED, numbered, completed())[1] == Raw(event["type"], event)


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": "server_error", "message": "m"}, Overloaded, True),
        ({"code": "rate_limit_exceeded", "message": "m"}, RateLimited, True),
        ({"code": "insufficient_quota", "message": "m"}, RateLimited, False),
        ({"code": "invalid_prompt", "message": "m"}, InvalidRequest, False),
        ({"code": "image_too_large", "message": "m"}, InvalidRequest, False),
        ({"code": "bio_policy", "message": "m"}, ContentBlocked, False),
        ({"code": None, "message": "m"}, Overloaded, True),
    ],
)
def test_an_error_in_the_stream_is_typed_in_all_its_shapes(
    error: dict[str, Any], kind: type[StreamError], retryable: bool
) -> None:
    flat = {"type": "error", "sequence_number": 2, "param": None, **error}
    for event in (flat, {"type": "error", "error": error}, {"error": error}, completed("failed", error=error)):
        with pytest.raises(kind, match="m") as caught:
            decode(CREATED, delta("Hi"), event)
        assert caught.value.retryable is retryable


def test_a_failure_tells_its_usage_first() -> None:
    decoder = ResponsesDecoder()
    event = completed("failed", error={"code": "server_error", "message": "m"}, usage={"input_tokens": 5})
    tokens = decoder.feed(json.dumps(event).encode())
    assert [next(tokens), next(tokens)] == [ResponseStart("resp_1", ""), Usage(5, raw={"input_tokens": 5})]
    with pytest.raises(Overloaded):
        next(tokens)


def test_items_and_calls_are_bounded() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f"}
    with pytest.raises(LimitExceeded, match="max_tool_calls=1024"):
        decode(CREATED, *(added(call, index) for index in range(1100)))
    with pytest.raises(LimitExceeded, match="max_output_items=4096"):
        decode(CREATED, *(delta("x", index=index) for index in range(4200)))


def test_items_are_told_apart_though_all_have_one_index() -> None:
    calls = [{"type": "function_call", "id": f"fc_{n}", "call_id": f"c{n}", "name": "f"} for n in (1, 2)]
    said = [{**delta(text, "function_call_arguments"), "item_id": f"fc_{n}"} for n, text in ((1, "{"), (2, "["))]
    more = [{**delta(text, "function_call_arguments"), "item_id": f"fc_{n}"} for n, text in ((2, "]"), (1, "}"))]
    tokens = decode(CREATED, *map(added, calls), *said, *more, *map(done, calls), completed())
    assert [(call.id, call.arguments) for call in folded(tokens).tool_calls] == [("c1", "{}"), ("c2", "[]")]
    assert [token for token in tokens if isinstance(token, ToolCallEnd)] == [ToolCallEnd(0), ToolCallEnd(1)]


def test_nothing_is_added_to_a_call_behind_its_end_and_every_call_is_ended() -> None:
    call = {"type": "function_call", "id": "i0", "call_id": "c", "name": "f", "arguments": "{}"}
    again = {**delta("", "function_call_arguments"), "type": "response.function_call_arguments.done", "arguments": "{}"}
    for first in (done(call), done({"type": "message", "content": []})):
        tokens = decode(CREATED, first, again, *([] if first["item"] is call else [done(call)]), completed())
        assert tokens[1:-1] == [ToolCallStart("c", "f", 0), ToolCallDelta("{}", 0), ToolCallEnd(0)]


@pytest.mark.parametrize("item", [None, [], {}, "x"])
def test_an_event_of_an_item_that_holds_none_is_left_raw(item: Any) -> None:
    call = {"type": "function_call", "id": "i0", "call_id": "c", "name": "f", "arguments": "{}"}
    nothing = {"type": "response.output_item.done", "output_index": 0, "item": item}
    tokens = decode(CREATED, added(call), nothing, done(call), completed())
    assert tokens[2] == Raw("response.output_item.done", nothing)
    assert [call.arguments for call in folded(tokens).tool_calls] == ["{}"]
    tokens = decode(CREATED, nothing, done({"id": "of no kind"}), completed())
    assert not [token for token in tokens if isinstance(token, ReasoningSignature)]  # it would be handed back


def test_ids_may_change_with_each_event_of_an_item() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "x" * 9000}
    said = [{**delta("x", "function_call_arguments"), "item_id": f"rotating_{n}"} for n in range(9000)]
    tokens = decode(CREATED, added({**call, "id": "a", "arguments": ""}), *said, done({**call, "id": "b"}), completed())
    assert [call.arguments for call in folded(tokens).tool_calls] == ["x" * 9000]


@pytest.mark.parametrize("index", [None, [], {}, 1.0, "0", True, -1])
@pytest.mark.parametrize("item_id", [None, [], 1, "i"])
def test_an_index_or_an_id_of_any_kind_is_no_reason_to_fail(index: Any, item_id: Any) -> None:
    event = {**delta("x"), "output_index": index, "item_id": item_id}
    assert folded(decode(CREATED, event, event, completed())).text == "xx"
