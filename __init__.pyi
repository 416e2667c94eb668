"""What ``import tokenrill`` offers, for type checkers; ``__init__.py`` loads each name when it is first used."""

from .operators import (
    accumulate as accumulate,
    buffer as buffer,
    circuit_break as circuit_break,
    compose as compose,
    deadline as deadline,
    decode as decode,
    fallback as fallback,
    filter_content as filter_content,
    parse_eventstream as parse_eventstream,
    parse_sse as parse_sse,
    race as race,
    rate_limit as rate_limit,
    resilient as resilient,
    resume as resume,
    retry as retry,
    transduce as transduce,
)
from .operators.fleet import RedisBreaker as RedisBreaker, RedisLimiter as RedisLimiter
from .runners.vocabulary import VOCABULARY as VOCABULARY
from .sinks.async_iter import async_iter as async_iter
from .sinks.console import console as console
from .sinks.marble import Marbles as Marbles
from .sinks.metrics import StreamMetrics as StreamMetrics
from .sinks.on_decision import on_decision as on_decision
from .sources.anthropic import anthropic as anthropic
from .sources.azure import azure as azure
from .sources.bedrock import bedrock as bedrock
from .sources.compatible import compatible as compatible
from .sources.dialects.anthropic_messages import ANTHROPIC_MESSAGES as ANTHROPIC_MESSAGES
from .sources.dialects.anthropic_text import ANTHROPIC_TEXT as ANTHROPIC_TEXT
from .sources.dialects.azure_chat import AZURE_CHAT as AZURE_CHAT, AZURE_RESPONSES as AZURE_RESPONSES
from .sources.dialects.bedrock_converse import BEDROCK_CONVERSE as BEDROCK_CONVERSE
from .sources.dialects.bedrock_invoke import BEDROCK_INVOKE as BEDROCK_INVOKE
from .sources.dialects.gemini import GEMINI as GEMINI, GEMINI_ARRAY as GEMINI_ARRAY
from .sources.dialects.gemini_interactions import GEMINI_INTERACTIONS as GEMINI_INTERACTIONS
from .sources.dialects.ollama_chat import OLLAMA_CHAT as OLLAMA_CHAT
from .sources.dialects.openai_chat import OPENAI_CHAT as OPENAI_CHAT
from .sources.dialects.openai_responses import OPENAI_RESPONSES as OPENAI_RESPONSES
from .sources.gcp import GoogleToken as GoogleToken
from .sources.gemini import gemini as gemini
from .sources.http import Http as Http
from .sources.instances import ProviderManager as ProviderManager
from .sources.openai import openai as openai
from .sources.provider import Provider as Provider
from .sources.registration import Registration as Registration
from .sources.registry import ProviderRegistry as ProviderRegistry
from .sources.replay import Replay as Replay
from .sources.vertex import vertex as vertex
from .sources.xai import xai as xai, xai_deferred as xai_deferred
from .streams.adaptive_demand import AdaptiveDemand as AdaptiveDemand
from .streams.alternative import Alternative as Alternative
from .streams.call import Call as Call
from .streams.circuit_breaker import Breaker as Breaker, CircuitBreaker as CircuitBreaker
from .streams.decisions import (
    BreakerState as BreakerState,
    Closed as Closed,
    Decision as Decision,
    Decisions as Decisions,
    Fallback as Fallback,
    FleetLink as FleetLink,
    GaveUp as GaveUp,
    Hedge as Hedge,
    LimiterRate as LimiterRate,
    Queued as Queued,
    Resume as Resume,
    Retry as Retry,
)
from .streams.demand import Demand as Demand
from .streams.errors import (
    ApiError as ApiError,
    AuthenticationError as AuthenticationError,
    CircuitOpen as CircuitOpen,
    ConnectError as ConnectError,
    ConnectionLost as ConnectionLost,
    ContentBlocked as ContentBlocked,
    InvalidRequest as InvalidRequest,
    LimitExceeded as LimitExceeded,
    MalformedEvent as MalformedEvent,
    MissingCredential as MissingCredential,
    NameResolutionError as NameResolutionError,
    Overloaded as Overloaded,
    PermissionDenied as PermissionDenied,
    ProtocolError as ProtocolError,
    RateLimited as RateLimited,
    RedirectRefused as RedirectRefused,
    StreamError as StreamError,
    StreamStalled as StreamStalled,
    StreamTruncated as StreamTruncated,
    TlsError as TlsError,
    TransportError as TransportError,
    UnexpectedContent as UnexpectedContent,
)
from .streams.eventstream import EventStreamMessage as EventStreamMessage, EventStreamParser as EventStreamParser
from .streams.lint import Finding as Finding
from .streams.local_limiter import LocalLimiter as LocalLimiter
from .streams.ndjson import NdjsonLines as NdjsonLines
from .streams.parts import (
    Document as Document,
    Image as Image,
    Part as Part,
    ReasoningPart as ReasoningPart,
    RefusalPart as RefusalPart,
    Text as Text,
    ToolCall as ToolCall,
    ToolResult as ToolResult,
)
from .streams.pipeline import Pipeline as Pipeline, StreamPipelineBuilder as StreamPipelineBuilder
from .streams.rate_limiter import RateLimiter as RateLimiter
from .streams.reader import Reader as Reader
from .streams.recipe import Recipe as Recipe, recorded as recorded
from .streams.reply import Choice as Choice, Reply as Reply, ReplyBuilder as ReplyBuilder
from .streams.request import (
    CompletionRequest as CompletionRequest,
    Message as Message,
    Reasoning as Reasoning,
    ResponseFormat as ResponseFormat,
    Tool as Tool,
    ToolChoice as ToolChoice,
)
from .streams.retry_budget import RetryBudget as RetryBudget
from .streams.sse import SseEvent as SseEvent, SseParser as SseParser, SsePayloads as SsePayloads
from .streams.tokens import (
    Citation as Citation,
    Finish as Finish,
    FinishReason as FinishReason,
    Logprobs as Logprobs,
    RateLimit as RateLimit,
    RateLimits as RateLimits,
    Raw as Raw,
    ReasoningDelta as ReasoningDelta,
    ReasoningSignature as ReasoningSignature,
    RefusalDelta as RefusalDelta,
    ResponseStart as ResponseStart,
    Retract as Retract,
    Seam as Seam,
    StreamToken as StreamToken,
    TextDelta as TextDelta,
    TokenLogprob as TokenLogprob,
    ToolCallDelta as ToolCallDelta,
    ToolCallEnd as ToolCallEnd,
    ToolCallStart as ToolCallStart,
    Usage as Usage,
    is_content as is_content,
)
from .streams.types import Operator as Operator, Sink as Sink, Source as Source, Transducer as Transducer
from .streams.watch import watch as watch

__all__: list[str]
__version__: str
