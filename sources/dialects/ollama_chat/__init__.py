"""Ollama's own chat: one JSON object a line. https://docs.ollama.com/api/chat"""

from __future__ import annotations

from typing import Final

from ...dialect import Dialect
from ..openai_chat.errors import refuse
from .decode import OllamaDecoder
from .encode import OllamaEncoder, encode_error
from .lines import OllamaLines
from .parse import parse
from .render import render

__all__ = ["OLLAMA_CHAT"]

OLLAMA_CHAT: Final = Dialect(
    name="ollama_chat",
    render=render,
    framer=OllamaLines,
    decoder=OllamaDecoder,
    refuse=refuse,
    parse=parse,
    encode=OllamaEncoder,
    encode_error=encode_error,
    content_types=("application/x-ndjson", "application/ndjson"),
)
