"""Stream any AI provider as an Rx observable: compose, filter, measure and replay answers with operators.

Everything public can be imported from here; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operators import accumulate, deadline, decode, filter_content, parse_eventstream, parse_sse, transduce
    from .runners.vocabulary import VOCABULARY
    from .sinks.async_iter import async_iter
    from .sinks.console import console
    from .sinks.metrics import StreamMetrics
    from .sources.anthropic import anthropic
    from .sources.azure import azure
    from .sources.bedrock import bedrock
    from .sources.compatible import compatible
    from .sources.dialects.anthropic_messages import ANTHROPIC_MESSAGES
    from .sources.dialects.anthropic_text import ANTHROPIC_TEXT
    from .sources.dialects.azure_chat import AZURE_CHAT, AZURE_RESPONSES
    from .sources.dialects.bedrock_converse import BEDROCK_CONVERSE
    from .sources.dialects.bedrock_invoke import BEDROCK_INVOKE
    from .sources.dialects.gemini import GEMINI, GEMINI_ARRAY
    from .sources.dialects.gemini_interactions import GEMINI_INTERACTIONS
    from .sources.dialects.ollama_chat import OLLAMA_CHAT
    from .sources.dialects.openai_chat import OPENAI_CHAT
    from .sources.dialects.openai_responses import OPENAI_RESPONSES
    from .sources.gcp import GoogleToken
    from .sources.gemini import gemini
    from .sources.http import Http
    from .sources.openai import openai
    from .sources.provider import Provider
    from .sources.replay import Replay
    from .sources.vertex import vertex
    from .sources.xai import xai, xai_deferred
    from .streams.call import Call
    from .streams.demand import Demand
    from .streams.errors import (
        ApiError,
        AuthenticationError,
        CircuitOpen,
        ConnectError,
        ConnectionLost,
        ContentBlocked,
        InvalidRequest,
        LimitExceeded,
        MalformedEvent,
        MissingCredential,
        NameResolutionError,
        Overloaded,
        PermissionDenied,
        ProtocolError,
        RateLimited,
        RedirectRefused,
        StreamError,
        StreamStalled,
        StreamTruncated,
        TlsError,
        TransportError,
        UnexpectedContent,
    )
    from .streams.eventstream import EventStreamMessage, EventStreamParser
    from .streams.lint import Finding
    from .streams.ndjson import NdjsonLines
    from .streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
    from .streams.pipeline import Pipeline, StreamPipelineBuilder
    from .streams.reader import Reader
    from .streams.recipe import Recipe, recorded
    from .streams.reply import Choice, Reply, ReplyBuilder
    from .streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Tool, ToolChoice
    from .streams.sse import SseEvent, SseParser, SsePayloads
    from .streams.tokens import (
        Citation,
        Finish,
        FinishReason,
        Logprobs,
        RateLimit,
        RateLimits,
        Raw,
        ReasoningDelta,
        ReasoningSignature,
        RefusalDelta,
        ResponseStart,
        Retract,
        Seam,
        StreamToken,
        TextDelta,
        TokenLogprob,
        ToolCallDelta,
        ToolCallEnd,
        ToolCallStart,
        Usage,
        is_content,
    )
    from .streams.types import Operator, Sink, Source, Transducer
    from .streams.watch import watch

__version__ = "0.1.0"

WHERE = {
    "runners.vocabulary": "VOCABULARY",
    "operators": "accumulate deadline decode filter_content parse_eventstream parse_sse transduce",
    "sinks.async_iter": "async_iter",
    "sinks.console": "console",
    "sinks.metrics": "StreamMetrics",
    "sources.anthropic": "anthropic",
    "sources.dialects.anthropic_messages": "ANTHROPIC_MESSAGES",
    "sources.dialects.anthropic_text": "ANTHROPIC_TEXT",
    "sources.azure": "azure",
    "sources.bedrock": "bedrock",
    "sources.compatible": "compatible",
    "sources.dialects.azure_chat": "AZURE_CHAT AZURE_RESPONSES",
    "sources.dialects.gemini": "GEMINI GEMINI_ARRAY",
    "sources.dialects.gemini_interactions": "GEMINI_INTERACTIONS",
    "sources.dialects.bedrock_converse": "BEDROCK_CONVERSE",
    "sources.dialects.bedrock_invoke": "BEDROCK_INVOKE",
    "sources.dialects.ollama_chat": "OLLAMA_CHAT",
    "sources.dialects.openai_chat": "OPENAI_CHAT",
    "sources.dialects.openai_responses": "OPENAI_RESPONSES",
    "sources.gcp": "GoogleToken",
    "sources.gemini": "gemini",
    "sources.http": "Http",
    "sources.openai": "openai",
    "sources.provider": "Provider",
    "sources.replay": "Replay",
    "sources.vertex": "vertex",
    "sources.xai": "xai xai_deferred",
    "streams.call": "Call",
    "streams.demand": "Demand",
    "streams.errors": "ApiError AuthenticationError CircuitOpen ConnectError ConnectionLost ContentBlocked "
    "InvalidRequest LimitExceeded MalformedEvent MissingCredential NameResolutionError Overloaded PermissionDenied "
    "ProtocolError RateLimited RedirectRefused StreamError StreamStalled StreamTruncated TlsError TransportError "
    "UnexpectedContent",
    "streams.eventstream": "EventStreamMessage EventStreamParser",
    "streams.ndjson": "NdjsonLines",
    "streams.parts": "Document Image Part ReasoningPart RefusalPart Text ToolCall ToolResult",
    "streams.pipeline": "Pipeline StreamPipelineBuilder",
    "streams.lint": "Finding",
    "streams.reader": "Reader",
    "streams.recipe": "Recipe recorded",
    "streams.reply": "Choice Reply ReplyBuilder",
    "streams.request": "CompletionRequest Message Reasoning ResponseFormat Tool ToolChoice",
    "streams.sse": "SseEvent SseParser SsePayloads",
    "streams.tokens": "Citation Finish FinishReason Logprobs RateLimit RateLimits Raw ReasoningDelta "
    "ReasoningSignature RefusalDelta ResponseStart Retract Seam StreamToken TextDelta TokenLogprob ToolCallDelta "
    "ToolCallEnd ToolCallStart Usage is_content",
    "streams.types": "Operator Sink Source Transducer",
    "streams.watch": "watch",
}
HOME = {name: module for module, names in WHERE.items() for name in names.split()}

__all__ = sorted(HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module 'tokenrill' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{HOME[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
