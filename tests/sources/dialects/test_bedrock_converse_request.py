"""Converse: requests, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.sources.dialects.bedrock import CLAUDE
from tests.sources.dialects.canonical import spoken
from tokenrill import (
    BEDROCK_CONVERSE,
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

FULL = CompletionRequest(
    model=CLAUDE,
    messages=[
        Message("system", [Text("Be brief.", cache=True)]),
        Message.user("Look", Image(media_type="image/png", data=b"\x89PNG", cache=True)),
        Message.user(Document(media_type="application/pdf", data=b"%PDF", name="a report.pdf")),
        Message.assistant(ReasoningPart("Hm", (("signature", "c2ln"),)), "Calling", ToolCall("t1", "add", '{"a":1}')),
        Message.tool(ToolResult("t1", [Text("2"), Image(media_type="image/jpeg", data=b"\xff\xd8")], is_error=True)),
        Message.user("And?"),
    ],
    max_tokens=100,
    temperature=0.5,
    top_p=0.9,
    top_k=40,
    stop=["END"],
    tools=[Tool(name="add", description="Adds", parameters={"type": "object", "properties": {}}, cache=True)],
    tool_choice=ToolChoice("tool", "add"),
    reasoning=Reasoning(budget_tokens=1024),
    response_format=ResponseFormat(schema={"type": "object"}, name="sum"),
    metadata={"team": "a"},
)


def test_all_that_a_request_can_hold_is_rendered() -> None:
    assert BEDROCK_CONVERSE.render(FULL) == {
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "Look"},
                    {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
                    {"cachePoint": {"type": "default"}},
                    {"document": {"format": "pdf", "name": "a report-pdf", "source": {"bytes": "JVBERg=="}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
                    {"text": "Calling"},
                    {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "t1",
                            "content": [{"text": "2"}, {"image": {"format": "jpeg", "source": {"bytes": "/9g="}}}],
                            "status": "error",
                        }
                    },
                    {"text": "And?"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "add",
                        "description": "Adds",
                        "inputSchema": {"json": {"type": "object", "properties": {}}},
                    }
                },
                {"cachePoint": {"type": "default"}},
            ],
            "toolChoice": {"tool": {"name": "add"}},
        },
        "additionalModelRequestFields": {"top_k": 40, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "sum"}},
            }
        },
        "requestMetadata": {"team": "a"},
    }


def test_a_request_parses_back() -> None:
    body = BEDROCK_CONVERSE.render(FULL)
    again = BEDROCK_CONVERSE.parse({**body, "model": CLAUDE})
    assert BEDROCK_CONVERSE.render(again) == body
    for name in (
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "tools",
        "tool_choice",
        "reasoning",
        "metadata",
    ):
        assert getattr(again, name) == getattr(FULL, name), name
    assert again.extra == {}


@given(st.lists(st.tuples(spoken, spoken), min_size=1, max_size=3), st.integers(1, 9) | st.none(), st.booleans())
def test_what_is_rendered_parses_to_the_same_request(
    turns: list[tuple[str, str]], most: int | None, cache: bool
) -> None:
    messages = [Message("system", [Text("s", cache=cache)])]
    for said, answered in turns:
        messages += [Message.user(said), Message.assistant(answered, ToolCall("t", "f", '{"a":[1]}'))]
        messages.append(Message.tool(ToolResult("t", "ok", name="f", cache=cache)))
    request = CompletionRequest(
        model=CLAUDE, messages=messages, max_tokens=most, tools=[Tool(name="f", parameters={"type": "object"})]
    )
    merged = BEDROCK_CONVERSE.render(request)
    assert BEDROCK_CONVERSE.render(BEDROCK_CONVERSE.parse({**merged, "model": CLAUDE})) == merged


@pytest.mark.parametrize(
    ("model", "asked", "fields"),
    [
        (CLAUDE, Reasoning(effort="high"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (CLAUDE, Reasoning(effort="none"), {"thinking": {"type": "disabled"}}),
        (CLAUDE, Reasoning(summary="auto"), {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (
            CLAUDE,
            Reasoning(effort="low", budget_tokens=2048, summary="auto"),
            {
                "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized"},
                "output_config": {"effort": "low"},
            },
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            Reasoning(effort="low"),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        ("openai.gpt-oss-20b-1:0", Reasoning(effort="medium"), {"reasoning_effort": "medium"}),
    ],
)
def test_reasoning_is_asked_for_in_the_models_own_words(model: str, asked: Reasoning, fields: dict[str, Any]) -> None:
    request = CompletionRequest(model=model, messages="Hi", reasoning=asked)
    body = BEDROCK_CONVERSE.render(request)
    assert body["additionalModelRequestFields"] == fields
    assert BEDROCK_CONVERSE.parse({**body, "model": model}) == request


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"seed": 1}, "seed"),
        ({"frequency_penalty": 1.0}, "frequency_penalty"),
        ({"logprobs": True}, "logprobs"),
        ({"choice_count": 2}, "choice_count"),
        ({"user": "u"}, "user"),
        ({"response_format": ResponseFormat()}, "schema"),
        ({"messages": [Message.user(Image(media_type="image/png", url="https://a.example/b.png"))]}, "by address"),
        ({"messages": [Message.user(Image(media_type="image/tiff", data=b"x"))]}, "image/tiff"),
        ({"messages": [Message.assistant(ToolCall("t", "f", "[1]"))]}, "no JSON object"),
        ({"messages": [Message.tool(ToolResult("t", "x"))]}, "tools"),
        ({"model": "meta.llama3-1-8b-instruct-v1:0", "top_k": 3}, "top_k"),
        ({"model": "meta.llama3-1-8b-instruct-v1:0", "reasoning": Reasoning(effort="low")}, "reason"),
        ({"tools": [Tool(name="f")], "tool_choice": ToolChoice("none")}, "forbid"),
    ],
)
def test_what_it_cannot_say_is_refused_by_name(fields: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"model": CLAUDE, "messages": "Hi", **fields}
    request = CompletionRequest(**given)
    with pytest.raises(ValueError, match=f"bedrock_converse.*{says}"):
        BEDROCK_CONVERSE.render(request)


def test_documents_of_one_name_are_told_apart() -> None:
    """The vendor refuses a conversation that holds a name twice, and wants plain names."""
    pdf: Any = {"data": b"%PDF", "media_type": "application/pdf"}
    turns = (
        Message.user("Compare.", Document.of(**pdf), Document.of(**pdf), Document(name="document 2", **pdf)),
        Message.assistant("They differ."),
        Message.user("And these?", Document(name="a_1.pdf", **pdf), Document(name="a-1.pdf", **pdf)),
        Message.user(*[Document(name="n" * 300, **pdf)] * 2),
    )
    rendered = BEDROCK_CONVERSE.render(CompletionRequest(model=CLAUDE, messages=turns))["messages"]
    names = [block["document"]["name"] for turn in rendered for block in turn["content"] if "document" in block]
    assert names[:5] == ["document", "document 2", "document 2 2", "a-1-pdf", "a-1-pdf 2"]
    assert len(set(names)) == 7
    assert max(map(len, names)) == 200


def test_blank_text_is_left_out_where_nothing_else_is_said() -> None:
    turns = (Message.user("Hi"), Message.assistant("\n\n", ToolCall("t1", "f")), Message.tool(ToolResult("t1", "\n")))
    asked = CompletionRequest(model=CLAUDE, messages=turns, tools=[Tool(name="f")])
    _, said, result = BEDROCK_CONVERSE.render(asked)["messages"]
    assert [*said["content"][0]] == ["toolUse"]
    assert result["content"][0]["toolResult"]["content"] == []


def test_a_cache_mark_inside_a_result_stands_behind_it() -> None:
    results = Message.tool(ToolResult("t", [Text("2", cache=True)]))
    body = BEDROCK_CONVERSE.render(CompletionRequest(model=CLAUDE, messages=[results], tools=[Tool(name="f")]))
    result = {"toolResult": {"toolUseId": "t", "content": [{"text": "2"}]}}
    assert body["messages"][0]["content"] == [result, {"cachePoint": {"type": "default"}}]


def test_images_in_s3_and_results_as_json_are_taken() -> None:
    request = CompletionRequest(
        model=CLAUDE, messages=[Message.user(Image(media_type="image/png", url="s3://b/a.png"))]
    )
    body = BEDROCK_CONVERSE.render(request)
    assert body["messages"][0]["content"][0]["image"]["source"] == {"s3Location": {"uri": "s3://b/a.png"}}
    assert BEDROCK_CONVERSE.parse({**body, "model": CLAUDE}) == request
    result = {"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}]}}
    parsed = BEDROCK_CONVERSE.parse({"model": "m", "messages": [{"role": "user", "content": [result]}]})
    assert parsed.turns == (Message.tool(ToolResult("t", '{"a":1}')),)


def test_a_document_may_be_given_as_text() -> None:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentSource.html"""
    document = {"format": "txt", "name": "facts", "source": {"text": "Grüße"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [{"text": "Hi"}, {"document": document}]}]}
    (_, said) = BEDROCK_CONVERSE.parse(body).turns[0].parts
    assert said == Document(media_type="text/plain", data="Grüße".encode(), name="facts")
