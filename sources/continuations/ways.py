"""The ways that providers list, best first."""

from __future__ import annotations

from typing import Final

from .message import Quoting
from .passage import Way
from .prefill import Prefill, old_claude
from .sequence import INTERACTIONS_CURSOR, Sequence

__all__ = ["ANY_MODEL", "CLAUDE", "DEEPSEEK", "INTERACTIONS", "MISTRAL"]

ANY_MODEL: Final[tuple[Way, ...]] = (Quoting(),)
"""For every model that holds a conversation."""

CLAUDE: Final[tuple[Way, ...]] = (Prefill(old_claude), Quoting())
"""For Claude wherever it is, and servers that have it among others."""

INTERACTIONS: Final[tuple[Way, ...]] = (Sequence(INTERACTIONS_CURSOR), Quoting())
"""For Gemini's Interactions, which are kept unless they were asked for with ``store=False``."""

# https://docs.mistral.ai/api/endpoint/chat : "prefix"
MISTRAL: Final[tuple[Way, ...]] = (Prefill(marked={"prefix": True}, echoes=True), Quoting())


def deepseek_beta(endpoint: str) -> str | None:
    """Prefixes are taken below ``/beta``, on DeepSeek's own server.

    >>> deepseek_beta("https://api.deepseek.com/chat/completions")
    'https://api.deepseek.com/beta/chat/completions'
    """
    host = "https://api.deepseek.com/"
    if not endpoint.startswith(host):
        return None
    return host + "beta/" + endpoint.removeprefix(host).removeprefix("beta/").removeprefix("v1/")


# https://api-docs.deepseek.com/guides/chat_prefix_completion
DEEPSEEK: Final[tuple[Way, ...]] = (Prefill(marked={"prefix": True}, endpoint=deepseek_beta, echoes=True), Quoting())
