"""OpenAI Responses: typed events, one item of the answer after the other.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ....streams.sse import SsePayloads
from ...dialect import Dialect
from ...rate_limits import openai_rate_limits
from ..openai_chat.errors import encode_error
from .decode import ResponsesDecoder
from .encode import ResponsesEncoder
from .errors import refuse
from .parse import parse
from .render import render

__all__ = ["OPENAI_RESPONSES"]

# A generated picture is one event of megabytes, and the last event repeats it.
MAX_EVENT_BYTES: Final = 16 << 20

OPENAI_RESPONSES: Final = Dialect(
    name="openai_responses",
    render=render,
    framer=partial(SsePayloads, max_event_bytes=MAX_EVENT_BYTES),
    decoder=ResponsesDecoder,
    refuse=refuse,
    parse=parse,
    encode=ResponsesEncoder,
    encode_error=encode_error,
    request_id_headers=("x-request-id", "apim-request-id"),
    rate_limits=openai_rate_limits,
)
