"""Stream any AI provider as an Rx observable: compose, filter, measure and replay answers with operators.

Everything public can be imported from here; each name is loaded when it is first used. Type checkers read
``__init__.pyi``, which names the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

WHERE = {
    "runners.vocabulary": "VOCABULARY",
    "operators": "accumulate buffer circuit_break compose deadline decode fallback filter_content parse_eventstream "
    "parse_sse race rate_limit resilient resume retry transduce",
    "operators.fleet": "RedisBreaker RedisLimiter",
    "sinks.async_iter": "async_iter",
    "sinks.console": "console",
    "sinks.marble": "Marbles",
    "sinks.metrics": "StreamMetrics",
    "sinks.on_decision": "on_decision",
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
    "sources.instances": "ProviderManager",
    "sources.openai": "openai",
    "sources.provider": "Provider",
    "sources.registration": "Registration",
    "sources.registry": "ProviderRegistry",
    "sources.replay": "Replay",
    "sources.vertex": "vertex",
    "sources.xai": "xai xai_deferred",
    "streams.adaptive_demand": "AdaptiveDemand",
    "streams.alternative": "Alternative",
    "streams.call": "Call",
    "streams.circuit_breaker": "Breaker CircuitBreaker",
    "streams.decisions": "BreakerState Closed Decision Decisions Fallback FleetLink GaveUp Hedge LimiterRate Queued "
    "Resume Retry",
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
    "streams.local_limiter": "LocalLimiter",
    "streams.rate_limiter": "RateLimiter",
    "streams.reader": "Reader",
    "streams.recipe": "Recipe recorded",
    "streams.reply": "Choice Reply ReplyBuilder",
    "streams.request": "CompletionRequest Message Reasoning ResponseFormat Tool ToolChoice",
    "streams.retry_budget": "RetryBudget",
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
