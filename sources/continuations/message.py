"""Ask the model, as a user would, to go on. It is the way for models that take no prefill.

https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/claude-prompting-best-practices
"""

from __future__ import annotations

from dataclasses import dataclass

from ...streams.call import Call
from ...streams.carry_on import TAIL, going_on, quoting
from ...streams.errors import StreamError
from ...streams.joint import Joint, Overlap
from ...streams.tokens import Seam
from .passage import Passage, Plan

__all__ = ["Quoting", "seam"]


@dataclass(frozen=True, slots=True)
class Quoting:
    """A turn of the user's that quotes the end of the answer; what the model repeats of it is left out."""

    name: str = "message"
    gapless: bool = False

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Plan | str:
        broken = call.attempt
        text = broken.reply.text
        request = quoting(going_on(broken), text)
        return passage.asking(
            request,
            broken,
            passage.provider,
            lambda decoder: Joint(decoder, Overlap(text[-TAIL:]), seam(passage, self.name, error)),
        )


def seam(passage: Passage, name: str, error: StreamError) -> Seam:
    """Who speaks from here on, and why."""
    return Seam(passage.provider.name, f"{name} after {type(error).__name__}")
