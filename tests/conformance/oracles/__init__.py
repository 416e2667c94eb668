"""What each recorded API expects, and which dialect reads it: one row an API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenrill import ANTHROPIC_MESSAGES, AZURE_CHAT, AZURE_RESPONSES, OLLAMA_CHAT, OPENAI_CHAT, OPENAI_RESPONSES
from tokenrill.sources.dialect import Dialect
from tokenrill.sources.dialects.bedrock_converse import BEDROCK_CONVERSE
from tokenrill.sources.dialects.bedrock_invoke import BEDROCK_INVOKE
from tokenrill.sources.dialects.gemini import GEMINI
from tokenrill.sources.dialects.gemini_interactions import GEMINI_INTERACTIONS

from .chat import chat_completions
from .converse import converse_stream
from .gemini import gemini
from .interactions import interactions
from .invoke import invoke_with_response_stream
from .messages import messages
from .ollama import ollama_chat
from .responses import responses
from .rows import Oracle

__all__ = ["DIALECTS", "ORACLES", "dialect_for"]

DIALECTS: dict[str, Dialect] = {
    "chat_completions": OPENAI_CHAT,
    "messages": ANTHROPIC_MESSAGES,
    "stream_raw_predict": ANTHROPIC_MESSAGES,
    "responses": OPENAI_RESPONSES,
    "ollama_chat": OLLAMA_CHAT,
    "converse_stream": BEDROCK_CONVERSE,
    "invoke_with_response_stream": BEDROCK_INVOKE,
    "stream_generate_content": GEMINI,
    "interactions": GEMINI_INTERACTIONS,
}
ORACLES: dict[str, Oracle] = {
    "chat_completions": chat_completions,
    "messages": messages,
    "stream_raw_predict": messages,
    "responses": responses,
    "ollama_chat": ollama_chat,
    "converse_stream": converse_stream,
    "invoke_with_response_stream": invoke_with_response_stream,
    "stream_generate_content": gemini,
    "interactions": interactions,
}

# Where a provider speaks its own kind of a dialect.
VARIANTS: dict[tuple[str, str], Dialect] = {
    ("azure_openai", "chat_completions"): AZURE_CHAT,
    ("azure_openai", "responses"): AZURE_RESPONSES,
}


def dialect_for(record: Mapping[str, Any]) -> Dialect | None:
    """The dialect that reads this record, if there is one."""
    return VARIANTS.get((record["provider"], record["api"])) or DIALECTS.get(record["api"])
