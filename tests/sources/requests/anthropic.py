"""Anthropic: each feature's link into the documentation, its request, and the body transcribed from there."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tokenrill import (
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

__all__ = ["ASK", "GOLDEN", "HELLO"]

DOCS = "https://platform.claude.com/docs/en"
ASK = CompletionRequest(model="claude-opus-4-6", messages="Hello, Claude", max_tokens=1024)
HELLO: dict[str, Any] = {
    "model": "claude-opus-4-6",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello, Claude"}],
    "stream": True,
}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
WEATHER = Tool(name="get_weather", description="Get the weather", parameters=SCHEMA)
WEATHER_BODY: dict[str, Any] = {"name": "get_weather", "description": "Get the weather", "input_schema": SCHEMA}
EPHEMERAL = {"type": "ephemeral"}


def turns(*messages: Message) -> CompletionRequest:
    return replace(ASK, messages=messages)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


# Feature: where it is documented, the request, and what its body holds beside HELLO.
GOLDEN: dict[str, tuple[str, CompletionRequest, dict[str, Any]]] = {
    "a message": (f"{DOCS}/api/messages/create", ASK, {}),
    "system": (
        f"{DOCS}/api/messages/create",
        turns(Message.system("Be brief."), Message.user("Hello, Claude")),
        {"system": "Be brief."},
    ),
    "system in the middle": (
        f"{DOCS}/build-with-claude/mid-conversation-system-messages",
        turns(Message.user("Hello, Claude"), Message.system("Be brief.")),
        {"messages": [*HELLO["messages"], {"role": "system", "content": "Be brief."}]},
    ),
    "prompt caching": (
        f"{DOCS}/build-with-claude/prompt-caching",
        replace(
            turns(
                Message("system", (Text("You read novels."), Text("<the book>", cache=True))),
                Message("user", (Text("Who is the hero?", cache=True),)),
            ),
            tools=(replace(WEATHER, cache=True),),
        ),
        {
            "system": [
                {"type": "text", "text": "You read novels."},
                {"type": "text", "text": "<the book>", "cache_control": EPHEMERAL},
            ],
            **user({"type": "text", "text": "Who is the hero?", "cache_control": EPHEMERAL}),
            "tools": [{**WEATHER_BODY, "cache_control": EPHEMERAL}],
        },
    ),
    "images": (
        f"{DOCS}/build-with-claude/vision",
        turns(
            Message.user(
                Image(media_type="image/jpeg", data=b"\xff\xd8"), Image.of(url="https://example.com/ant.jpg"), "What?"
            )
        ),
        user(
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9g="}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/ant.jpg"}},
            {"type": "text", "text": "What?"},
        ),
    ),
    "documents": (
        f"{DOCS}/build-with-claude/pdf-support",
        turns(
            Message.user(
                Document(media_type="application/pdf", data=b"%PDF", name="Report"),
                Document(media_type="application/pdf", url="https://example.com/a.pdf"),
                Document(media_type="text/plain", data=b"Grass is green."),
            )
        ),
        user(
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "Report",
            },
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green."}},
        ),
    ),
    "tools": (
        f"{DOCS}/agents-and-tools/tool-use/define-tools",
        replace(ASK, tools=(WEATHER, Tool(name="now", strict=True)), tool_choice=ToolChoice("required")),
        {
            "tools": [
                WEATHER_BODY,
                {"name": "now", "input_schema": {"type": "object", "properties": {}}, "strict": True},
            ],
            "tool_choice": {"type": "any"},
        },
    ),
    "one tool at a time": (
        f"{DOCS}/agents-and-tools/tool-use/parallel-tool-use",
        replace(ASK, tools=(WEATHER,), parallel_tool_calls=False),
        {"tools": [WEATHER_BODY], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    "a certain tool": (
        f"{DOCS}/agents-and-tools/tool-use/define-tools",
        replace(ASK, tools=(WEATHER,), tool_choice=ToolChoice("tool", "get_weather")),
        {"tools": [WEATHER_BODY], "tool_choice": {"type": "tool", "name": "get_weather"}},
    ),
    "no tool": (
        f"{DOCS}/agents-and-tools/tool-use/define-tools",
        replace(ASK, tools=(WEATHER,), tool_choice=ToolChoice("none")),
        {"tools": [WEATHER_BODY], "tool_choice": {"type": "none"}},
    ),
    "tool results": (
        f"{DOCS}/agents-and-tools/tool-use/handle-tool-calls",
        turns(
            Message.user("Weather?"),
            Message.assistant(
                "Wait.", ToolCall("toolu_1", "get_weather", '{"location": "Bern"}'), ToolCall("toolu_2", "now")
            ),
            Message.tool(
                ToolResult("toolu_1", (Text("15 degrees"), Image(media_type="image/png", data=b"1"))),
                ToolResult("toolu_2", "ConnectionError", is_error=True),
            ),
            Message.user("And tomorrow?"),
        ),
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Wait."},
                        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"location": "Bern"}},
                        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [
                                {"type": "text", "text": "15 degrees"},
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/png", "data": "MQ=="},
                                },
                            ],
                        },
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_2",
                            "content": "ConnectionError",
                            "is_error": True,
                        },
                        {"type": "text", "text": "And tomorrow?"},
                    ],
                },
            ]
        },
    ),
    "thinking by budget": (
        f"{DOCS}/build-with-claude/extended-thinking",
        replace(ASK, max_tokens=16_000, reasoning=Reasoning(budget_tokens=10_000)),
        {"max_tokens": 16_000, "thinking": {"type": "enabled", "budget_tokens": 10_000}},
    ),
    "thinking by effort": (
        f"{DOCS}/build-with-claude/effort",
        replace(ASK, reasoning=Reasoning(effort="medium", summary="auto")),
        {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}},
    ),
    "no thinking": (
        f"{DOCS}/build-with-claude/thinking",
        replace(ASK, reasoning=Reasoning(effort="none")),
        {"thinking": {"type": "disabled"}},
    ),
    "thinking handed back": (
        f"{DOCS}/build-with-claude/extended-thinking",
        turns(
            Message.user("Hi"),
            Message.assistant(
                ReasoningPart("Let me see", (("signature", "EqQB+/="),)),
                ReasoningPart("", (("redacted", "Emw"),)),
                "Yes",
            ),
            Message.user("Sure?"),
        ),
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Let me see", "signature": "EqQB+/="},
                        {"type": "redacted_thinking", "data": "Emw"},
                        {"type": "text", "text": "Yes"},
                    ],
                },
                {"role": "user", "content": "Sure?"},
            ]
        },
    ),
    "structured output": (
        f"{DOCS}/build-with-claude/structured-outputs",
        replace(ASK, response_format=ResponseFormat(schema=SCHEMA)),
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ),
    "sampling": (
        f"{DOCS}/api/messages/create",
        replace(ASK, temperature=0.5, top_p=0.9, top_k=40, stop=("END",), user="u-1"),
        {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["END"], "metadata": {"user_id": "u-1"}},
    ),
    "what only this vendor knows": (
        f"{DOCS}/agents-and-tools/tool-use/web-search-tool",
        replace(ASK, extra={"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]}),
        {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]},
    ),
}
