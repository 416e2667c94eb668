"""What a provider would send, as the vendor's documentation writes it."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from tokenrill import CompletionRequest
from tokenrill.sources.provider import Provider

__all__ = ["KEY", "Sent", "sent"]

KEY = "key-canary-1234567890"
Sent: TypeAlias = tuple[str, str, dict[str, str], Any]


async def sent(provider: Provider, request: CompletionRequest) -> Sent:
    """Method, address, headers and body."""
    prepared = await provider.prepare(request)
    return prepared.method, prepared.url, dict(prepared.headers), json.loads(prepared.body)
