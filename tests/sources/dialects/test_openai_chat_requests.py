"""OpenAI chat completions: how requests and refusals are written and read."""

from __future__ import annotations

from typing import Any

import pytest

from tokenrill import (
    OPENAI_CHAT,
    ApiError,
    CompletionRequest,
    Document,
    Image,
    InvalidRequest,
    Message,
    Overloaded,
    RateLimited,
    Reasoning,
    ResponseFormat,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

WEATHER = Tool(name="weather", description="Now.", parameters={"type": "object", "properties": {}})

FULL = CompletionRequest(
    model="gpt-4o",
    messages=[
        Message.system("Be brief."),
        Message.user(
            "Look:",
            Image.of(url="https://e.example/a.png"),
            Image(media_type="image/png", data=b"\x89PNG", detail="low"),
        ),
        Message.user(Document(media_type="application/pdf", data=b"%PDF", name="a.pdf")),
        Message.assistant("So.", ToolCall("call_1", "weather", "{}")),
        Message.tool(ToolResult("call_1", "rain", name="weather")),
    ],
    max_tokens=10,
    temperature=0.5,
    top_p=0.9,
    frequency_penalty=0.1,
    presence_penalty=-0.1,
    seed=7,
    stop=("a", "b"),
    choice_count=2,
    logprobs=True,
    top_logprobs=3,
    tools=(WEATHER,),
    tool_choice=ToolChoice("tool", "weather"),
    parallel_tool_calls=False,
    response_format=ResponseFormat(schema={"type": "object"}, name="answer"),
    reasoning=Reasoning(effort="low"),
    metadata={"team": "a"},
    user="u1",
)


def test_a_full_request_is_rendered_as_documented() -> None:
    """https://platform.openai.com/docs/api-reference/chat/create"""
    assert OPENAI_CHAT.render(FULL) == {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}
                ],
            },
            {
                "role": "assistant",
                "content": "So.",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        "max_completion_tokens": 10,
        "temperature": 0.5,
        "top_p": 0.9,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.1,
        "seed": 7,
        "stop": ["a", "b"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Now.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
        "reasoning_effort": "low",
        "metadata": {"team": "a"},
        "user": "u1",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_is_rendered_is_parsed_back() -> None:
    assert OPENAI_CHAT.parse(OPENAI_CHAT.render(FULL)) == FULL


def test_mistral_s_any_is_required() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tool_choice": "any"}
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert OPENAI_CHAT.parse({**body, "tools": tools}).tool_choice == ToolChoice("required")


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (CompletionRequest(model="m", messages="x", top_k=1), "top_k"),
        (CompletionRequest(model="m", messages="x", reasoning=Reasoning(budget_tokens=9)), "budget_tokens"),
        (CompletionRequest(model="m", messages=[Message.user(Document.of(url="https://e.example/a.pdf"))]), "document"),
    ],
)
def test_what_has_no_place_is_refused_by_name(request_: CompletionRequest, what: str) -> None:
    with pytest.raises(ValueError, match=f"openai_chat.*{what}"):
        OPENAI_CHAT.render(request_)


@pytest.mark.parametrize(
    "error", [RateLimited("slow down", retry_after=2.0), InvalidRequest("no", code="bad"), Overloaded("later")]
)
def test_an_error_that_is_encoded_is_refused_as_the_same(error: ApiError) -> None:
    again = OPENAI_CHAT.refuse(*OPENAI_CHAT.encode_error(error))
    assert isinstance(again, ApiError)
    assert (type(again), str(again), again.code, again.retry_after) == (
        type(error),
        str(error),
        error.code,
        error.retry_after,
    )
