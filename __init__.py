"""Stream any AI provider as an Rx observable: compose, filter, measure and replay answers with operators.

Everything public can be imported from here; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operators import accumulate, deadline, decode, filter_content, parse_sse, transduce
    from .sinks.async_iter import async_iter
    from .sinks.console import console
    from .sinks.metrics import StreamMetrics
    from .sources.dialects.openai_chat import OPENAI_CHAT
    from .sources.http import Http
    from .sources.openai import openai
    from .sources.provider import Provider
    from .sources.replay import Replay
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
    from .streams.parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult
    from .streams.pipeline import Pipeline, StreamPipelineBuilder
    from .streams.reader import Reader
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
    "operators": "accumulate deadline decode filter_content parse_sse transduce",
    "sinks.async_iter": "async_iter",
    "sinks.console": "console",
    "sinks.metrics": "StreamMetrics",
    "sources.dialects.openai_chat": "OPENAI_CHAT",
    "sources.http": "Http",
    "sources.openai": "openai",
    "sources.provider": "Provider",
    "sources.replay": "Replay",
    "streams.call": "Call",
    "streams.demand": "Demand",
    "streams.errors": "ApiError AuthenticationError CircuitOpen ConnectError ConnectionLost ContentBlocked "
    "InvalidRequest LimitExceeded MalformedEvent MissingCredential NameResolutionError Overloaded PermissionDenied "
    "ProtocolError RateLimited RedirectRefused StreamError StreamStalled StreamTruncated TlsError TransportError "
    "UnexpectedContent",
    "streams.parts": "Document Image Part ReasoningPart RefusalPart Text ToolCall ToolResult",
    "streams.pipeline": "Pipeline StreamPipelineBuilder",
    "streams.reader": "Reader",
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
