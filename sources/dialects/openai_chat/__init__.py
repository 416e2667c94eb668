"""OpenAI chat completions: the dialect that most servers speak.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Final

from ....streams.sse import SsePayloads
from ...dialect import Dialect
from ...rate_limits import openai_rate_limits
from .decode import ChatDecoder
from .encode import ChatEncoder
from .errors import encode_error, refuse
from .parse import parse
from .render import render

__all__ = ["OPENAI_CHAT"]

OPENAI_CHAT: Final = Dialect(
    name="openai_chat",
    render=render,
    framer=SsePayloads,
    decoder=ChatDecoder,
    refuse=refuse,
    parse=parse,
    encode=ChatEncoder,
    encode_error=encode_error,
    request_id_headers=("x-request-id", "apim-request-id"),
    rate_limits=openai_rate_limits,
)
