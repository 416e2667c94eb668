"""Anthropic's Messages: what Claude speaks, at home and on other clouds.

https://platform.claude.com/docs/en/api/messages

For Claude on another host vary the constant: ``replace(ANTHROPIC_MESSAGES, render=render_for("vertex"))``, or
``render_for("bedrock", betas=…)`` with Amazon's frames; the decoder is the same. Their bodies name no model, so
``parse`` wants it put in from the address: ``parse({**body, "model": model})``.
"""

from __future__ import annotations

from typing import Final

from ....streams.sse import SsePayloads
from ...dialect import Dialect
from ...rate_limits import anthropic_rate_limits
from .decode import MessagesDecoder
from .encode import MessagesEncoder
from .errors import encode_error, refuse
from .parse import parse
from .render import render, render_for

__all__ = ["ANTHROPIC_MESSAGES", "render_for"]

ANTHROPIC_MESSAGES: Final = Dialect(
    name="anthropic_messages",
    render=render,
    framer=SsePayloads,
    decoder=MessagesDecoder,
    refuse=refuse,
    parse=parse,
    encode=MessagesEncoder,
    encode_error=encode_error,
    request_id_headers=("request-id", "x-request-id"),
    rate_limits=anthropic_rate_limits,
)
