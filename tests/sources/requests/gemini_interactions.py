"""Gemini's Interactions: a link into the documentation, a request, and the body transcribed from there."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.sources.requests.gemini import API, ASK, SCHEMA, WEATHER, turns
from tokenrill import (
    CompletionRequest,
    Document,
    Image,
    Message,
    Reasoning,
    ReasoningPart,
    ResponseFormat,
    ToolCall,
    ToolChoice,
    ToolResult,
)

__all__ = ["INTERACTIONS"]

STEP: dict[str, Any] = {"type": "user_input", "content": [{"type": "text", "text": "Hello"}]}
FUNCTION = {"type": "function", "name": "get_weather", "description": "Get the weather", "parameters": SCHEMA}
# Feature: where it is documented, the request, and the body beside its model and stream.
INTERACTIONS: dict[str, tuple[str, CompletionRequest, dict[str, Any]]] = {
    "text": (f"{API}/interactions-api", ASK, {"input": [STEP]}),
    "settings": (
        f"{API}/interactions-api#Resource:GenerationConfig",
        replace(
            ASK,
            messages=[Message.system("Be brief."), Message.user("Hello")],
            max_tokens=9,
            seed=7,
            stop=("END",),
            reasoning=Reasoning(effort="low", summary="auto"),
            tools=[WEATHER],
            tool_choice=ToolChoice("tool", "get_weather"),
            response_format=ResponseFormat(schema=SCHEMA),
            metadata={"team": "a"},
        ),
        {
            "input": [STEP],
            "system_instruction": "Be brief.",
            "tools": [FUNCTION],
            "generation_config": {
                "max_output_tokens": 9,
                "seed": 7,
                "stop_sequences": ["END"],
                "tool_choice": {"allowed_tools": {"mode": "any", "tools": ["get_weather"]}},
                "thinking_level": "low",
                "thinking_summaries": "auto",
            },
            "response_format": {"type": "text", "mime_type": "application/json", "schema": SCHEMA},
            "labels": {"team": "a"},
        },
    ),
    "steps": (
        f"{API}/interactions-api#Resource:Step",
        turns(
            Message.user(Image(media_type="image/png", data=b"\x89"), "Hello"),
            Message.assistant(
                ReasoningPart("Hmm.", (("thought_signature", "SIG"),)),
                "Hi",
                ToolCall("c1", "get_weather", '{"city":"Paris"}'),
            ),
            Message.tool(ToolResult("c1", "sunny", name="get_weather")),
            Message.user(Document(media_type="application/pdf", url="gs://b/a.pdf")),
        ),
        {
            "input": [
                {
                    "type": "user_input",
                    "content": [
                        {"type": "image", "mime_type": "image/png", "data": "iQ=="},
                        {"type": "text", "text": "Hello"},
                    ],
                },
                {"type": "thought", "signature": "SIG", "summary": [{"type": "text", "text": "Hmm."}]},
                {"type": "model_output", "content": [{"type": "text", "text": "Hi"}]},
                {"type": "function_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}},
                {"type": "function_result", "call_id": "c1", "result": "sunny", "name": "get_weather"},
                {
                    "type": "user_input",
                    "content": [{"type": "document", "mime_type": "application/pdf", "uri": "gs://b/a.pdf"}],
                },
            ]
        },
    ),
}
