"""Gemini: each feature's link into the documentation, its request, and the body transcribed from there."""

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

__all__ = ["API", "ASK", "GOLDEN", "HELLO", "SCHEMA", "WEATHER", "turns"]

DOCS = "https://ai.google.dev/gemini-api/docs"
API = "https://ai.google.dev/api"
ASK = CompletionRequest(model="gemini-3-pro-preview", messages="Hello")
HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="get_weather", description="Get the weather", parameters=SCHEMA)
DECLARED: dict[str, Any] = {
    "tools": [
        {
            "functionDeclarations": [
                {"name": "get_weather", "description": "Get the weather", "parametersJsonSchema": SCHEMA}
            ]
        }
    ]
}


def turns(*messages: Message) -> CompletionRequest:
    return replace(ASK, messages=messages)


def calling(**config: Any) -> dict[str, Any]:
    return {**DECLARED, "toolConfig": {"functionCallingConfig": config}}


def asking(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


# Feature: where it is documented, the request, and what its body holds beside HELLO.
GOLDEN: dict[str, tuple[str, CompletionRequest, dict[str, Any]]] = {
    "text": (f"{API}/generate-content", ASK, {}),
    "system": (
        f"{DOCS}/text-generation#system-instructions",
        turns(Message.system("Be brief."), Message.user("Hello")),
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}},
    ),
    "turns": (
        f"{DOCS}/text-generation#multi-turn-conversations",
        turns(Message.user("Hello"), Message.assistant("Hi!"), Message.user("Bye")),
        {
            "contents": [
                *HELLO["contents"],
                {"role": "model", "parts": [{"text": "Hi!"}]},
                {"role": "user", "parts": [{"text": "Bye"}]},
            ]
        },
    ),
    "sampling": (
        f"{API}/generate-content#generationconfig",
        replace(
            ASK,
            max_tokens=9,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            frequency_penalty=0.1,
            presence_penalty=0.2,
            seed=7,
            stop=("END",),
            choice_count=2,
            logprobs=True,
            top_logprobs=3,
        ),
        config(
            maxOutputTokens=9,
            temperature=0.5,
            topP=0.9,
            topK=40,
            frequencyPenalty=0.1,
            presencePenalty=0.2,
            seed=7,
            stopSequences=["END"],
            candidateCount=2,
            responseLogprobs=True,
            logprobs=3,
        ),
    ),
    "JSON": (
        f"{DOCS}/structured-output",
        replace(ASK, response_format=ResponseFormat()),
        config(responseMimeType="application/json"),
    ),
    "schema": (
        f"{DOCS}/structured-output",
        replace(ASK, response_format=ResponseFormat(schema=SCHEMA)),
        config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
    ),
    "thinking level": (
        f"{DOCS}/thinking#thinking-levels",
        replace(ASK, reasoning=Reasoning(effort="low", summary="auto")),
        config(thinkingConfig={"thinkingLevel": "LOW", "includeThoughts": True}),
    ),
    "thinking budget": (
        f"{DOCS}/thinking#set-budget",
        replace(ASK, reasoning=Reasoning(budget_tokens=1024)),
        config(thinkingConfig={"thinkingBudget": 1024}),
    ),
    "effort on 2.5": (
        f"{DOCS}/openai#thinking",
        replace(ASK, model="gemini-2.5-flash", reasoning=Reasoning(effort="high")),
        config(thinkingConfig={"thinkingBudget": 24576}),
    ),
    "tools": (f"{DOCS}/function-calling", replace(ASK, tools=[WEATHER]), DECLARED),
    **{
        f"tool choice {choice.mode}": (
            f"{DOCS}/function-calling#function_calling_modes",
            replace(ASK, tools=[WEATHER], tool_choice=choice),
            calling(**said),
        )
        for choice, said in (
            (ToolChoice("auto"), {"mode": "AUTO"}),
            (ToolChoice("none"), {"mode": "NONE"}),
            (ToolChoice("required"), {"mode": "ANY"}),
            (ToolChoice("tool", "get_weather"), {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}),
        )
    },
    "strict tools": (
        f"{DOCS}/function-calling#function_calling_modes",
        replace(ASK, tools=[replace(WEATHER, strict=True)]),
        calling(mode="VALIDATED"),
    ),
    "a call and its result": (
        f"{DOCS}/thought-signatures",
        turns(
            Message.user("Hello"),
            Message.assistant(ToolCall("c1", "get_weather", '{"city":"Paris"}', "SIG")),
            Message.tool(ToolResult("c1", "sunny", name="get_weather")),
        ),
        {
            "contents": [
                *HELLO["contents"],
                {
                    "role": "model",
                    "parts": [
                        {
                            "functionCall": {"name": "get_weather", "args": {"city": "Paris"}, "id": "c1"},
                            "thoughtSignature": "SIG",
                        }
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "get_weather", "response": {"output": "sunny"}, "id": "c1"}}
                    ],
                },
            ]
        },
    ),
    "a failed call, and pictures": (
        f"{DOCS}/function-calling#multimodal",
        turns(
            Message.user("Hello"),
            Message.tool(
                ToolResult("c1", "broken", is_error=True, name="f"),
                ToolResult("c2", [Text("see"), Image(media_type="image/png", data=b"\x89")], name="g"),
            ),
        ),
        {
            "contents": [
                *HELLO["contents"],
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "f", "response": {"error": "broken"}, "id": "c1"}},
                        {
                            "functionResponse": {
                                "name": "g",
                                "response": {"output": "see"},
                                "id": "c2",
                                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iQ=="}}],
                            }
                        },
                    ],
                },
            ]
        },
    ),
    "pictures and documents": (
        f"{DOCS}/image-understanding",
        turns(
            Message.user(
                Image(media_type="image/png", data=b"\x89", detail="low"),
                Image(media_type="image/jpeg", url="https://generativelanguage.googleapis.com/v1beta/files/a"),
                Document(media_type="application/pdf", data=b"%PDF"),
                Document(media_type="application/pdf", url="gs://bucket/a.pdf"),
                "Hello",
            )
        ),
        asking(
            {
                "inlineData": {"mimeType": "image/png", "data": "iQ=="},
                "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
            },
            {
                "fileData": {
                    "mimeType": "image/jpeg",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                }
            },
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/a.pdf"}},
            {"text": "Hello"},
        ),
    ),
    "foreign reasoning": (
        f"{DOCS}/thought-signatures",
        turns(
            Message.user("Hello"),
            Message.assistant(ReasoningPart("unsigned"), ReasoningPart("", (("encrypted", "E"),)), "Hi"),
        ),
        {"contents": [*HELLO["contents"], {"role": "model", "parts": [{"text": "Hi"}]}]},
    ),
    "extra": (
        f"{DOCS}/safety-settings",
        replace(ASK, extra={"cachedContent": "cachedContents/1"}),
        {},
    ),
}
