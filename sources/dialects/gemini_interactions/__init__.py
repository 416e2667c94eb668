"""Gemini's Interactions: steps instead of contents, and a state that Google can keep.

https://ai.google.dev/api/interactions-api
"""

from __future__ import annotations

from typing import Final

from ....streams.sse import SsePayloads
from ...dialect import Dialect
from ..gemini.errors import encode_error, refuse
from .decode import InteractionsDecoder
from .encode import InteractionsEncoder
from .parse import parse
from .render import render

__all__ = ["GEMINI_INTERACTIONS"]


def frames() -> SsePayloads:
    """Events may hold whole pictures."""
    return SsePayloads(max_event_bytes=16 << 20)


GEMINI_INTERACTIONS: Final = Dialect(
    name="gemini_interactions",
    render=render,
    framer=frames,
    decoder=InteractionsDecoder,
    refuse=refuse,
    parse=parse,
    encode=InteractionsEncoder,
    encode_error=encode_error,
)
