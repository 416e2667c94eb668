"""A source and what is done with its tokens, described as a value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Generic, TypeVar, cast

from reactivex import Observable

from .batches import Batches
from .call import Call
from .demand import Demand
from .lint import Finding, findings
from .loops import require_no_loop
from .reader import Reader
from .request import CompletionRequest
from .step import Step, attached, piped, read_step
from .stream import Stream
from .tokens import StreamToken
from .types import Operator, Sink, Source

__all__ = ["Pipeline", "Step", "StreamPipelineBuilder"]

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Pipeline(Generic[T]):
    """A description: nothing is sent until it is subscribed, so one instance serves the whole process.

    The same pipeline can be awaited, read with ``async for``, run from a script, or subscribed to::

        reply = await pipeline.stream(request)              # the last item: a Reply after accumulate()
        async with pipeline.open(request) as tokens:        # at the reader's pace; leaving hangs up
            async for token in tokens: ...
        reply = pipeline.run(request)                       # in a script without a loop
        pipeline.stream(request).subscribe(print)           # as any observable
    """

    source: Source
    steps: tuple[Step, ...] = ()

    def stream(self, request: CompletionRequest, demand: Demand | None = None) -> Observable[T]:
        """A cold observable: each subscription sends the request once more, and disposing it hangs up.

        Args:
            request: What to ask.
            demand: Shared with a sink of your own that stores items; by default each subscription has its own.

        Returns:
            An observable of whatever the last step gives. It errors with a :class:`.StreamError` that knows
            the provider, its request id, and the reply and usage so far.

        Raises:
            TypeError: For what is no request.
        """
        if not isinstance(cast(Any, request), CompletionRequest):
            raise TypeError(f"a request is a CompletionRequest(model=…, messages=…), not {type(request).__name__}")
        return Stream(self, request, demand)

    def batches(self, request: CompletionRequest, demand: Demand | None = None) -> Observable[Sequence[T]]:
        """The same with lists for items: all that one network read brought, at least one, in order.

        One item when the model is slow, hundreds when it is fast; nothing ever waits for a list to fill. For a
        consumer that has a cost for each call, such as a socket's write or a screen's redrawing. Where the last
        step is an operator of RxPY, each list holds one::

            pipeline.batches(request).subscribe(page.show)

        Args:
            request, demand: As for :meth:`stream`.
        """
        return Batches(self.stream(request, demand))

    def open(
        self, request: CompletionRequest, *, high: int = 256, low: int | None = None, demand: Demand | None = None
    ) -> Reader[T]:
        """The same as an asynchronous iterator, in an ``async with``: at most ``high`` items and one read wait.

        With ``demand=AdaptiveDemand()`` the bound follows the reader.
        """
        return Reader(lambda wanted: self.stream(request, wanted), demand or Demand(high=high, low=low))

    def run(self, request: CompletionRequest) -> T:
        """Send the request, wait, and return the last item. For scripts.

        Raises:
            RuntimeError: Inside a running event loop (a notebook, a server): await :meth:`stream` there.
            StreamError: When the stream fails.
        """
        require_no_loop()
        return asyncio.run(self._run(request))

    def serve(self, call: Call) -> Observable[T]:
        """The stream for a call that somebody else has begun, such as one that falls back on this pipeline."""
        return after(self.source, self.steps, call)

    async def aclose(self) -> None:
        """Let go of the connections in this loop, the source's and its alternatives'; it can be used again."""
        closing = [step.close() for step in self.steps if step.close is not None]
        await asyncio.gather(self.source.aclose(), *closing)

    async def _run(self, request: CompletionRequest) -> T:
        try:
            return await self.stream(request)
        finally:
            await self.aclose()

    def describe(self) -> list[dict[str, str]]:
        """What it is made of, as plain data: a ``kind`` (source, pipe or attach) and a ``name`` for each line.

        >>> from reactivex import operators as ops
        >>> from tokenrill import OPENAI_CHAT, Replay
        >>> StreamPipelineBuilder.source(Replay(b"", OPENAI_CHAT)).pipe(ops.take(3)).build().describe()
        [{'kind': 'source', 'name': 'replay'}, {'kind': 'pipe', 'name': 'take'}]
        """
        return [{"kind": "source", "name": self.source.name}] + [
            {"kind": step.kind, "name": step.name} for step in self.steps
        ]

    def lint(self) -> list[Finding]:
        """What is likely wrong with it, before anything is sent; nothing found is a good answer.

        >>> from tokenrill import OPENAI_CHAT, Replay, StreamPipelineBuilder, accumulate
        >>> [finding.rule for finding in StreamPipelineBuilder.source(Replay(b"", OPENAI_CHAT)).build().lint()]
        ['no-deadline']
        """
        return list(findings(self.steps, self.source))

    def to_dict(self) -> dict[str, Any]:
        """The pipeline as data, ready for JSON or YAML: the source's name and the steps with their options.

        Raises:
            ValueError: When a step cannot be written down; the message says which, and why.
        """
        return {"source": self.source.name, "steps": [step.to_dict() for step in self.steps]}

    def __str__(self) -> str:
        return "\n".join(f"{STROKES[line['kind']]}{line['name']}" for line in self.describe())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


STROKES = {"source": "", "pipe": "  │ ", "attach": "  ├─ "}


def after(source: Source, steps: tuple[Step, ...], call: Call) -> Observable[Any]:
    """What the last of the steps gives, for this call."""
    number = len(steps)
    while number and steps[number - 1].join is not None:
        number -= 1
    if number:
        stream = steps[number - 1].bind(call, lambda whose: after(source, steps[: number - 1], whose))
    else:
        stream = source.stream(call)
    for step in steps[number:]:
        if step.join is not None:
            stream = step.join(call, stream)
    return stream


@dataclass(frozen=True, slots=True)
class StreamPipelineBuilder(Generic[T]):
    """Build a :class:`Pipeline` line by line. Each method returns a new builder, so one beginning can grow into many.

    Example:
        >>> from tokenrill import Replay, StreamPipelineBuilder, accumulate, OPENAI_CHAT
        >>> wire = b'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
        >>> pipeline = StreamPipelineBuilder.source(Replay(wire, OPENAI_CHAT)).pipe(accumulate()).build()
        >>> pipeline.run(CompletionRequest(model="any", messages="Hi")).text
        'Hello'
    """

    _pipeline: Pipeline[T]

    @staticmethod
    def source(source: Source) -> StreamPipelineBuilder[StreamToken]:
        """Begin with a provider, a recording, or any other :class:`.Source`.

        Raises:
            TypeError: For what is no source.
        """
        if not callable(getattr(source, "stream", None)) or isinstance(source, type):
            name = getattr(source, "__name__", "")
            hint = f": call it, .source({name}(…))" if callable(source) and name else ""
            raise TypeError(f"a source is a provider such as openai(), or a Replay, not {type(source).__name__}{hint}")
        pipeline: Pipeline[StreamToken] = Pipeline(source)
        return StreamPipelineBuilder(pipeline)

    def pipe(self, operator: Operator[T, U], *, name: str | None = None) -> StreamPipelineBuilder[U]:
        """Change everything from here on, with an operator of ours, of RxPY, or of your own.

        Raises:
            TypeError: For what is no operator, such as a function that makes one.
        """
        return self._then(piped(operator, name))

    def attach(self, sink: Sink[T], *, name: str | None = None) -> StreamPipelineBuilder[T]:
        """Let ``sink`` watch the stream as it is here. It can never break it.

        Raises:
            TypeError: For what is no sink, such as an observer.
        """
        return self._then(attached(sink, name))

    @staticmethod
    def from_dict(
        description: Mapping[str, Any], source: Source, vocabulary: Mapping[str, Callable[..., Any]]
    ) -> StreamPipelineBuilder[Any]:
        """Build what :meth:`Pipeline.to_dict` wrote down.

        Args:
            description: ``{"steps": [{"pipe": "filter_content", "with": {"phrases": ["secret"]}}, …]}``.
            source: Where the tokens come from; a description holds no key and makes no connection.
            vocabulary: The functions that may be named, such as ``tokenrill.VOCABULARY``, with yours added.

        Raises:
            ValueError: For a step that is none, a name that is not in the vocabulary, or options that do not fit.
        """
        builder: StreamPipelineBuilder[Any] = StreamPipelineBuilder.source(source)
        for number, step in enumerate(description.get("steps", ()), 1):
            kind, name, options = read_step(step, number)
            if name not in vocabulary:
                raise ValueError(f"step {number}: there is no {name!r}; there are {', '.join(sorted(vocabulary))}")
            try:
                made = vocabulary[name](**options)
            except TypeError as error:
                raise ValueError(f"step {number}: {error}") from error
            builder = builder.pipe(made) if kind == "pipe" else builder.attach(made)
        return builder

    def build(self) -> Pipeline[T]:
        """The pipeline, ready for requests."""
        return self._pipeline

    def _then(self, step: Step) -> StreamPipelineBuilder[Any]:
        return StreamPipelineBuilder(replace(self._pipeline, steps=(*self._pipeline.steps, step)))
