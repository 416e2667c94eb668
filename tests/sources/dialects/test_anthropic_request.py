"""Anthropic's Messages: requests there and back, and what has no place in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from tests.sources.dialects.canonical import names, spoken, words
from tokenrill import (
    ANTHROPIC_MESSAGES,
    CompletionRequest,
    Document,
    Image,
    Message,
    Reasoning,
    ReasoningPart,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tokenrill.sources.dialects.anthropic_messages import render_for

ASK = CompletionRequest(model="claude", messages="Hi", max_tokens=4096)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Now.", parameters=SCHEMA)
SERVER_BLOCK = '{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}'


def with_turns(*turns: Message) -> CompletionRequest:
    return replace(ASK, messages=turns)


def with_reply(*parts: Any) -> CompletionRequest:
    return with_turns(Message.user("Hi"), Message.assistant(*parts))


REQUESTS: dict[str, CompletionRequest] = {
    "text": ASK,
    "system": with_turns(Message.system("Be brief."), Message.user("Hi")),
    "system in parts, cached": with_turns(
        Message("system", (Text("Be brief."), Text("Long.", cache=True))), Message.user("Hi")
    ),
    "system in the middle": with_turns(
        Message.user("Hi"), Message.assistant("Yes?"), Message.user("Go"), Message.system("Be brief.")
    ),
    "cached user text": with_turns(Message("user", (Text("Long.", cache=True), Text("Hi")))),
    "image": with_turns(Message.user("See", Image(media_type="image/png", data=b"\x89PNG", cache=True))),
    "image by address": with_turns(Message.user(Image.of(url="https://example.com/a.webp"))),
    "documents": with_turns(
        Message.user(
            Document(media_type="application/pdf", data=b"%PDF", name="a.pdf", cache=True),
            Document(media_type="application/pdf", url="https://example.com/a.pdf"),
            Document(media_type="text/plain", data="Zürich".encode(), name="b"),
        )
    ),
    "reasoning": with_reply(
        ReasoningPart("Let me see", (("signature", "EqQB+/="),)), ReasoningPart("", (("redacted", "Emw"),)), "Yes"
    ),
    "server tools": with_reply(ReasoningPart("", (("block", SERVER_BLOCK),)), "Yes"),
    "calls and results": with_turns(
        Message.user("Hi"),
        Message.assistant("Wait", ToolCall("t1", "weather", '{"city":"Bern"}'), ToolCall("t2", "now", "{}")),
        Message.tool(
            ToolResult("t1", "12°", name="weather"),
            ToolResult("t2", "no clock", is_error=True, name="now", cache=True),
        ),
        Message.user("And?"),
    ),
    "image in a result": with_turns(
        Message.user("Hi"),
        Message.assistant(ToolCall("t1", "look", "{}")),
        Message.tool(ToolResult("t1", (Text("See"), Image(media_type="image/png", data=b"1")), name="look")),
    ),
    "a result of nothing": with_turns(
        Message.user("Hi"), Message.assistant(ToolCall("t1", "f", "{}")), Message.tool(ToolResult("t1", (), name="f"))
    ),
    "sampling": replace(ASK, temperature=0.5, top_p=0.9, top_k=40, stop=("END", "STOP"), user="u-1"),
    "tools": replace(ASK, tools=(WEATHER, Tool(name="now", strict=True, cache=True))),
    "tool choice": replace(ASK, tools=(WEATHER,), tool_choice=ToolChoice("tool", "weather"), parallel_tool_calls=False),
    "any tool": replace(ASK, tools=(WEATHER,), tool_choice=ToolChoice("required"), parallel_tool_calls=True),
    "no tool": replace(ASK, tools=(WEATHER,), tool_choice=ToolChoice("none")),
    "budget": replace(ASK, reasoning=Reasoning(budget_tokens=2048, summary="auto")),
    "budget and effort": replace(ASK, reasoning=Reasoning(budget_tokens=2048, effort="low")),
    "effort": replace(ASK, reasoning=Reasoning(effort="max")),
    "shown thinking": replace(ASK, reasoning=Reasoning(summary="auto")),
    "no thinking": replace(ASK, reasoning=Reasoning(effort="none")),
    "structured": replace(ASK, response_format=ResponseFormat(schema=SCHEMA)),
    "extra": replace(ASK, extra={"service_tier": "auto", "container": "container_1"}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_goes_there_and_back(name: str) -> None:
    request = REQUESTS[name]
    assert ANTHROPIC_MESSAGES.parse({**ANTHROPIC_MESSAGES.render(request), **request.extra}) == request


texts = st.builds(Text, spoken, cache=st.just(False))
images = st.builds(Image, media_type=st.sampled_from(["image/png", "image/gif"]), data=st.binary(max_size=9))
signed = st.builds(ReasoningPart, words, st.tuples(st.tuples(st.just("signature"), words)))
redacted = st.builds(ReasoningPart, st.just(""), st.tuples(st.tuples(st.just("redacted"), words)))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    turns = [Message("system", draw(words))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(st.lists(texts | images, min_size=1, max_size=3))))
        calls = [ToolCall(f"t{number}{n}", draw(names), '{"a":1}') for n in range(draw(st.integers(0, 2)))]
        turns.append(Message("assistant", [*draw(st.lists(signed | redacted | texts, min_size=1, max_size=3)), *calls]))
        if calls:
            turns.append(Message("tool", [ToolResult(call.id, draw(spoken), name=call.name) for call in calls]))
    return (*turns, Message("user", draw(spoken)))


@settings(max_examples=100, deadline=None)
@given(conversations(), st.sampled_from([None, 0.0, 1.0]), st.lists(words, max_size=2))
def test_any_conversation_goes_there_and_back(
    turns: tuple[Message, ...], temperature: float | None, stop: list[str]
) -> None:
    request = replace(ASK, messages=turns, temperature=temperature, stop=tuple(stop))
    assert ANTHROPIC_MESSAGES.parse(ANTHROPIC_MESSAGES.render(request)) == request


REFUSED: dict[str, tuple[CompletionRequest, str]] = {
    "a seed": (replace(ASK, seed=1), "seed"),
    "log probabilities": (replace(ASK, logprobs=True), "logprobs"),
    "several choices": (replace(ASK, choice_count=2), "choice_count"),
    "a presence penalty": (replace(ASK, presence_penalty=0.0), "presence_penalty"),
    "a frequency penalty": (replace(ASK, frequency_penalty=1.0), "frequency_penalty"),
    "a temperature above 1": (replace(ASK, temperature=1.5), "0 to 1"),
    "JSON without a schema": (replace(ASK, response_format=ResponseFormat()), "schema"),
    "labels": (replace(ASK, metadata={"team": "a"}), "user_id"),
    "a small budget": (replace(ASK, reasoning=Reasoning(budget_tokens=100)), "1024 or more"),
    "a budget of all tokens": (replace(ASK, reasoning=Reasoning(budget_tokens=4096)), "less than max_tokens"),
    "a word document": (with_turns(Message.user(Document(media_type="application/msword", data=b""))), "PDF"),
    "a text by address": (
        with_turns(Message.user(Document(media_type="text/plain", url="https://example.com/a"))),
        "by address",
    ),
    "a text in another encoding": (
        with_turns(Message.user(Document(media_type="text/plain", data=b"\xff\xfe"))),
        "UTF-8",
    ),
    "an image's detail": (
        with_turns(Message.user(Image(media_type="image/png", data=b"", detail="low"))),
        "detail",
    ),
    "a call cut in the middle": (with_reply(ToolCall("t1", "f", '{"city": "Be')), "'t1'"),
    "a call with a list": (with_reply(ToolCall("t1", "f", "[1]")), "'t1'"),
    "a turn that says nothing": (with_reply(ReasoningPart("unsigned")), "assistant message that says nothing"),
    "five breakpoints": (with_turns(Message("user", [Text("a", cache=True)] * 5)), "at most 4"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_is_refused_by_name(name: str) -> None:
    request, told = REFUSED[name]
    with pytest.raises(ValueError, match=f"anthropic_messages .*{told}"):
        ANTHROPIC_MESSAGES.render(request)


@pytest.mark.parametrize("sampling", [{"temperature": 1.0}, {"top_p": 0.9}, {"top_k": 5}])
def test_the_version_without_sampling_refuses_it(sampling: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="2026-10-21"):
        render_for("anthropic", version="2026-10-21")(replace(ASK, **sampling))
    assert render_for("vertex")(replace(ASK, **sampling)).items() >= sampling.items()


def test_reasoning_of_another_provider_is_left_out() -> None:
    parts = (ReasoningPart("Hm", (("id", "rs_1"), ("encrypted", "gAAAA"))), ReasoningPart("Hm"), "Yes")
    assert ANTHROPIC_MESSAGES.render(with_reply(*parts))["messages"][1]["content"] == [{"type": "text", "text": "Yes"}]
    signed_elsewhere = ToolCall("t1", "f", "{}", signature="{Gemini's own}")
    rendered = ANTHROPIC_MESSAGES.render(with_reply(signed_elsewhere))["messages"][1]["content"]
    assert rendered == [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]


def test_blank_text_is_left_out_where_nothing_else_is_said() -> None:
    """Claude says blank lines before it calls a tool, and refuses them when they come back alone."""
    call = ToolCall("t1", "f", "{}")
    asked = with_turns(
        Message.user("Hi"), Message.assistant("\n\n", call), Message.tool(ToolResult("t1", "\n")), Message.user("On.")
    )
    _, said, result = ANTHROPIC_MESSAGES.render(asked)["messages"]
    assert [block["type"] for block in said["content"]] == ["tool_use"]
    assert result["content"][0] == {"type": "tool_result", "tool_use_id": "t1"}
    spaced = ANTHROPIC_MESSAGES.render(with_reply("One.", "\n\n", "Two."))["messages"][1]["content"]
    assert [block["text"] for block in spaced] == ["One.", "\n\n", "Two."]
    for blank in ("", " ", "\n\n"):
        with pytest.raises(ValueError, match="assistant message that says nothing"):
            ANTHROPIC_MESSAGES.render(with_reply(blank))


def test_results_of_several_messages_share_one_turn() -> None:
    turns = with_turns(
        Message.user("Hi"),
        Message.assistant(ToolCall("a", "f"), ToolCall("b", "g")),
        Message.tool(ToolResult("a", "1")),
        Message.tool(ToolResult("b", "2")),
        Message.user("And?"),
    )
    rendered = ANTHROPIC_MESSAGES.render(turns)["messages"]
    assert [turn["role"] for turn in rendered] == ["user", "assistant", "user"]
    assert [block["type"] for block in rendered[2]["content"]] == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize(
    ("reasoning", "most"),
    [
        (None, 8192),
        (Reasoning(budget_tokens=10_000), 18_192),
        (Reasoning(effort="high"), 32_768),
        (Reasoning(effort="none"), 8192),
    ],
)
def test_max_tokens_has_a_default_because_the_vendor_wants_it(reasoning: Reasoning | None, most: int) -> None:
    assert ANTHROPIC_MESSAGES.render(replace(ASK, max_tokens=None, reasoning=reasoning))["max_tokens"] == most


@pytest.mark.parametrize(
    "body",
    [
        {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
        {"thinking": {"type": "between_tools"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        {"output_config": {"effort": "low"}},
        {"tools": [{"type": "web_search_20260318", "name": "web_search"}, {"name": "f", "input_schema": SCHEMA}]},
        {"system": "Be brief.", "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}]},
    ],
)
def test_what_only_this_vendor_says_survives_a_gateway(body: dict[str, Any]) -> None:
    asked = {
        "model": "claude",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        **body,
        "stream": True,
    }
    request = ANTHROPIC_MESSAGES.parse(asked)
    sent = {**ANTHROPIC_MESSAGES.render(request), **request.extra}
    assert sent == asked


def test_adaptive_thinking_without_an_effort_is_a_high_effort_as_the_vendor_has_it() -> None:
    body = {**ANTHROPIC_MESSAGES.render(ASK), "thinking": {"type": "adaptive"}}
    assert ANTHROPIC_MESSAGES.parse(body).reasoning == Reasoning(effort="high")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"messages": "Hi"},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"kind": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}}
                    ],
                }
            ]
        },
        {"messages": [{"role": "user", "content": "Hi"}], "tool_choice": {"type": "sometimes"}},
        {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": "many"},
        {"messages": [{"role": "user", "content": "Hi"}], "output_config": {"format": {"type": "json_schema"}}},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]},
    ],
)
def test_what_is_no_request_is_a_value_error(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, each says something else
        ANTHROPIC_MESSAGES.parse({"model": "claude", "max_tokens": 9, **broken})
