"""The list of models, in each provider's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...streams.codec import Json

__all__ = ["anthropic_models", "gemini_models", "ollama_models", "openai_models"]

LONG_AGO: Final = "1970-01-01T00:00:00Z"


def openai_models(models: Sequence[str]) -> Json:
    """The answer of OpenAI's ``GET /v1/models``."""
    data = [{"id": model, "object": "model", "created": 0, "owned_by": "tokenrill"} for model in models]
    return {"object": "list", "data": data}


def anthropic_models(models: Sequence[str]) -> Json:
    """The answer of Anthropic's ``GET /v1/models``."""
    data = [{"type": "model", "id": model, "display_name": model, "created_at": LONG_AGO} for model in models]
    ends = {"first_id": models[0], "last_id": models[-1]} if models else {"first_id": None, "last_id": None}
    return {"data": data, "has_more": False, **ends}


def gemini_models(models: Sequence[str]) -> Json:
    """The answer of Gemini's ``GET /v1beta/models``."""
    methods = ["generateContent", "streamGenerateContent"]
    named = [
        {"name": f"models/{model}", "displayName": model, "supportedGenerationMethods": methods} for model in models
    ]
    return {"models": named}


def ollama_models(models: Sequence[str]) -> Json:
    """The answer of Ollama's ``GET /api/tags``."""
    return {"models": [{"name": model, "model": model, "modified_at": LONG_AGO} for model in models]}
