"""Hear what is decided about the calls of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactivex import Observer, abc

from ..streams.call import Call
from ..streams.decisions import Decision
from ..streams.types import Sink

__all__ = ["on_decision"]


def on_decision(hear: Callable[[Decision], None]) -> Sink[Any]:
    """Call ``hear`` with every decision about every call, as it is made. A sink: ``.attach(on_decision(print))``.

    It says nothing of the stream itself. One that raises is logged and told no more of that call; it breaks nothing.

    Example:
        >>> from tokenrill import OPENAI_CHAT, CompletionRequest, Replay, StreamPipelineBuilder, resilient
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
        >>> heard = []
        >>> builder = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).pipe(resilient())
        >>> _ = builder.attach(on_decision(heard.append)).build().run(CompletionRequest(model="any", messages="Hi"))
        >>> heard
        []

    Args:
        hear: Is given a :data:`~tokenrill.Decision`: a retry, a seam, a wait, a change of state.
    """

    def attach(call: Call) -> abc.ObserverBase[Any]:
        call.decisions.subscribe(hear)
        return Observer(on_error=ignore)

    return attach


def ignore(error: Exception) -> None:
    """The stream's own errors are its consumer's."""
