"""The ways that are open where the server keeps what it has answered."""

from __future__ import annotations

from typing import Final

from .message import Quoting
from .passage import Way
from .poll import Poll
from .sequence import RESPONSES_CURSOR, Sequence

__all__ = ["RESPONSES"]

RESPONSES: Final[tuple[Way, ...]] = (Sequence(RESPONSES_CURSOR), Poll(), Quoting())
"""For OpenAI's Responses, which are kept when they were asked for in the background."""
