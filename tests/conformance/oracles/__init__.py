"""What each recorded API expects, and which dialect reads it: one row an API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenrill import OPENAI_CHAT
from tokenrill.sources.dialect import Dialect

from .chat import chat_completions
from .rows import Oracle

__all__ = ["DIALECTS", "ORACLES", "dialect_for"]

DIALECTS: dict[str, Dialect] = {"chat_completions": OPENAI_CHAT}
ORACLES: dict[str, Oracle] = {"chat_completions": chat_completions}


def dialect_for(record: Mapping[str, Any]) -> Dialect | None:
    """The dialect that reads this record, if there is one."""
    return DIALECTS.get(record["api"])
