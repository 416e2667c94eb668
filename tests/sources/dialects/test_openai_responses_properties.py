"""OpenAI Responses: what holds for any answer, any cut and any bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from tests.contracts.openai import RESPONSES
from tests.sources.dialects.canonical import names, recode, usages, words
from tests.sources.dialects.responses_wire import CREATED, START, added, decode, delta, done
from tokenrill import (
    OPENAI_RESPONSES,
    Citation,
    Finish,
    Raw,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    StreamError,
    StreamToken,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from tokenrill.sources.dialects.openai_responses.decode import ResponsesDecoder


@st.composite
def items(draw: st.DrawFn) -> list[StreamToken]:
    """What this dialect can say: items one after the other, numbered; calls are numbered apart."""
    tokens: list[StreamToken] = []
    calls = 0
    for index, kind in enumerate(draw(st.lists(st.sampled_from(["text", "reasoning", "call", "hosted"]), max_size=5))):
        parts = draw(st.lists(words, min_size=1, max_size=3))
        match kind:
            case "text" if not isinstance(tokens[-1] if tokens else None, TextDelta | RefusalDelta | Citation):
                tokens.extend(TextDelta(part, index) for part in parts)
                if draw(st.booleans()):
                    note: dict[str, Any] = {"type": "url_citation", "url": "https://e.example", "title": "E"}
                    tokens.append(Citation("https://e.example", "E", index=index, raw=note))
                if draw(st.booleans()):
                    tokens.append(RefusalDelta("No.", index))
            case "reasoning":
                tokens.append(ReasoningSignature(f"rs_{index}", index, 0, "id"))
                tokens.extend(ReasoningDelta(part, index) for part in draw(st.sampled_from([parts, []])))
                if draw(st.booleans()):
                    tokens.append(ReasoningSignature("gAAAA+/=" * 3, index, 0, "encrypted"))
            case "hosted":
                item = {"id": f"ws_{index}", "type": "web_search_call", "status": "completed"}
                tokens.append(Raw("response.output_item.added", {**added(item, index)}))
                search: dict[str, Any] = {
                    "type": "response.web_search_call.searching",
                    "output_index": index,
                    "item_id": f"ws_{index}",
                }
                tokens.append(Raw(search["type"], search))
                tokens.append(Raw("response.output_item.done", {**done(item, index)}))
                tokens.append(ReasoningSignature(json.dumps(item, separators=(",", ":")), index, 0, "item"))
            case _:
                signature = draw(st.sampled_from([None, '{"namespace":"crm"}', '{"type":"custom_tool_call"}']))
                tokens.append(ToolCallStart(f"call_{calls}", draw(names), calls, 0, signature))
                tokens.extend(ToolCallDelta(part, calls) for part in parts)
                tokens.append(ToolCallEnd(calls))
                calls += 1
    return tokens


def reason_of(tokens: list[StreamToken]) -> Finish:
    functions = any(isinstance(token, ToolCallStart) and "custom" not in (token.signature or "") for token in tokens)
    texts = [at for at, token in enumerate(tokens) if isinstance(token, TextDelta)]
    calls = [at for at, token in enumerate(tokens) if isinstance(token, ToolCallStart)]
    asks = functions or (bool(calls) and (not texts or calls[-1] > texts[-1]))
    return Finish("tool_calls" if asks else "stop", "completed")


@given(content=items(), usage=usages, short=st.sampled_from(["", "length", "content_filter"]), cut=st.integers(1, 900))
def test_what_is_encoded_decodes_to_the_same_tokens(
    content: list[StreamToken], usage: Usage, short: Any, cut: int
) -> None:
    words_of = {"length": "max_output_tokens", "content_filter": "content_filter"}
    finish = Finish(short, words_of[short]) if short else reason_of(content)
    tokens: list[StreamToken] = [START, *content, usage, finish]
    again = recode(OPENAI_RESPONSES, tokens, {"model": "gpt-5"}, cut)
    assert [replace(token, raw=None) if isinstance(token, Usage) else token for token in again] == tokens


shapes = st.tuples(
    st.sampled_from(["output_text", "reasoning_summary_text", "function_call_arguments", "logprobs", "odd", "begin"]),
    st.integers(0, 2),
    words | st.just(""),
)


@given(st.lists(shapes, max_size=20), st.booleans())
def test_the_typed_path_gives_the_same_tokens_as_the_general_one(
    given_: list[tuple[str, int, str]], ends: bool
) -> None:
    events = [CREATED]
    for number, (shape, index, text) in enumerate(given_):
        made = delta(text, shape, index, sequence_number=number)
        if shape in ("logprobs", "odd"):
            made["type"] = "response.output_text.delta"
            made["logprobs" if shape == "logprobs" else "unheard_of"] = [{"token": text, "logprob": -0.5}]
        if shape == "begin":  # all with one index: then only their ids tell items apart
            kind = "function_call" if len(text) % 2 else "message"
            made = added({"type": kind, "id": f"i{index}", "call_id": f"c{number}", "name": "f"}, 0)
        events.append(made)
        if ends and number % 5 == 4:
            events.append(done({"type": "message", "content": []}, index))
    payloads = [json.dumps(event).encode() for event in events]
    slow, fast = ResponsesDecoder(), ResponsesDecoder()
    expected = [token for payload in payloads for token in slow.feed(payload)]
    got: list[StreamToken] = []
    for payload in payloads:
        batch = fast.feed_batch([payload])
        got.extend(fast.feed(payload) if batch is None else batch)
    assert got == expected
    assert fast.sequence_number == slow.sequence_number


KEYS = (
    "type item output_index item_id delta response output usage error code message content summary annotations "
    "logprobs arguments call_id name status incomplete_details encrypted_content part"
).split()
KINDS = (
    "response.created response.output_item.added response.output_item.done response.output_text.delta "
    "response.function_call_arguments.delta response.function_call_arguments.done response.completed response.failed "
    "response.output_text.annotation.added response.content_part.added error function_call message reasoning"
).split()
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(KINDS)
documents = st.recursive(
    leaves,
    lambda kids: st.lists(kids, max_size=3) | st.dictionaries(st.sampled_from(KEYS), kids, max_size=6),
    max_leaves=25,
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), documents, max_size=5))))
@settings(max_examples=300)
def test_no_json_makes_it_raise_anything_but_a_stream_error(events: list[tuple[str, dict[str, Any]]]) -> None:
    with suppress(StreamError):
        decode(*({**fields, "type": kind} for kind, fields in events))


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("output_text", TextDelta("b", 1)),
        ("reasoning_summary_text", ReasoningDelta("b", 1)),
        ("function_call_arguments", ToolCallDelta("b", 0)),
    ],
)
def test_plain_deltas_take_the_typed_path(kind: str, token: StreamToken) -> None:
    decoder = ResponsesDecoder()
    event = delta("b", kind, 1, sequence_number=9, content_index=0, logprobs=[], obfuscation="x")
    for payload in (CREATED, event):
        list(decoder.feed(json.dumps(payload).encode()))
    assert decoder.feed_batch([json.dumps(event).encode()] * 2) == [token, token]


@given(st.lists(st.tuples(st.integers(0, len(RESPONSES) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=300)
def test_no_bytes_make_it_raise_anything_but_a_stream_error(changes: list[tuple[int, int]]) -> None:
    wire = bytearray(RESPONSES)
    for place, byte in changes:
        wire[place] = byte
    with suppress(StreamError):
        OPENAI_RESPONSES.decode([bytes(wire)])
