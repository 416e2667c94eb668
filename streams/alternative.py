"""Somebody else who may be asked the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from reactivex import Observable

from .call import Call
from .pipeline import Pipeline
from .request import CompletionRequest
from .step import piped
from .tokens import StreamToken
from .types import Operator, Source

__all__ = ["Alternative"]


class Alternative:
    """A source to fall back on, or to race with, and how the request must change for it.

    Another provider has other names for its models, and may want other options. A pipeline brings its own retries,
    limits and deadlines along; without one the alternative is asked plainly.

    >>> from tokenrill import CompletionRequest, OPENAI_CHAT, Replay
    >>> backup = Alternative(Replay(b"", OPENAI_CHAT), model="small", max_tokens=100)
    >>> backup.name, backup.request(CompletionRequest(model="large", messages="Hi")).model
    ('replay', 'small')

    Args:
        source: A source, or a pipeline whose last step gives tokens.
        changes: Fields of :class:`~tokenrill.CompletionRequest`, with other values for this source.

    Raises:
        ValueError: For a field that a request does not have.
    """

    __slots__ = ("_changes", "_pipeline")

    def __init__(self, source: Source | Pipeline[StreamToken], **changes: Any) -> None:
        self._pipeline: Pipeline[StreamToken] = source if isinstance(source, Pipeline) else Pipeline(source)
        if unknown := changes.keys() - set(CompletionRequest.__struct_fields__):
            raise ValueError(f"a request has no {', '.join(sorted(unknown))}")
        self._changes = changes

    def __repr__(self) -> str:
        return f"Alternative({self.name!r})"

    @property
    def name(self) -> str:
        """Who is asked (``gen_ai.provider.name``)."""
        return self._pipeline.source.name

    @property
    def source(self) -> Source:
        """Who is asked."""
        return self._pipeline.source

    @property
    def changes(self) -> Mapping[str, Any]:
        """What is different in the request."""
        return self._changes

    def request(self, request: CompletionRequest) -> CompletionRequest:
        """What this one is asked."""
        return replace(request, **self._changes) if self._changes else request

    @property
    def is_plain(self) -> bool:
        """Whether it is a source with nothing around it."""
        return not self._pipeline.steps

    def through(self, operator: Operator[StreamToken, StreamToken]) -> Alternative:
        """The same, with ``operator`` after what it has."""
        step = piped(operator)
        return Alternative(Pipeline(self._pipeline.source, (*self._pipeline.steps, step)), **self._changes)

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        """The answer to the call's request."""
        return self._pipeline.serve(call)

    async def aclose(self) -> None:
        """Let go of its connections in this loop."""
        await self._pipeline.aclose()
