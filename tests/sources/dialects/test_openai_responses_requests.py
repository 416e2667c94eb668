"""OpenAI Responses: requests, as documented, there and back."""

from __future__ import annotations

import pytest

from tokenrill import (
    OPENAI_RESPONSES,
    CompletionRequest,
    Document,
    Image,
    Message,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

PNG = Image(media_type="image/png", data=b"\x89PNG", detail="low")
WEATHER = Tool(name="weather", description="Now.", parameters={"type": "object", "properties": {}}, strict=True)
FULL = CompletionRequest(
    model="gpt-5",
    messages=[
        Message.system("Be brief."),
        Message.user("Look:", Image.of(url="https://e.example/a.png"), PNG),
        Message.user(
            Document(media_type="application/pdf", data=b"%PDF", name="a.pdf"),
            Document.of(url="https://e.example/b.pdf"),
        ),
        Message.assistant(
            ReasoningPart("Hm.", (("id", "rs_1"), ("encrypted", "gAAA=="))),
            "So.",
            RefusalPart("No."),
            ToolCall("call_1", "weather", '{"city":"Graz"}'),
            ToolCall("call_2", "patch", "*** Begin", '{"type":"custom_tool_call"}'),
            ToolCall("call_3", "find", "{}", '{"namespace":"crm"}'),
        ),
        Message.tool(
            ToolResult("call_1", "rain", name="weather"),
            ToolResult("call_2", "done", name="patch"),
            ToolResult("call_3", (Text("a map"), PNG), name="find"),
        ),
    ],
    max_tokens=16,
    temperature=0.5,
    top_p=0.9,
    logprobs=True,
    top_logprobs=3,
    tools=(WEATHER, Tool(name="now")),
    tool_choice=ToolChoice("tool", "weather"),
    parallel_tool_calls=False,
    response_format=ResponseFormat(schema={"type": "object"}, name="answer"),
    reasoning=Reasoning(effort="low", summary="auto"),
    metadata={"team": "a"},
    user="u1",
)


def test_a_full_request_is_rendered_as_documented() -> None:
    """https://platform.openai.com/docs/api-reference/responses/create"""
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "low"}
    assert OPENAI_RESPONSES.render(FULL) == {
        "model": "gpt-5",
        "input": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look:"},
                    {"type": "input_image", "image_url": "https://e.example/a.png"},
                    image,
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_file",
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                    {"type": "input_file", "file_url": "https://e.example/b.pdf"},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "gAAA==",
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "So.", "annotations": []},
                    {"type": "refusal", "refusal": "No."},
                ],
            },
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Graz"}'},
            {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "*** Begin"},
            {"type": "function_call", "call_id": "call_3", "name": "find", "arguments": "{}", "namespace": "crm"},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "done"},
            {
                "type": "function_call_output",
                "call_id": "call_3",
                "output": [{"type": "input_text", "text": "a map"}, image],
            },
        ],
        "max_output_tokens": 16,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 3,
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Now.",
                "parameters": {"type": "object", "properties": {}},
                "strict": True,
            },
            {"type": "function", "name": "now", "parameters": None},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "metadata": {"team": "a"},
        "user": "u1",
        "stream": True,
    }


@pytest.mark.parametrize(
    "request_",
    [
        FULL,
        CompletionRequest(model="m", messages="Hi"),
        CompletionRequest(model="m", messages="Hi", response_format=ResponseFormat(), tool_choice=ToolChoice("none")),
        CompletionRequest(model="m", messages="Hi", reasoning=Reasoning(effort="max")),
        CompletionRequest(model="m", messages="Hi", reasoning=Reasoning()),
    ],
)
def test_what_is_rendered_is_parsed_back(request_: CompletionRequest) -> None:
    assert OPENAI_RESPONSES.parse(OPENAI_RESPONSES.render(request_)) == request_


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (CompletionRequest(model="m", messages="x", top_k=1), "top_k"),
        (CompletionRequest(model="m", messages="x", stop="a"), "stop"),
        (CompletionRequest(model="m", messages="x", seed=1), "seed"),
        (CompletionRequest(model="m", messages="x", presence_penalty=1), "presence_penalty"),
        (CompletionRequest(model="m", messages="x", frequency_penalty=1), "frequency_penalty"),
        (CompletionRequest(model="m", messages="x", choice_count=2), "choice_count"),
        (CompletionRequest(model="m", messages="x", reasoning=Reasoning(budget_tokens=9)), "budget_tokens"),
    ],
)
def test_what_has_no_place_is_refused_by_name(request_: CompletionRequest, what: str) -> None:
    with pytest.raises(ValueError, match=f"openai_responses.*{what}"):
        OPENAI_RESPONSES.render(request_)


def test_another_providers_reasoning_and_signatures_are_left_out() -> None:
    turn = Message.assistant(ReasoningPart("Hm.", (("signature", "EqQB"),)), ToolCall("c", "f", "{}", "EqQB"))
    rendered = OPENAI_RESPONSES.render(CompletionRequest(model="m", messages=[turn]))
    assert rendered["input"] == [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]


def test_an_error_of_a_tool_says_so() -> None:
    results = Message.tool(ToolResult("c", "no such city", is_error=True), ToolResult("d", (PNG,), is_error=True))
    first, second = OPENAI_RESPONSES.render(CompletionRequest(model="m", messages=[results]))["input"]
    assert first["output"] == "Error: no such city"
    assert second["output"][0] == {"type": "input_text", "text": "Error:"}


def test_hosted_tools_and_unknown_fields_are_kept_in_extra() -> None:
    body = {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": "Hi",
        "tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": None}],
        "tool_choice": {"type": "web_search"},
        "include": ["web_search_call.action.sources"],
        "reasoning": {"effort": "low", "generate_summary": "auto"},
        "text": {"verbosity": "low"},
        "previous_response_id": "resp_0",
        "store": False,
    }
    request = OPENAI_RESPONSES.parse(body)
    kept = ("tools", "tool_choice", "include", "reasoning", "text", "previous_response_id", "store")
    assert request.extra == {name: body[name] for name in kept}
    assert request.turns == (Message.system("Be brief."), Message.user("Hi"))
    assert request.tools == (Tool(name="f"),)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m"},
        {"model": "m", "input": [{"role": "nobody", "content": "x"}]},
        {"model": "m", "input": [{"type": "item_reference", "id": "x"}]},
        {"model": "m", "input": [{"type": "function_call"}]},
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ],
)
def test_what_is_no_request_is_a_value_error(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"input|messages|request"):
        OPENAI_RESPONSES.parse(body)
