"""Gemini's generateContent, as Google AI Studio and Vertex AI speak it.

https://ai.google.dev/api/generate-content

The address names the model, so the body does not, and ``parse`` wants it put in: ``parse({**body, "model": model})``.
:data:`GEMINI_ARRAY` is what a server says without ``alt=sse``; both are read alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...dialect import Dialect
from .decode import GeminiDecoder
from .encode import GeminiArrayEncoder, GeminiEncoder
from .errors import encode_error, refuse
from .frames import GeminiFrames
from .parse import parse
from .render import render, render_vertex

__all__ = ["GEMINI", "GEMINI_ARRAY", "render_vertex"]

GEMINI: Final = Dialect(
    name="gemini",
    render=render,
    framer=GeminiFrames,
    decoder=GeminiDecoder,
    refuse=refuse,
    parse=parse,
    encode=GeminiEncoder,
    encode_error=encode_error,
    content_types=("text/event-stream", "application/json"),
)
GEMINI_ARRAY: Final = replace(
    GEMINI, encode=GeminiArrayEncoder, content_types=("application/json", "text/event-stream")
)
