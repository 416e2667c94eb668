"""All that a request can hold, one feature at a time."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from tokenrill import (
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
from tokenrill.streams.parts import Part

__all__ = ["ASK", "FEATURES"]

ASK: Final = CompletionRequest(model="model", messages="Hi", max_tokens=4096)
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"n": {"type": "string"}},
    "required": ["n"],
    "additionalProperties": False,
}
TOOL: Final = Tool(name="look", description="Look around.", parameters=SCHEMA)
TOOLS: Final = replace(ASK, tools=(TOOL, Tool(name="go", parameters=SCHEMA)))
PIXEL: Final = b"\x89PNG\r\n\x1a\n"
CALL: Final = ToolCall("call_1", "look", '{"n":"1"}')
CALL_2: Final = ToolCall("call_2", "look", '{"n":"2"}')


def told(*parts: str | Part) -> CompletionRequest:
    return replace(ASK, messages=(Message.user(*parts),))


def handed_back(*parts: str | Part) -> CompletionRequest:
    return replace(ASK, messages=(Message.user("Hi"), Message.assistant(*parts), Message.user("And?")))


def answered(*results: ToolResult) -> CompletionRequest:
    calls = (CALL, CALL_2)[: len(results)]
    return replace(TOOLS, messages=(Message.user("Hi"), Message.assistant(*calls), Message.tool(*results)))


def signed(kind: str, text: str = "Hm.") -> CompletionRequest:
    return handed_back(ReasoningPart(text, ((kind, "c2lnbmVk"),)), "Yes")


# Feature: a request that holds it, and the same request without it.
FEATURES: Final[dict[str, tuple[CompletionRequest, CompletionRequest]]] = {
    "system message": (replace(ASK, messages=(Message.system("Be brief."), Message.user("Hi"))), ASK),
    "system message in the middle": (
        replace(
            ASK, messages=(Message.user("Hi"), Message.assistant("Yes"), Message.system("Now"), Message.user("So"))
        ),
        replace(ASK, messages=(Message.user("Hi"), Message.assistant("Yes"), Message.user("So"))),
    ),
    "several turns": (handed_back("Yes"), ASK),
    "image, bytes": (told("What?", Image(media_type="image/png", data=PIXEL)), told("What?")),
    "image, address": (told("What?", Image.of(url="https://example.com/a.png")), told("What?")),
    "PDF, bytes": (told("What?", Document(media_type="application/pdf", data=b"%PDF", name="a.pdf")), told("What?")),
    "PDF, address": (told("What?", Document.of(url="https://example.com/a.pdf")), told("What?")),
    "text document": (told("What?", Document(media_type="text/plain", data=b"Grass", name="a.txt")), told("What?")),
    "tools": (TOOLS, ASK),
    "strict tool": (replace(ASK, tools=(replace(TOOL, strict=True),)), replace(ASK, tools=(TOOL,))),
    "tool choice: none": (replace(TOOLS, tool_choice=ToolChoice("none")), TOOLS),
    "tool choice: any": (replace(TOOLS, tool_choice=ToolChoice("required")), TOOLS),
    "tool choice: this one": (replace(TOOLS, tool_choice=ToolChoice("tool", "look")), TOOLS),
    "no parallel calls": (replace(TOOLS, parallel_tool_calls=False), TOOLS),
    "tool result, text": (answered(ToolResult("call_1", "1")), TOOLS),
    "tool results, two": (answered(ToolResult("call_1", "1"), ToolResult("call_2", "2")), TOOLS),
    "tool result, image": (
        answered(ToolResult("call_1", (Text("Here"), Image(media_type="image/png", data=PIXEL)))),
        answered(ToolResult("call_1", "Here")),
    ),
    "tool result, error": (answered(ToolResult("call_1", "No", is_error=True)), answered(ToolResult("call_1", "No"))),
    "reasoning effort": (replace(ASK, reasoning=Reasoning(effort="low")), ASK),
    "reasoning budget": (replace(ASK, reasoning=Reasoning(budget_tokens=2048)), ASK),
    "no reasoning": (replace(ASK, reasoning=Reasoning(effort="none")), ASK),
    "reasoning summary": (
        replace(ASK, reasoning=Reasoning(effort="low", summary="auto")),
        replace(ASK, reasoning=Reasoning(effort="low")),
    ),
    "reasoning back: signature": (signed("signature"), handed_back("Yes")),
    "reasoning back: thought signature": (signed("thought_signature"), handed_back("Yes")),
    "reasoning back: redacted": (signed("redacted", ""), handed_back("Yes")),
    "reasoning back: encrypted": (signed("encrypted"), handed_back("Yes")),
    "refusal back": (handed_back(RefusalPart("I would not.")), ASK),
    "any JSON": (replace(ASK, response_format=ResponseFormat()), ASK),
    "JSON by schema": (replace(ASK, response_format=ResponseFormat(schema=SCHEMA)), ASK),
    "stop sequences": (replace(ASK, stop=("END",)), ASK),
    "temperature": (replace(ASK, temperature=0.5), ASK),
    "top_p": (replace(ASK, top_p=0.5), ASK),
    "top_k": (replace(ASK, top_k=5), ASK),
    "frequency_penalty": (replace(ASK, frequency_penalty=0.5), ASK),
    "presence_penalty": (replace(ASK, presence_penalty=0.5), ASK),
    "seed": (replace(ASK, seed=7), ASK),
    "several choices": (replace(ASK, choice_count=2), ASK),
    "log probabilities": (replace(ASK, logprobs=True, top_logprobs=2), ASK),
    "cache breakpoint, system": (
        replace(ASK, messages=(Message("system", (Text("Long.", cache=True),)), Message.user("Hi"))),
        replace(ASK, messages=(Message.system("Long."), Message.user("Hi"))),
    ),
    "cache breakpoint, message": (told(Text("Long.", cache=True)), told("Long.")),
    "cache breakpoint, tools": (replace(ASK, tools=(replace(TOOL, cache=True),)), replace(ASK, tools=(TOOL,))),
    "metadata": (replace(ASK, metadata={"team": "a"}), ASK),
    "user": (replace(ASK, user="u-1"), ASK),
}
