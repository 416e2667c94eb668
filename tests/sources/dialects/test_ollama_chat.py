"""Ollama's own chat: what is particular to this dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from tests.sources.dialects.canonical import names, recode, texts, words
from tokenrill import (
    OLLAMA_CHAT,
    CompletionRequest,
    Document,
    Finish,
    Image,
    InvalidRequest,
    LimitExceeded,
    Message,
    Overloaded,
    Raw,
    Reasoning,
    ReasoningDelta,
    ReasoningPart,
    ResponseFormat,
    ResponseStart,
    StreamError,
    StreamToken,
    StreamTruncated,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolChoice,
    ToolResult,
    Usage,
)
from tokenrill.sources.dialects.ollama_chat.decode import OllamaDecoder

TIME = "2026-01-02T03:04:05.678Z"


def line(content: str = "", **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **fields.pop("message", {})}
    return {"model": "qwen3", "created_at": TIME, "message": message, "done": False, **fields}


def decode(*given_: dict[str, Any]) -> list[StreamToken]:
    return list(OLLAMA_CHAT.decode(json.dumps(one).encode() + b"\n" for one in given_))


END = line(done=True, done_reason="stop", prompt_eval_count=5, eval_count=2, total_duration=9)


@st.composite
def calls(draw: st.DrawFn) -> list[StreamToken]:
    tokens: list[StreamToken] = []
    for index in range(draw(st.integers(0, 3))):
        arguments = json.dumps({draw(names): draw(st.integers(0, 9))}, separators=(",", ":"))
        tokens += [
            ToolCallStart(f"call_{index}", draw(names), index),
            ToolCallDelta(arguments, index),
            ToolCallEnd(index),
        ]
    return tokens


@given(
    content=st.lists(texts | st.builds(ReasoningDelta, words), max_size=8),
    tools=calls(),
    counts=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    word=st.sampled_from(["stop", "length"]),
    cut=st.integers(1, 400),
)
def test_what_is_encoded_decodes_to_the_same_tokens(
    content: list[StreamToken], tools: list[StreamToken], counts: tuple[int, int], word: Any, cut: int
) -> None:
    finish = Finish("tool_calls" if tools and word == "stop" else word, word)
    tokens: list[StreamToken] = [ResponseStart("", "qwen3"), *content, *tools, Usage(*counts), finish]
    again = recode(OLLAMA_CHAT, tokens, {}, cut)
    assert [replace(token, raw=None) if isinstance(token, Usage) else token for token in again] == tokens


@given(st.lists(st.tuples(st.sampled_from(["text", "thinking", "odd", "done"]), words | st.just("")), max_size=20))
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(shapes: list[tuple[str, str]]) -> None:
    made: dict[str, Callable[[str], dict[str, Any]]] = {
        "text": lambda text: line(text),
        "thinking": lambda text: line("", message={"thinking": text}),
        "odd": lambda text: line(text, unheard_of=1),
        "done": lambda text: line(text, done=True, done_reason="stop"),
    }
    payloads = [json.dumps(made[shape](text)).encode() for shape, text in [("text", "x"), *shapes]]
    slow, fast = OllamaDecoder(), OllamaDecoder()
    expected = [token for payload in payloads for token in slow.feed(payload)]
    got: list[StreamToken] = []
    for payload in payloads:
        batch = fast.feed_batch([payload])
        got.extend(fast.feed(payload) if batch is None else batch)
    assert got == expected


def test_calls_come_whole_and_get_an_id_where_the_server_gives_none() -> None:
    function = {"name": "weather", "arguments": {"city": "Graz"}}
    given_ = [{"function": function}, {"id": "c9", "function": {**function, "index": 1}}]
    assert decode(line(message={"tool_calls": given_}), END)[1:7] == [
        ToolCallStart("call_20260102T030405678Z_0", "weather", 0),
        ToolCallDelta('{"city":"Graz"}', 0),
        ToolCallEnd(0),
        ToolCallStart("c9", "weather", 1),
        ToolCallDelta('{"city":"Graz"}', 1),
        ToolCallEnd(1),
    ]


def test_stop_after_a_call_waits_for_the_tool() -> None:
    call: dict[str, Any] = {"function": {"name": "f", "arguments": {}}}
    assert decode(line(message={"tool_calls": [call]}), END)[-1] == Finish("tool_calls", "stop")
    assert decode(line("Hi"), END)[-1] == Finish("stop", "stop")
    assert decode(line("Hi"), line(done=True, done_reason="new"))[-1] == Finish("other", "new")


def test_counts_come_with_the_last_line() -> None:
    raw = {"prompt_eval_count": 5, "eval_count": 2, "total_duration": 9}
    assert decode(line("Hi"), END)[-2] == Usage(5, 2, raw=raw)


def test_without_the_last_line_it_was_cut() -> None:
    with pytest.raises(StreamTruncated):
        decode(line("Hi"))


def test_an_error_in_the_stream_is_typed() -> None:
    with pytest.raises(Overloaded, match="out of memory"):
        decode(line("Hi"), {"error": "out of memory"})
    error = OLLAMA_CHAT.refuse(404, {}, b'{"error":"model \'x\' not found"}')
    assert isinstance(error, InvalidRequest)
    assert str(error) == "model 'x' not found"
    assert OLLAMA_CHAT.encode_error(error)[2] == b'{"error":"model \'x\' not found"}'


def test_unknown_fields_pass_as_raw_and_calls_are_bounded() -> None:
    tokens = decode(line("Hi", remote_model="a", message={"audio": "b"}), END)
    assert [token for token in tokens if isinstance(token, Raw)] == [
        Raw("message.audio", "b"),
        Raw("remote_model", "a"),
    ]
    with pytest.raises(LimitExceeded, match="max_tool_calls"):
        decode(line(message={"tool_calls": [{"function": {"name": "f"}}] * 1025}))


FULL = CompletionRequest(
    model="qwen3",
    messages=[
        Message.system("Be brief."),
        Message.user("Look:", Image(media_type="image/png", data=b"\x89PNG")),
        Message.assistant(ReasoningPart("Hm."), "So.", ToolCall("c1", "weather", '{"city":"Graz"}')),
        Message.tool(ToolResult("c1", "rain", name="weather")),
    ],
    max_tokens=10,
    temperature=0.5,
    top_p=0.9,
    top_k=5,
    frequency_penalty=0.1,
    presence_penalty=0.2,
    seed=7,
    stop=("a", "b"),
    logprobs=True,
    top_logprobs=3,
    tools=(Tool(name="weather", description="Now.", parameters={"type": "object"}),),
    response_format=ResponseFormat(schema={"type": "object"}),
    reasoning=Reasoning(effort="low"),
)


def test_a_full_request_is_rendered_as_documented_and_parsed_back() -> None:
    """https://docs.ollama.com/api/chat"""
    body = OLLAMA_CHAT.render(FULL)
    assert body == {
        "model": "qwen3",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look:", "images": ["iVBORw=="]},
            {
                "role": "assistant",
                "content": "So.",
                "thinking": "Hm.",
                "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": {"city": "Graz"}}}],
            },
            {"role": "tool", "content": "rain", "tool_call_id": "c1", "tool_name": "weather"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": "Now.", "parameters": {"type": "object"}},
            }
        ],
        "format": {"type": "object"},
        "options": {
            "num_predict": 10,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 5,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 7,
            "stop": ["a", "b"],
        },
        "think": "low",
        "logprobs": True,
        "top_logprobs": 3,
        "stream": True,
    }
    assert OLLAMA_CHAT.parse(body) == FULL


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"tool_choice": ToolChoice("required"), "tools": (Tool(name="f"),)}, "tool_choice"),
        ({"parallel_tool_calls": False, "tools": (Tool(name="f"),)}, "parallel_tool_calls"),
        ({"choice_count": 2}, "choice_count"),
        ({"reasoning": Reasoning(budget_tokens=9)}, "budget_tokens"),
        ({"reasoning": Reasoning(summary="auto")}, "summary"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"user": "u"}, "user"),
        ({"messages": [Message.user(Image.of(url="https://e.example/a.png"))]}, "image by address"),
        ({"messages": [Message.user(Image(media_type="image/png", data=b"x", detail="high"))]}, "detail"),
        ({"messages": [Message.user(Document(media_type="text/plain", data=b"x"))]}, "Document"),
        ({"messages": [Message.assistant(ToolCall("c", "f", "not json"))]}, "arguments"),
    ],
)
def test_what_has_no_place_is_refused_by_name(fields: dict[str, Any], what: str) -> None:
    given_: dict[str, Any] = {"model": "m", "messages": "x", **fields}
    with pytest.raises(ValueError, match=f"ollama_chat.*{what}"):
        OLLAMA_CHAT.render(CompletionRequest(**given_))


KEYS = "model message content thinking tool_calls function name arguments done done_reason error logprobs id".split()
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
documents = st.recursive(
    leaves,
    lambda kids: st.lists(kids, max_size=3) | st.dictionaries(st.sampled_from(KEYS), kids, max_size=6),
    max_leaves=20,
)


@given(documents)
@settings(max_examples=200)
def test_no_json_makes_it_raise_anything_but_a_stream_error(value: Any) -> None:
    for given_ in (value, {"message": value}, {"message": {"tool_calls": [value]}}):
        with suppress(StreamError):
            decode(given_)


def test_text_is_told_as_it_comes() -> None:
    assert decode(line("Hel"), line("lo"), END)[:3] == [
        ResponseStart("", "qwen3"),
        TextDelta("Hel"),
        TextDelta("lo"),
    ]


def test_plain_text_takes_the_typed_path() -> None:
    decoder = OllamaDecoder()
    list(decoder.feed(json.dumps(line("a")).encode()))
    assert decoder.feed_batch([json.dumps(line("b")).encode()] * 2) == [TextDelta("b")] * 2
